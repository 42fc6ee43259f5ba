"""Where a backbone's first weights come from: the hub, the hub's cache, or a file."""

import sys
import urllib.error
import urllib.request
import warnings
from pathlib import Path
from typing import Any

import timm
import torch
from huggingface_hub import constants, try_to_load_from_cache
from timm.models import adapt_input_conv, load_state_dict
from torch import Tensor, nn

from unmask.core.errors import CheckpointError

HUB_TIMEOUT_SECONDS = 5.0


def create_pretrained(name: str, knobs: dict[str, Any]) -> nn.Module:
    """Create a timm network with its published weights.

    Args:
        name: A timm architecture, with or without a ``.tag``.
        knobs: Further keywords of ``timm.create_model``.

    Raises:
        CheckpointError: If the weights are neither cached nor to be had; at once, without retries.
    """
    hub_id = getattr(timm.get_pretrained_cfg(name), "hf_hub_id", None)
    if hub_id is None:
        raise _no_weights(name, "timm publishes none for it")
    # The hub's client retries for most of a minute before it says that there is no network.
    if not _is_cached(hub_id) and not _hub_answers():
        raise _no_weights(name, f"they are not cached and {constants.ENDPOINT} does not answer")
    try:
        network: nn.Module = timm.create_model(name, pretrained=True, num_classes=0, **knobs)
    except Exception as error:
        cause = str(error).strip().splitlines() or [type(error).__name__]
        raise _no_weights(name, cause[0][:160]) from error
    return network


def load_weights(network: nn.Module, path: Path, name: str) -> None:
    """Load a backbone's weights from a file, ignoring the classifier that was trained with them.

    Weights for another image size or for RGB are converted as timm converts its published ones.

    Args:
        network: The network to fill, without a classifier.
        path: ``.pth``, ``.bin`` or ``.safetensors``, opened without running any code in it.
        name: The architecture, for the messages.

    Raises:
        CheckpointError: If the file is missing, unreadable or of another architecture.
    """
    if not path.is_file():
        raise CheckpointError(f"There is no file of weights at {path} (model.backbone.weights).")
    try:
        state: dict[str, Tensor] = load_state_dict(str(path), device="cpu", weights_only=True)
    except Exception as error:
        first_line = str(error).partition("\n")[0]
        raise CheckpointError(f"{path} is not a readable file of weights: {first_line}") from error
    own = network.state_dict()
    if any(_misfits(own, state)):
        state = _converted(network, own, state)
    missing, wrong = _misfits(own, state)
    if missing or wrong:
        example = (missing or wrong)[0]
        raise CheckpointError(
            f"{path} does not fit '{name}': {len(missing)} tensors are missing and {len(wrong)} "
            f"have another shape, e.g. '{example}'. Check model.backbone.name."
        )
    with torch.no_grad():
        network.load_state_dict({key: state[key] for key in own})


def _misfits(own: dict[str, Tensor], state: dict[str, Tensor]) -> tuple[list[str], list[str]]:
    """Return the names of tensors that are missing, and of those with another shape."""
    wrong = [key for key in set(own) & set(state) if own[key].shape != state[key].shape]
    return sorted(set(own) - set(state)), sorted(wrong)


def _converted(
    network: nn.Module, own: dict[str, Tensor], state: dict[str, Tensor]
) -> dict[str, Tensor]:
    """Resize position embeddings and sum RGB kernels, as timm does for its published weights."""
    resize = getattr(sys.modules[type(network).__module__], "checkpoint_filter_fn", None)
    if resize is not None:
        try:
            with warnings.catch_warnings():
                # timm resizes Swin's biases in ways of speaking that torch warns of.
                warnings.simplefilter("ignore", UserWarning)
                state = resize(dict(state), network)
        except (AssertionError, AttributeError, IndexError, KeyError, RuntimeError, ValueError):
            return state  # it expects this architecture, and the file is of another
    return {
        key: adapt_input_conv(1, tensor)
        if key in own and tensor.ndim == 4 and _is_luma_of(own[key], tensor)
        else tensor
        for key, tensor in state.items()
    }


def _is_luma_of(own: Tensor, tensor: Tensor) -> bool:
    """Return whether a kernel for one channel meets one for three that is like it otherwise."""
    return own.shape[1:2] == (1,) and tensor.shape == (own.shape[0], 3, *own.shape[2:])


def _is_cached(hub_id: str) -> bool:
    return any(
        isinstance(try_to_load_from_cache(hub_id, file), str)
        for file in ("model.safetensors", "pytorch_model.bin")
    )


def _hub_answers() -> bool:
    request = urllib.request.Request(constants.ENDPOINT, method="HEAD")  # noqa: S310 - the hub's own address
    try:
        with urllib.request.urlopen(request, timeout=HUB_TIMEOUT_SECONDS):  # noqa: S310 - see above
            return True
    except urllib.error.HTTPError:
        return True  # an answer, if an unfriendly one: let the client say what is wrong
    except OSError:
        return False


def _no_weights(name: str, cause: str) -> CheckpointError:
    return CheckpointError(
        f"The pretrained weights of '{name}' cannot be loaded: {cause}. Train from scratch with "
        "model.backbone.pretrained=false, or name a local file with model.backbone.weights=<file>."
    )
