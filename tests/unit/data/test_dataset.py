"""Clips and their order."""

from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unmask.core.errors import DataError
from unmask.data.batch import collate_clips
from unmask.data.dataset import ClipLayout, ClipRequest, FaceClips, read_crop
from unmask.data.requests import PlannedRequests
from unmask.data.samplers import NaturalSampling
from unmask.data.store import FaceStore
from unmask.data.transforms import ClipAugmentation


class AddDraw(torch.nn.Module):
    """Adds one random number to everything it is given."""

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        return frames + torch.randint(1, 50, (1,), dtype=torch.uint8)


@given(
    length=st.integers(1, 200),
    num_frames=st.integers(1, 40),
    num_clips=st.integers(1, 5),
)
def test_clips_of_a_track_are_ordered_disjoint_and_as_long_as_asked(
    length: int, num_frames: int, num_clips: int
) -> None:
    clips = ClipLayout(num_frames=num_frames, num_clips=num_clips).cut(length)
    used = [index for clip in clips for index in clip]
    assert all(clip == sorted(set(clip)) for clip in clips)
    assert len(used) == len(set(used)) == min(length, num_frames * num_clips)
    assert all(0 <= index < length for index in used)


@pytest.mark.parametrize("knob", ["num_frames", "num_clips", "max_tracks"])
def test_a_layout_of_nothing_is_refused(knob: str) -> None:
    with pytest.raises(ValueError, match=rf"clips.{knob} must be at least 1, got 0"):
        ClipLayout(**{knob: 0})


def test_a_clip_holds_its_own_crops_in_order(make_store) -> None:  # noqa: ANN001
    store: FaceStore = make_store(num_frames=5)
    clips = FaceClips(store, "train", layout=ClipLayout(num_frames=5), image_size=32)
    for row in (0, len(clips) - 1):
        clip = clips[row]
        expected = [
            read_crop(store.folder / path, 32) for path in clips.clips["crop_paths"].iloc[row]
        ]
        assert clip.row == row
        assert clip.label == clips.clips["label"].iloc[row]
        for frame, image in zip(clip.frames, expected, strict=True):
            torch.testing.assert_close(frame, torch.from_numpy(image).permute(2, 0, 1))


def test_crops_are_resized_to_what_the_detector_takes(make_store) -> None:  # noqa: ANN001
    clips = FaceClips(make_store(), "val", layout=ClipLayout(), image_size=16)
    assert clips[0].frames.shape == (3, 3, 16, 16)
    assert clips[0].frames.dtype == torch.uint8


@pytest.mark.parametrize("damage", ["absent", "text"])
def test_an_unreadable_crop_is_named(make_store, damage: str) -> None:  # noqa: ANN001
    store: FaceStore = make_store()
    clips = FaceClips(store, "val", layout=ClipLayout(), image_size=32)
    path = store.folder / clips.clips["crop_paths"].iloc[0][1]
    path.unlink() if damage == "absent" else path.write_text("not an image")
    with pytest.raises(DataError, match=path.name):
        clips[0]


def test_a_split_without_faces_is_refused(make_store) -> None:  # noqa: ANN001
    store: FaceStore = make_store(videos_per_class={"train": 1})
    with pytest.raises(DataError, match="Split 'val' of 'toy' has 0 videos and no usable face"):
        FaceClips(store, "val", layout=ClipLayout(), image_size=32)


def test_augmentation_is_one_draw_per_clip_and_repeats_with_its_seed(make_store) -> None:  # noqa: ANN001
    augmentation = ClipAugmentation([AddDraw()])
    clips = FaceClips(
        make_store(), "train", layout=ClipLayout(), image_size=32, augmentation=augmentation
    )
    plain = clips[0].frames
    shifts = [clips[ClipRequest(0, seed)].frames - plain for seed in range(5)]
    assert all(len(shift.unique()) == 1 for shift in shifts)
    assert len({int(shift.unique()) for shift in shifts}) > 1
    torch.testing.assert_close(clips[ClipRequest(0, 3)].frames, plain + shifts[3])


def test_augmentation_leaves_the_global_generator_alone(make_store) -> None:  # noqa: ANN001
    augmentation = ClipAugmentation([AddDraw()])
    clips = FaceClips(
        make_store(), "train", layout=ClipLayout(), image_size=32, augmentation=augmentation
    )
    before = torch.get_rng_state()
    clips[ClipRequest(0, 1)]
    assert torch.equal(before, torch.get_rng_state())


def test_every_clip_is_asked_for_once_per_epoch_in_an_order_of_its_own() -> None:
    plan = NaturalSampling().plan(pd.DataFrame(index=range(20)), seed=1)
    sampler = PlannedRequests(plan, seed=1)
    first = list(sampler)
    sampler.set_epoch(1)
    second = list(sampler)
    assert Counter(r.row for r in first) == Counter(r.row for r in second) == Counter(range(20))
    assert [r.row for r in first] != [r.row for r in second]
    assert {r.seed for r in first}.isdisjoint({r.seed for r in second})
    sampler.set_epoch(0)
    assert list(sampler) == first


def test_padding_is_marked_and_comes_last(make_store) -> None:  # noqa: ANN001
    clips = FaceClips(make_store(), "train", layout=ClipLayout(), image_size=32)
    short = clips[1]._replace(frames=clips[1].frames[:1])
    batch = collate_clips([clips[0], short])
    assert batch.is_frame.tolist() == [[True] * 3, [True, False, False]]
    assert batch.frames[1, 1:].sum() == 0
    assert batch.rows.tolist() == [0, 1]


def test_videos_without_a_face_are_listed_with_their_reason(make_store) -> None:  # noqa: ANN001
    store: FaceStore = make_store()
    lost = store.videos.loc[store.videos["split"] == "test", "video_id"].iloc[0]
    failures = store.failures.astype(object)
    failures.loc[0] = [lost, "x.mp4", "decode", "truncated", "It ends early."]
    faces = store.faces[store.faces["video_id"] != lost]
    without = FaceStore(store.folder, store.videos, faces, failures, store.manifest_hash)
    unscored = without.unscored("test")
    assert unscored["video_id"].tolist() == [lost]
    assert unscored["reason"].tolist() == ["truncated"]
    assert without.unscored("val").empty


def test_a_missing_store_says_which_command_makes_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="unmask prepare"):
        FaceStore.open(tmp_path)
