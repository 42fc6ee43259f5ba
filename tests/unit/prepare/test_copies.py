"""A copy of a data set in another folder is recognised by its content, and not cut again."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest

from unmask.faces.extract import FaceExtractor
from unmask.prepare import run as module
from unmask.prepare.copies import content_of
from unmask.prepare.preparation import Preparation
from unmask.prepare.run import prepare
from unmask.prepare.video import Video

Draw = Callable[..., np.ndarray]
PATHS = ["a.png", "b.png", "faceless.png"]


def videos() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "video_id": f"set/{Path(path).stem}", "dataset": "set", "path": path, "kind": "image",
            "label": 0, "method": "real", "compression": "", "group": f"set/{path}",
            "identities": [], "original": "", "split": "train",
        }
        for path in PATHS
    )  # fmt: skip


@pytest.fixture
def root(tmp_path: Path, draw_faces: Draw) -> Path:
    root = tmp_path / "here"
    root.mkdir()
    for place, path in ((140, "a.png"), (170, "b.png")):
        cv2.imwrite(str(root / path), draw_faces([(place, 120)])[:, :, ::-1])
    cv2.imwrite(str(root / "faceless.png"), np.full((64, 64, 3), 90, np.uint8))
    return root


@pytest.fixture
def cut(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the ids of what is cut, which grows with every call."""
    done: list[str] = []

    def here(work: Any, to_do: list[Video], **_: Any) -> Iterator[tuple[Video, Any]]:
        for video in to_do:
            done.append(video.video_id)
            yield video, work(video)

    monkeypatch.setattr(module, "run_in_workers", here)
    return done


def crops_of(store: Path) -> dict[str, bytes]:
    return {p.relative_to(store).as_posix(): p.read_bytes() for p in store.glob("crops/**/*.jpg")}


def test_crops_of_the_same_content_are_taken_over(
    root: Path, tmp_path: Path, cut: list[str]
) -> None:
    first, second = tmp_path / "faces/set-1", tmp_path / "faces/set-2"
    preparation = Preparation(FaceExtractor())
    once = prepare(videos(), preparation, root=root, store_dir=first)
    cut.clear()
    there = shutil.copytree(root, tmp_path / "there")
    again = prepare(videos(), preparation, root=there, store_dir=second)
    # What failed is tried again: it may have been for want of time.
    assert cut == ["set/faceless"]
    assert (again.num_faces, again.num_failures) == (once.num_faces, once.num_failures) == (2, 1)
    assert crops_of(second) == crops_of(first) != {}
    for table in ("videos", "faces"):
        name = f"{table}.parquet"
        assert (second / name).read_bytes() == (first / name).read_bytes()


def test_what_has_changed_is_cut(
    root: Path, tmp_path: Path, cut: list[str], draw_faces: Draw
) -> None:
    preparation = Preparation(FaceExtractor())
    prepare(videos(), preparation, root=root, store_dir=tmp_path / "faces/set-1")
    cut.clear()
    there = shutil.copytree(root, tmp_path / "there")
    cv2.imwrite(str(there / "b.png"), draw_faces([(150, 125)])[:, :, ::-1])
    prepare(videos(), preparation, root=there, store_dir=tmp_path / "faces/set-2")
    assert cut == ["set/b", "set/faceless"]


def test_what_has_lost_a_crop_is_cut(root: Path, tmp_path: Path, cut: list[str]) -> None:
    preparation = Preparation(FaceExtractor())
    prepare(videos(), preparation, root=root, store_dir=tmp_path / "faces/set-1")
    cut.clear()
    next((tmp_path / "faces/set-1/crops/set/a").glob("*.jpg")).unlink()
    prepare(videos(), preparation, root=root, store_dir=tmp_path / "faces/set-2")
    assert cut == ["set/a", "set/faceless"]


@pytest.mark.parametrize(
    ("store", "changes"),
    [("faces/other-2", {}), ("faces/set-2", {"image_format": "png"})],
    ids=["another data set", "other settings"],
)
def test_no_other_crops_are_taken_over(
    store: str, changes: dict[str, Any], root: Path, tmp_path: Path, cut: list[str]
) -> None:
    prepare(videos(), Preparation(FaceExtractor()), root=root, store_dir=tmp_path / "faces/set-1")
    cut.clear()
    preparation = Preparation(FaceExtractor(), **changes)
    prepare(videos(), preparation, root=root, store_dir=tmp_path / store)
    assert cut == ["set/a", "set/b", "set/faceless"]


def test_a_folder_of_frames_is_known_by_names_and_content(tmp_path: Path) -> None:
    for folder, first in (("one", b"x"), ("same", b"x"), ("other", b"y")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "0.png").write_bytes(first)
    one, same, other = (
        content_of(tmp_path, Video("v", folder, "frames")) for folder in ("one", "same", "other")
    )
    assert one == same != other
    assert content_of(tmp_path, Video("v", "gone", "video")) == ""
