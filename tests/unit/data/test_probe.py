from collections.abc import Callable
from pathlib import Path

import pytest

from unmask.data import probe
from unmask.data.probe import find_faults, find_identical

Plant = Callable[..., Path]


def sizes_of(root: Path) -> dict[str, int]:
    return {p.relative_to(root).as_posix(): p.stat().st_size for p in root.iterdir()}


def test_identical_files_are_grouped_by_content(plant: Plant) -> None:
    root = plant(a="same", b="same", c="diff", d="longer")
    sizes = {str(path): path.stat().st_size for path in sorted(root.iterdir())}
    assert find_identical(sizes) == [[str(root / "a"), str(root / "b")]]


def test_files_that_differ_behind_their_beginning_are_no_copies(plant: Plant) -> None:
    start = "x" * probe.HEAD_BYTES
    root = plant(a=start + "1", b=start + "2", c=start + "1")
    sizes = {str(path): path.stat().st_size for path in sorted(root.iterdir())}
    assert find_identical(sizes) == [[str(root / "a"), str(root / "c")]]


def test_empty_files_are_no_copies_of_each_other(plant: Plant) -> None:
    assert find_identical({str(path): 0 for path in plant(a="", b="").iterdir()}) == []


def test_every_empty_file_is_a_fault_and_no_other_is_opened_beyond_the_limit(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "MAX_OPENED", 2)
    root = plant(["1.mp4", "2.mp4", "3.mp4"], **{"4__mp4": "", "5__mp4": ""})
    faults, num_opened = find_faults(
        root, [(name, "video") for name in sizes_of(root)], sizes=sizes_of(root)
    )
    assert num_opened == 2
    assert [(fault.path, fault.reason) for fault in faults] == [
        ("1.mp4", "not_a_video"),
        ("2.mp4", "not_a_video"),
        ("4.mp4", "empty_file"),
        ("5.mp4", "empty_file"),
    ]


def test_a_video_of_one_frame_is_a_fault(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    class OneFrame:
        def timeline(self, _: Path) -> object:
            return type("Timeline", (), {"pts": (0,)})()

    monkeypatch.setattr(probe, "PyAVReader", OneFrame)
    root = plant(["1.mp4"])
    faults, _ = find_faults(root, [("1.mp4", "video")], sizes={"1.mp4": 1})
    assert [(fault.reason, fault.detail) for fault in faults] == [
        ("one_frame", f"{root / '1.mp4'} has 1 frame.")
    ]


def test_folders_of_frames_are_left_out(tmp_path: Path) -> None:
    assert find_faults(tmp_path, [("000", "frames")], sizes={}) == ([], 0)
