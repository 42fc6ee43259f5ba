"""The detector that tiles a clip's frames into one picture."""

from functools import partial

import pytest
import torch
from torch import Tensor

from unmask.core.errors import ConfigError
from unmask.models.detector import Detector, check_clip_length
from unmask.models.heads.pooling import MeanHead
from unmask.models.heads.transformer import TransformerHead
from unmask.models.plain_cnn import PlainCNN
from unmask.models.tall import TallDetector

SIZE = 8


def random_frames(batch: int, frames: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    shape = (batch, frames, 3, SIZE, SIZE)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)


def all_real(batch: int, frames: int) -> Tensor:
    return torch.ones(batch, frames, dtype=torch.bool)


@pytest.fixture
def detector() -> TallDetector:
    torch.manual_seed(0)
    return TallDetector(PlainCNN([4, 8], image_size=2 * SIZE)).eval()


def thumbnail_of(detector: TallDetector, frames: Tensor, is_frame: Tensor) -> Tensor:
    seen: list[Tensor] = []
    handle = detector.thumbnails.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    detector(frames, is_frame)
    handle.remove()
    return seen[0]


def test_frames_are_tiled_in_reading_order(detector: TallDetector) -> None:
    frames = random_frames(2, 4)
    top = torch.cat((frames[:, 0], frames[:, 1]), dim=-1)
    bottom = torch.cat((frames[:, 2], frames[:, 3]), dim=-1)
    expected = torch.cat((top, bottom), dim=-2)[:, None]
    torch.testing.assert_close(thumbnail_of(detector, frames, all_real(2, 4)), expected)


def test_the_thumbnail_goes_through_the_detectors_own_normalisation(
    detector: TallDetector,
) -> None:
    frames = random_frames(2, 4)
    plain = Detector(detector.thumbnails.backbone, MeanHead).eval()
    plain.head.load_state_dict(detector.thumbnails.head.state_dict())
    thumbnails = thumbnail_of(detector, frames, all_real(2, 4))
    torch.testing.assert_close(detector(frames, all_real(2, 4)), plain(thumbnails, all_real(2, 1)))


def test_a_short_clip_repeats_its_last_frame(detector: TallDetector) -> None:
    frames = random_frames(1, 2)
    repeated = frames[:, [0, 1, 1, 1]]
    torch.testing.assert_close(
        thumbnail_of(detector, frames, all_real(1, 2)),
        thumbnail_of(detector, repeated, all_real(1, 4)),
    )


@pytest.mark.parametrize("length", [1, 2, 3, 4])
@pytest.mark.parametrize("extra", [1, 3])
def test_padding_changes_nothing(detector: TallDetector, length: int, extra: int) -> None:
    frames = random_frames(2, length)
    padded = torch.cat((frames, random_frames(2, extra, seed=1)), dim=1)
    is_frame = torch.cat((all_real(2, length), ~all_real(2, extra)), dim=1)
    torch.testing.assert_close(detector(padded, is_frame), detector(frames, all_real(2, length)))


def test_clips_do_not_touch_each_other(detector: TallDetector) -> None:
    frames, is_frame = random_frames(3, 4), torch.arange(4)[None] < torch.tensor([[4], [1], [3]])
    order = torch.tensor([2, 0, 1])
    torch.testing.assert_close(
        detector(frames[order], is_frame[order]), detector(frames, is_frame)[order]
    )
    alone = detector(frames[1:2, :1], all_real(1, 1))
    torch.testing.assert_close(detector(frames, is_frame)[1:2], alone)


def test_the_order_of_frames_matters(detector: TallDetector) -> None:
    frames = random_frames(1, 4)
    difference = detector(frames.flip(1), all_real(1, 4)) - detector(frames, all_real(1, 4))
    assert difference.abs().max() > 1e-5


def test_gradient_reaches_every_parameter(detector: TallDetector) -> None:
    detector.train()(random_frames(2, 4), all_real(2, 4))[:, 1].sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in detector.parameters())


def test_dropout_has_an_effect_in_training_only() -> None:
    # No dropout and no batch normalisation but the head's own.
    detector = TallDetector(PlainCNN([4, 8], image_size=2 * SIZE, dropout=0.0), dropout=0.5)
    frames, is_frame = random_frames(2, 4), all_real(2, 4)
    torch.manual_seed(0)
    assert not torch.equal(detector(frames, is_frame), detector(frames, is_frame))
    detector.eval()
    torch.testing.assert_close(detector(frames, is_frame), detector(frames, is_frame))


def test_a_clip_of_too_many_frames_is_refused(detector: TallDetector) -> None:
    with pytest.raises(ConfigError, match=r"5 frames .* 2 x 2 tiles.*clips.num_frames=4"):
        detector(random_frames(1, 5), all_real(1, 5))


def test_too_long_clips_are_refused_before_any_is_made(detector: TallDetector) -> None:
    check_clip_length(detector, 4)
    with pytest.raises(ConfigError, match=r"10 frames .*clips.num_frames=4"):
        check_clip_length(detector, 10)
    head = partial(TransformerHead, width=8, max_frames=6)
    with_positions = Detector(PlainCNN([4, 8], image_size=SIZE), head)
    check_clip_length(with_positions, 6)
    with pytest.raises(ConfigError, match=r"7 frames.*positions for 6"):
        check_clip_length(with_positions, 7)


@pytest.mark.parametrize("rows", [0, 3])
def test_rows_that_do_not_divide_the_thumbnail_are_named(rows: int) -> None:
    with pytest.raises(ValueError, match=f"image_size=16 .*model.rows={rows}"):
        TallDetector(PlainCNN([4, 8], image_size=16), rows=rows)


def test_frames_of_another_size_are_named(detector: TallDetector) -> None:
    frames = torch.zeros(1, 4, 3, 16, 16, dtype=torch.uint8)
    with pytest.raises(ValueError, match=r"\(batch, frames, 3, 8, 8\).*16, 16"):
        detector(frames, all_real(1, 4))
