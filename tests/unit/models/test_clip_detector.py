"""A network that sees whole clips needs no more than the Protocol."""

import pytest
import torch
from torch import Tensor, nn

from unmask.core.errors import ConfigError
from unmask.data.batch import ClipBatch
from unmask.explain.explanation import explain
from unmask.models.complexity import measure_complexity
from unmask.models.detector import (
    ClipDetector,
    Detector,
    FrameDetector,
    PictureDetector,
    check_clip_length,
)
from unmask.models.heads.transformer import TransformerHead
from unmask.models.plain_cnn import PlainCNN
from unmask.models.tall import TallDetector
from unmask.training.task import ScoringTask

SIZE = 8


class VideoNetwork(nn.Module):
    """Convolves over space and time at once."""

    image_size = SIZE
    max_frames: int | None = 6

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv3d(3, 2, kernel_size=3, padding=1)

    def forward(self, frames: Tensor, is_frame: Tensor) -> Tensor:
        clips = (frames / 255 * is_frame[..., None, None, None]).transpose(1, 2)
        return self.convolution(clips).mean(dim=(2, 3, 4))


def frame_detector() -> Detector:
    return Detector(PlainCNN([4, 8], image_size=SIZE), TransformerHead)


def clip(num_frames: int = 3) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    frames = torch.randint(0, 256, (1, num_frames, 3, SIZE, SIZE), generator=generator)
    return frames.to(torch.uint8), torch.ones(1, num_frames, dtype=torch.bool)


def test_each_network_is_what_it_can() -> None:
    tall = TallDetector(PlainCNN([4, 8], image_size=2 * SIZE))
    kinds = (ClipDetector, FrameDetector, PictureDetector)
    found = [
        [isinstance(one, kind) for kind in kinds]
        for one in (VideoNetwork(), frame_detector(), tall)
    ]
    assert found == [[True, False, False], [True, True, True], [True, False, True]]
    assert not isinstance(nn.Linear(1, 2), ClipDetector)


def test_a_network_of_clips_is_scored_without_features() -> None:
    task = ScoringTask(VideoNetwork().eval())
    assert not task.has_features
    frames, is_frame = clip()
    batch = ClipBatch(
        frames, is_frame, labels=torch.zeros(1), rows=torch.zeros(1, dtype=torch.long)
    )
    rows, scores = task.predict_step(batch, 0)
    assert rows.tolist() == [0]
    assert 0 < scores.item() < 1


def test_a_network_of_clips_is_explained_by_occlusion() -> None:
    frames, is_frame = clip()
    assert explain(VideoNetwork(), frames, is_frame).method == "occlusion"
    with pytest.raises(ConfigError, match=r"VideoNetwork sees whole clips.*method='occlusion'"):
        explain(VideoNetwork(), frames, is_frame, method="grad_cam")


def test_a_network_of_clips_has_a_cost() -> None:
    cost = measure_complexity(VideoNetwork(), num_frames=3, batch_size=2)
    assert cost.num_features is None
    assert cost.num_parameters == 3 * 2 * 27 + 2


def test_a_clip_too_long_for_a_network_is_refused_with_both_numbers() -> None:
    check_clip_length(VideoNetwork(), 6)
    with pytest.raises(ConfigError, match=r"VideoNetwork takes clips of at most 6 frames, got 7"):
        check_clip_length(VideoNetwork(), 7)
    with pytest.raises(ConfigError, match=r"model.head.max_frames"):
        check_clip_length(frame_detector(), 129)


def test_frames_at_most_are_those_of_the_heads_positions() -> None:
    assert frame_detector().max_frames == 128
    without = Detector(PlainCNN([4, 8], image_size=SIZE), lambda width: nn.Linear(width, 2))
    assert without.max_frames is None
