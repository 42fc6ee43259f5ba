"""The four families that tell heads that see time from heads that do not."""

from collections import Counter
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask.data.dataset import ClipLayout, FaceClips
from unmask.data.splits import check_splits
from unmask.data.store import FaceStore
from unmask.demo.temporal import (
    METHODS,
    TemporalTruth,
    make_temporal_truth,
    wrong_order,
)

SETTINGS = TemporalTruth(seed=3, num_train=2, num_val=1, num_test=2, num_frames=6, image_px=48)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> FaceStore:
    folder = tmp_path_factory.mktemp("temporal") / "store"
    return make_temporal_truth(folder, SETTINGS, num_workers=1)


def crops(store: FaceStore, method: str, split: str = "test") -> pd.Series:
    """Return the crop paths of each clip of a method, by person and quality, in order."""
    table = store.faces.merge(store.videos, on="video_id")
    table = table[(table["method"] == method) & (table["split"] == split)]
    ordered = table.sort_values("frame_index")
    return ordered.groupby(["group", "compression"])["crop_path"].apply(list)


@pytest.mark.parametrize("split", ["train", "val", "test"])
@pytest.mark.parametrize(("kept", "shuffled"), [("real", "temporal"), ("spatial", "both")])
def test_a_temporal_forgery_holds_the_very_frames_of_its_original(
    store: FaceStore, split: str, kept: str, shuffled: str
) -> None:
    originals, forgeries = crops(store, kept, split), crops(store, shuffled, split)
    assert originals.index.equals(forgeries.index)
    for original, forgery in zip(originals, forgeries, strict=True):
        assert Counter(forgery) == Counter(original)
        assert forgery != original
    frames = FaceClips(store, split, layout=ClipLayout(num_frames=6), image_size=48)
    by_method = frames.clips.reset_index().set_index(["group", "method"])["index"]
    for group in frames.clips["group"].unique():
        one, other = (
            frames[np.atleast_1d(by_method[group, method])[0]].frames for method in (kept, shuffled)
        )
        assert sorted(frame.numpy().tobytes() for frame in one) == sorted(
            frame.numpy().tobytes() for frame in other
        )


@given(st.integers(4, 20), st.integers(0, 2**16))
def test_a_wrong_order_parts_all_neighbours(num_frames: int, seed: int) -> None:
    order = wrong_order(np.random.default_rng(seed), num_frames)
    assert sorted(order.tolist()) == list(range(num_frames))
    assert (np.abs(np.diff(order)) >= 2).all()


def mean_step(folder: Path, paths: list[str]) -> float:
    """Return the mean change of a pixel from one frame to the next."""
    frames = [cv2.imread(str(folder / path)).astype(np.float64) for path in paths]
    return float(np.mean([np.abs(b - a).mean() for a, b in pairwise(frames)]))


def test_real_clips_move_smoothly_and_shuffled_ones_do_not(store: FaceStore) -> None:
    for real, shuffled in zip(crops(store, "real"), crops(store, "temporal"), strict=True):
        assert mean_step(store.folder, shuffled) > 1.2 * mean_step(store.folder, real)


def test_a_spatial_forgery_differs_from_its_original_in_every_frame_by_the_same_grid(
    store: FaceStore,
) -> None:
    for real, spatial in zip(crops(store, "real"), crops(store, "spatial"), strict=True):
        for one, other in zip(real, spatial, strict=True):
            first, second = (
                cv2.imread(str(store.folder / path), cv2.IMREAD_GRAYSCALE).astype(np.float64)
                for path in (one, other)
            )
            change = np.abs(second - first)
            assert change[10:40, 14:34].mean() > 3 * change[:, :6].mean()


def test_no_quality_says_anything_about_the_label(store: FaceStore) -> None:
    counts = store.videos.groupby(["split", "compression"])["method"].apply(sorted)
    assert len(counts) > 3
    for methods in counts:
        per_method = Counter(methods)
        assert set(per_method) == set(METHODS)
        assert len(set(per_method.values())) == 1


def test_nobody_is_in_two_splits(store: FaceStore) -> None:
    check_splits(store.videos)
    people = store.videos.explode("identities").groupby("identities")["split"].nunique()
    assert len(people) == 5
    assert (people == 1).all()


def test_the_seed_alone_decides_the_content(store: FaceStore, tmp_path: Path) -> None:
    again = make_temporal_truth(tmp_path / "again", SETTINGS, num_workers=1)
    assert again.manifest_hash == store.manifest_hash
    pd.testing.assert_frame_equal(again.faces, store.faces)
    for path in store.faces["crop_path"].unique()[::7]:
        assert (again.folder / path).read_bytes() == (store.folder / path).read_bytes()


def test_a_second_call_makes_nothing_again(store: FaceStore) -> None:
    path = store.folder / str(store.faces["crop_path"].iloc[0])
    before = path.stat().st_mtime_ns
    make_temporal_truth(store.folder, SETTINGS, num_workers=1)
    assert path.stat().st_mtime_ns == before


def test_too_few_frames_are_named() -> None:
    with pytest.raises(ValueError, match="num_frames must be at least 6, got 3"):
        TemporalTruth(num_frames=3)
