"""Every head learns eight demo clips by heart, and one that loses a frame cannot.

Four people, a real and a fake clip each. The two differ in one frame, another one for every person,
so that the loss cannot fall unless every frame counts.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from unmask.data.dataset import read_crop
from unmask.demo.temporal import TemporalTruth, make_temporal_truth
from unmask.models.detector import Detector
from unmask.models.heads.attention import AttentionHead
from unmask.models.heads.pooling import MaxHead, MeanHead
from unmask.models.heads.recurrent import GRUHead, LSTMHead
from unmask.models.heads.transformer import TransformerHead
from unmask.models.plain_cnn import PlainCNN
from unmask.models.tall import TallDetector

PEOPLE = TemporalTruth(seed=5, num_train=4, num_val=0, num_test=0, num_frames=6, image_px=32)
NUM_FRAMES = 4
MAX_STEPS = 250
LIMIT = 0.05

HEADS: dict[str, Callable[[int], nn.Module]] = {
    "mean": MeanHead,
    "max": MaxHead,
    "attention": partial(AttentionHead, hidden_size=16, dropout=0.0),
    "lstm": partial(LSTMHead, hidden_size=32, dropout=0.0),
    "gru": partial(GRUHead, hidden_size=32, dropout=0.0),
    "transformer": partial(TransformerHead, width=32, dropout=0.0),
}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> tuple[Tensor, Tensor]:
    """Return frames, ``(8, 4, 3, 32, 32)``, and labels."""
    folder = tmp_path_factory.mktemp("overfit") / "store"
    store = make_temporal_truth(folder, PEOPLE, num_workers=1)
    videos = []
    for forged_frame, (_, group) in enumerate(store.videos.groupby("group")):
        images = {
            method: np.stack(
                [
                    read_crop(folder / path, PEOPLE.image_px)
                    for path in store.faces.query("video_id == @video_id")["crop_path"]
                ]
            )[:NUM_FRAMES]
            for method, video_id in zip(group["method"], group["video_id"], strict=True)
        }
        fake = images["real"].copy()
        fake[forged_frame] = images["spatial"][forged_frame]
        videos += [images["real"], fake]
    frames = torch.from_numpy(np.stack(videos)).permute(0, 1, 4, 2, 3).contiguous()
    return frames, torch.tensor([0, 1] * 4)


def backbone(image_size: int) -> PlainCNN:
    return PlainCNN([8, 16, 16], image_size=image_size, dropout=0.0)


def lowest_loss(detector: nn.Module, clips: tuple[Tensor, Tensor], *, steps: int) -> float:
    """Fit until the training loss is below the limit, for so many steps at most."""
    frames, labels = clips
    is_frame = torch.ones(frames.shape[:2], dtype=torch.bool)
    optimizer = torch.optim.Adam(detector.parameters(), lr=5e-3)
    lowest = float("inf")
    for _ in range(steps):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(detector.train()(frames, is_frame), labels)
        loss.backward()
        optimizer.step()
        lowest = min(lowest, loss.item())
        if lowest < LIMIT:
            break
    return lowest


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", HEADS)
def test_every_head_learns_eight_clips_by_heart(name: str, clips: tuple[Tensor, Tensor]) -> None:
    torch.manual_seed(0)
    detector = Detector(backbone(PEOPLE.image_px), HEADS[name])
    assert lowest_loss(detector, clips, steps=MAX_STEPS) < LIMIT


def test_tall_learns_eight_clips_by_heart(clips: tuple[Tensor, Tensor]) -> None:
    torch.manual_seed(0)
    detector = TallDetector(backbone(2 * PEOPLE.image_px))
    assert lowest_loss(detector, clips, steps=MAX_STEPS) < LIMIT


class _Forgetful(nn.Module):
    """A head that loses one frame."""

    def __init__(self, num_features: int, *, lost: int) -> None:
        super().__init__()
        self.head = LSTMHead(num_features, hidden_size=32, dropout=0.0)
        self.lost = lost

    def forward(self, features: Tensor, is_frame: Tensor) -> Tensor:
        kept = [frame for frame in range(NUM_FRAMES) if frame != self.lost]
        logits: Tensor = self.head(features[:, kept], is_frame[:, kept])
        return logits


@pytest.mark.one_in(3)
@pytest.mark.parametrize("lost", [0, 1, NUM_FRAMES - 1])
def test_a_head_that_loses_a_frame_cannot(lost: int, clips: tuple[Tensor, Tensor]) -> None:
    torch.manual_seed(0)
    detector = Detector(backbone(PEOPLE.image_px), partial(_Forgetful, lost=lost))
    # Two clips of eight then look alike and have different labels: at best 2/8 of log 2.
    assert lowest_loss(detector, clips, steps=MAX_STEPS // 2) > 0.17
