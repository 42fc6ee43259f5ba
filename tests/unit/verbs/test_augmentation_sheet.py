"""The contact sheet of an augmentation."""

from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from torch import Tensor

from unmask.core.errors import DataError
from unmask.demo.clip import face_clip
from unmask.verbs.augmentation_sheet import (
    ABSENT,
    GAP_PX,
    LABEL_PX,
    THUMBNAIL_PX,
    TITLE_PX,
    ShownClip,
    augmentation_sheet,
    save_picture,
    stored_clip,
    synthetic_clip,
)

STEP = THUMBNAIL_PX + GAP_PX


def cell(sheet: np.ndarray, row: int, column: int) -> np.ndarray:
    """Return one thumbnail of a sheet."""
    top, left = TITLE_PX + row * STEP, LABEL_PX + column * STEP
    return sheet[top : top + THUMBNAIL_PX, left : left + THUMBNAIL_PX]


def invert(frames: Tensor) -> Tensor:
    return 255 - frames


def grey_clip() -> ShownClip:
    levels = torch.tensor([40, 80, 120], dtype=torch.uint8)[:, None, None, None]
    return ShownClip(levels.repeat(1, 3, THUMBNAIL_PX, THUMBNAIL_PX), "three greys")


def test_the_sheet_shows_the_clip_above_its_draws() -> None:
    sheet = augmentation_sheet(grey_clip(), invert, title="invert", num_draws=2, seed=0)
    assert sheet.shape == (TITLE_PX + 3 * STEP, LABEL_PX + 3 * STEP, 3)
    shown = [[np.unique(cell(sheet, row, column)).tolist() for column in range(3)]
             for row in range(3)]  # fmt: skip
    assert shown == [[[40], [80], [120]], [[215], [175], [135]], [[215], [175], [135]]]


def test_a_dropped_frame_leaves_its_place_empty() -> None:
    sheet = augmentation_sheet(
        grey_clip(), lambda frames: frames[:1], title="drop", num_draws=1, seed=0
    )
    assert (cell(sheet, 1, 0) == 40).all()
    assert (cell(sheet, 1, 1) == ABSENT).all()
    assert (cell(sheet, 1, 2) == ABSENT).all()


def test_rows_are_draws_of_the_seed() -> None:
    def shift(frames: Tensor) -> Tensor:
        return frames + torch.randint(0, 100, (1,), dtype=torch.uint8)

    first, again, other = (
        augmentation_sheet(grey_clip(), shift, title="shift", num_draws=5, seed=seed)
        for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert len({int(cell(first, row, 0)[0, 0, 0]) for row in range(1, 6)}) > 2


def test_a_synthetic_clip_is_a_face_that_its_seed_names() -> None:
    clip, again, other = (
        face_clip(seed, num_frames=3, size=64) for seed in (0, 0, 1)
    )  # fmt: skip
    assert clip.shape == (3, 64, 64, 3)
    assert np.array_equal(clip, again)
    assert not np.array_equal(clip, other)
    # Something moves, but it is the same person.
    gap = np.abs(clip[0].astype(int) - clip[2].astype(int)).mean()
    assert 1 < gap < np.abs(clip[0].astype(int) - other[0].astype(int)).mean()
    assert synthetic_clip(0, num_frames=3, image_size=64).frames.shape == (3, 3, 64, 64)


def test_a_stored_clip_is_a_training_clip_with_its_label(make_store: Any) -> None:
    store = make_store()
    clip = stored_clip(store, 0, num_frames=2, image_size=32)
    assert clip.frames.shape == (2, 3, 32, 32)
    assert clip.name == "toy/original/train0 (real)"
    with pytest.raises(DataError, match=r"clip=99 does not exist: 'toy' has 12 training clips"):
        stored_clip(store, 99, num_frames=2, image_size=32)


@pytest.mark.parametrize(("form", "suffix"), [("png", ".png"), ("jpeg", ".jpg")])
def test_pictures_are_written_in_the_form_asked_for(tmp_path: Path, form: Any, suffix: str) -> None:
    sheet = augmentation_sheet(grey_clip(), invert, title="invert", num_draws=1, seed=0)
    path = save_picture(sheet, tmp_path / "new", "sheet", form)
    assert path == tmp_path / f"new/sheet{suffix}"
    read = np.asarray(PIL.Image.open(path)).astype(int)
    assert np.abs(read - sheet).mean() < (1e-9 if form == "png" else 3)
