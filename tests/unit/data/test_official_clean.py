"""No YouTube video of FaceForensics++ is in two splits."""

import json
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask.core.errors import DataError
from unmask.data.official_clean import OfficialCleanSplit, straddling_clips
from unmask.data.sources.ffpp import FaceForensics
from unmask.data.sources.ffpp_lists import read_conversion
from unmask.data.sources.source import Video, to_videos
from unmask.data.splits import find_leaks
from unmask.prepare.index import index

PAIRS = {"train": [["000", "003"]], "val": [["001", "004"]], "test": [["002", "005"]]}
# 004 (val) and 005 (test) are cut from videos that are trained on; 001 and 002 are not.
YOUTUBE = {"000": "a_b 0", "003": "-c 1", "001": "d 0", "004": "a_b 1", "002": "e 0", "005": "-c 0"}
SPLITS = st.sampled_from(["train", "val", "test"])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "ffpp"
    files = [f"original_sequences/youtube/c23/videos/{n:03d}.mp4" for n in range(6)]
    ordered = [pair for pairs in PAIRS.values() for one in pairs for pair in (one, one[::-1])]
    fakes = "manipulated_sequences/Deepfakes/c23/videos"
    files += [f"{fakes}/{target}_{source}.mp4" for target, source in ordered]
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()
    for split, pairs in PAIRS.items():
        (root / f"{split}.json").write_text(json.dumps(pairs))
    (root / "conversion_dict.json").write_text(json.dumps(YOUTUBE))
    return root


def videos_of(root: Path) -> pd.DataFrame:
    return FaceForensics(methods=["Deepfakes"]).index(root).videos


def test_clips_of_a_video_that_is_trained_on_leave_with_their_fakes(root: Path) -> None:
    clean = OfficialCleanSplit(root=root)(videos_of(root))
    assert set(clean["video_id"]) == {
        *(f"ffpp/youtube/{n}" for n in ("000", "001", "002", "003")),
        "ffpp/Deepfakes/000_003",
        "ffpp/Deepfakes/003_000",
    }


def test_nobody_who_stays_is_in_the_group_of_another_split(root: Path) -> None:
    # 004 joins 001 (val) to the video of 000 (train), and leaves.
    videos = videos_of(root)
    of = videos.set_index("video_id")["group"]
    assert of["ffpp/youtube/001"] == of["ffpp/youtube/000"]
    clean = OfficialCleanSplit(root=root)(videos)
    assert find_leaks(clean) == []
    staying = clean.set_index("video_id")["group"]
    assert staying["ffpp/youtube/001"] == "ffpp/youtube/001"
    assert staying["ffpp/Deepfakes/003_000"] == staying["ffpp/youtube/003"] == "ffpp/youtube/000"


def test_each_video_left_out_is_listed_with_its_reason(root: Path, tmp_path: Path) -> None:
    source, rule = FaceForensics(methods=["Deepfakes"]), OfficialCleanSplit(root=root)
    summary = index(source, root=root, split=rule, index_dir=tmp_path / "index")
    content = json.loads((tmp_path / "index/index.json").read_text())
    reasons = {row["video_id"]: row["reason"] for row in content["left_out"]}
    reason = "Clip 004 (val) is of YouTube video 'a_b', as is 000 (train)."
    assert reasons["ffpp/youtube/004"] == reasons["ffpp/Deepfakes/001_004"] == reason
    assert len(reasons) == 6
    assert "Videos left out by the split rule: 6." in summary.notes


def test_two_test_and_five_validation_clips_leave_as_in_the_published_lists() -> None:
    ids = [f"{number:03d}" for number in range(1000)]
    split_of = {i: "train" if n < 720 else "val" if n < 860 else "test" for n, i in enumerate(ids)}
    youtube_of = {clip: f"video{clip}" for clip in ids}
    for clip, other in zip([*ids[720:725], *ids[860:862]], ids[:7], strict=True):
        youtube_of[clip] = youtube_of[other]
    left = [split_of[clip] for clip in straddling_clips(split_of, youtube_of)]
    assert sorted(left) == ["test"] * 2 + ["val"] * 5


@given(st.lists(st.tuples(SPLITS, st.integers(0, 8)), max_size=40))
def test_what_stays_shares_no_video_between_splits(clips: list[tuple[str, int]]) -> None:
    split_of = {str(clip): split for clip, (split, _) in enumerate(clips)}
    youtube_of = {str(clip): str(video) for clip, (_, video) in enumerate(clips)}
    gone = straddling_clips(split_of, youtube_of)
    splits_of: dict[str, set[str]] = {}
    for clip in split_of.keys() - gone.keys():
        splits_of.setdefault(youtube_of[clip], set()).add(split_of[clip])
    assert all(len(splits) == 1 for splits in splits_of.values())
    assert splits_of.keys() == set(youtube_of.values())
    assert "train" not in {split_of[clip] for clip in gone}


def test_an_actor_is_not_the_clip_of_the_same_number(root: Path) -> None:
    actor = Video(
        video_id="ffpp/actors/004__kitchen", dataset="ffpp", path="x.mp4", label=0, method="actors",
        group="ffpp/actors/004", identities=("004",), split="val",
    )  # fmt: skip
    videos = pd.concat([videos_of(root), to_videos([actor])], ignore_index=True)
    assert actor.video_id in set(OfficialCleanSplit(root=root)(videos)["video_id"])


def test_the_map_may_lie_in_dataset(root: Path) -> None:
    (root / "dataset").mkdir()
    (root / "conversion_dict.json").rename(root / "dataset/conversion_dict.json")
    assert read_conversion(root)["000"] == "a_b"


def test_a_missing_map_says_where_it_comes_from(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"no conversion_dict\.json in {tmp_path}.*=official\."):
        read_conversion(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not readable JSON"),
        ("[]", "but is a list"),
        ('{"000": "abc"}', "maps 000 to 'abc'"),
        ('{"000": 3}', "maps 000 to 3"),
    ],
)
def test_a_malformed_map_is_named(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "conversion_dict.json").write_text(content)
    with pytest.raises(DataError, match=message):
        read_conversion(tmp_path)


def test_a_clip_that_the_map_does_not_know_is_named() -> None:
    with pytest.raises(DataError, match="of 1 clips, for example 007"):
        straddling_clips({"007": "train"}, {})
