"""Monte Carlo dropout: how much a score depends on which features happen to be there."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from unmask.core.errors import ConfigError
from unmask.explain.clip import FloatArray, explaining
from unmask.models.detector import ClipDetector, fake_scores


@dataclass(frozen=True)
class DropoutScores:
    """Scores of clips under dropout.

    Attributes:
        mean: ``(clips,)``, in [0, 1].
        std: ``(clips,)``, of the sample, with ``num_samples - 1`` in the denominator.
        samples: ``(num_samples, clips)``, in [0, 1].
    """

    mean: FloatArray
    std: FloatArray
    samples: FloatArray


def mc_dropout(
    detector: ClipDetector,
    frames: Tensor,
    is_frame: Tensor,
    *,
    num_samples: int = 30,
    seed: int = 0,
) -> DropoutScores:
    """Score clips several times with dropout as in training, and everything else as in use.

    Gal and Ghahramani, "Dropout as a Bayesian Approximation: Representing Model Uncertainty in Deep
    Learning", ICML 2016. Normalisations keep their running statistics, and stochastic depth stays
    off. The spread depends on the rates that the model was trained with; it is no probability.

    Args:
        detector: One with dropout. Its modes and the generator of torch are as before afterwards.
        frames: RGB, ``(clips, frames, 3, height, width)``, uint8.
        is_frame: False where a frame is padding, ``(clips, frames)``.
        num_samples: At least 2.
        seed: Equal seeds draw equally.

    Returns:
        Mean, standard deviation and each sample of the clips' scores.

    Raises:
        ValueError: If ``num_samples`` is less than 2.
        ConfigError: If the detector has no dropout.
    """
    if num_samples < 2:
        raise ValueError(f"num_samples must be at least 2 to have a spread, got {num_samples}.")
    if not any(_drops(module) for module in detector.modules()):
        raise ConfigError(
            "Monte Carlo dropout needs a detector with dropout, and this one has none above 0; it "
            "would have to be trained with one, e.g. model.head.dropout=0.4."
        )
    devices = [frames.device] if frames.device.type == "cuda" else []
    with torch.random.fork_rng(devices), torch.no_grad(), dropping(detector):
        torch.manual_seed(seed)
        scores = [fake_scores(detector(frames, is_frame)).cpu() for _ in range(num_samples)]
    samples = torch.stack(scores)
    return DropoutScores(samples.mean(dim=0).numpy(), samples.std(dim=0).numpy(), samples.numpy())


@contextmanager
def dropping(detector: nn.Module | ClipDetector) -> Iterator[None]:
    """Put in training mode what drops, and nothing else; put all back afterwards."""
    with explaining(detector):
        for module in detector.modules():
            # The flag alone: train() would pass it on, also to normalisations.
            module.training = _drops(module) or isinstance(
                # In evaluation mode these take a fast path that knows of no dropout.
                module,
                nn.TransformerEncoder | nn.TransformerEncoderLayer,
            )
        yield


def _drops(module: nn.Module) -> bool:
    """Return whether a module of its own drops anything in training mode."""
    if isinstance(module, _DropoutNd):
        return module.p > 0
    if isinstance(module, nn.RNNBase):
        return bool(module.dropout > 0 and module.num_layers > 1)
    if isinstance(module, nn.MultiheadAttention):
        return bool(module.dropout > 0)
    # timm's networks without a layer for it call F.dropout with their own flag.
    rate = getattr(module, "drop_rate", 0.0)
    return isinstance(rate, float) and rate > 0
