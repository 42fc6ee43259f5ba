import json
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from unmask.core.errors import DataError
from unmask.core.files import sha256_of_file
from unmask.demo.layouts import (
    Picture,
    SyntheticCelebDF,
    SyntheticFFPP,
    make_celebdf,
    make_ffpp,
)
from unmask.demo.manipulations import METHODS

TINY = SyntheticFFPP(
    num_train_pairs=1,
    num_val_pairs=0,
    num_test_pairs=1,
    picture=Picture(num_frames=3, height=128, width=128),
)


def relative_videos(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*.mp4")}


def hashes(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): sha256_of_file(path)
        for path in root.rglob("*")
        if path.is_file()
    }


def decoded(path: Path) -> list[NDArray[np.uint8]]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def test_ffpp_lies_as_the_official_data_set_does(ffpp_root: Path) -> None:
    reals = {f"original_sequences/youtube/c23/videos/{name:03d}.mp4" for name in range(4)}
    fakes = {
        f"manipulated_sequences/{method}/c23/videos/{pair}.mp4"
        for method in METHODS
        for pair in ("000_001", "001_000", "002_003", "003_002")
    }
    assert relative_videos(ffpp_root) == reals | fakes


def test_the_pair_lists_name_every_person_once(ffpp_root: Path) -> None:
    lists = {
        name: json.loads((ffpp_root / f"{name}.json").read_text())
        for name in ("train", "val", "test")
    }
    assert lists == {"train": [["000", "001"]], "val": [], "test": [["002", "003"]]}


def test_celebdf_lies_as_the_official_data_set_does(celebdf_root: Path) -> None:
    assert relative_videos(celebdf_root) == {
        "Celeb-real/id0_0000.mp4",
        "Celeb-real/id1_0000.mp4",
        "Celeb-real/id2_0000.mp4",
        "Celeb-real/id3_0000.mp4",
        "Celeb-synthesis/id0_id1_0000.mp4",
        "Celeb-synthesis/id1_id0_0000.mp4",
        "Celeb-synthesis/id2_id3_0000.mp4",
        "Celeb-synthesis/id3_id2_0000.mp4",
        "YouTube-real/00000.mp4",
    }


def test_the_celebdf_list_marks_real_videos_with_1(celebdf_root: Path) -> None:
    lines = (celebdf_root / "List_of_testing_videos.txt").read_text().splitlines()
    assert sorted(lines) == [
        "0 Celeb-synthesis/id2_id3_0000.mp4",
        "0 Celeb-synthesis/id3_id2_0000.mp4",
        "1 Celeb-real/id2_0000.mp4",
        "1 Celeb-real/id3_0000.mp4",
        "1 YouTube-real/00000.mp4",
    ]


def test_videos_have_the_frames_and_size_asked_for(celebdf_root: Path) -> None:
    frames = decoded(celebdf_root / "Celeb-real" / "id0_0000.mp4")
    assert [frame.shape for frame in frames] == [(128, 160, 3)] * 3


def test_two_processes_write_the_same_bytes_as_one(ffpp_root: Path, tmp_path: Path) -> None:
    make_ffpp(tmp_path / "ffpp", TINY, num_workers=2)
    assert hashes(tmp_path / "ffpp") == hashes(ffpp_root)


def test_an_interrupted_set_is_completed_to_the_same_bytes(ffpp_root: Path, tmp_path: Path) -> None:
    root = tmp_path / "ffpp"
    make_ffpp(root, TINY, num_workers=1)
    marker = json.loads((root / "synthetic.json").read_text())
    (root / "synthetic.json").write_text(json.dumps({**marker, "is_complete": False}))
    (root / "original_sequences/youtube/c23/videos/002.mp4").unlink()
    (root / "test.json").unlink()
    assert make_ffpp(root, TINY, num_workers=1)
    assert hashes(root) == hashes(ffpp_root)


def test_a_complete_set_is_not_made_again(ffpp_root: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in ffpp_root.rglob("*")}
    assert not make_ffpp(ffpp_root, TINY, num_workers=1)
    assert before == {path: path.stat().st_mtime_ns for path in ffpp_root.rglob("*")}


def test_another_seed_gives_other_people(ffpp_root: Path, tmp_path: Path) -> None:
    make_ffpp(tmp_path / "ffpp", replace(TINY, seed=1), num_workers=1)
    video = Path("original_sequences/youtube/c23/videos/000.mp4")
    first, second = decoded(ffpp_root / video)[0], decoded(tmp_path / "ffpp" / video)[0]
    assert np.abs(first.astype(int) - second).mean() > 5


def test_a_set_with_other_settings_is_refused_by_name(ffpp_root: Path) -> None:
    with pytest.raises(DataError, match=r"seed=0 \(asked for 5\)"):
        make_ffpp(ffpp_root, replace(TINY, seed=5), num_workers=1)


def test_a_folder_with_foreign_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "holiday.txt").write_text("mine")
    with pytest.raises(DataError, match="not a synthetic data set"):
        make_celebdf(tmp_path, SyntheticCelebDF(), num_workers=1)
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.txt"]


@pytest.mark.parametrize(
    ("settings", "values", "message"),
    [
        (SyntheticFFPP, {"num_val_pairs": -1}, "num_val_pairs must not be negative, got -1"),
        (SyntheticFFPP, {"num_train_pairs": 600}, "1 to 500 pairs of people, but 600"),
        (SyntheticCelebDF, {"num_videos": 0}, "num_videos must be at least 1, got 0"),
        (SyntheticCelebDF, {"num_test_pairs": 0}, "at least one pair of people, got 0"),
        (Picture, {"height": 255}, "height must be even and at least 64 px, got 255"),
        (Picture, {"num_frames": 0}, "num_frames must be at least 1, got 0"),
        (Picture, {"crf": 99}, r"crf must lie in \[0, 51\], got 99"),
    ],
)
def test_a_bad_setting_is_named(settings: type, values: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        settings(**values)


def test_no_workers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="num_workers must be at least 1, got 0"):
        make_ffpp(tmp_path / "ffpp", TINY, num_workers=0)


@pytest.mark.slow
def test_file_size_and_bitrate_do_not_tell_real_from_fake(tmp_path: Path) -> None:
    settings = SyntheticFFPP(num_train_pairs=24, num_val_pairs=0, num_test_pairs=0)
    make_ffpp(tmp_path / "ffpp", settings, num_workers=2)
    rows, labels, groups = [], [], []
    for path in sorted((tmp_path / "ffpp").rglob("*.mp4")):
        with av.open(str(path)) as container:
            rows.append([np.log(path.stat().st_size), np.log(container.bit_rate)])
        labels.append(int("_" in path.stem))
        groups.append(int(path.stem[:3]) // 2)
    model = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced"))
    scores = cross_val_predict(
        model, np.array(rows), np.array(labels), groups=groups, cv=GroupKFold(6),
        method="predict_proba",
    )[:, 1]  # fmt: skip
    assert 0.35 <= roc_auc_score(labels, scores) <= 0.65
