from collections.abc import Callable

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask.core.errors import DataError
from unmask.data.sources.source import Video, to_videos
from unmask.data.splits import (
    IdentitySplit,
    Leak,
    OfficialSplit,
    OfficialTestSplit,
    SplitRule,
    TestOnlySplit,
    check_splits,
    find_leaks,
    require_both_classes,
    require_split,
)

MakeVideos = Callable[[list[tuple[str, int, str]]], pd.DataFrame]


def videos_of_sizes(sizes: list[int]) -> pd.DataFrame:
    """Make groups of the given sizes, whose videos are real and of two methods in turn."""
    rows = [(group, member) for group, size in enumerate(sizes) for member in range(size)]
    return to_videos(
        Video(
            video_id=f"toy/{group:03d}/{member:03d}",
            dataset="toy",
            path=f"{group}_{member}.mp4",
            label=int(member % 3 > 0),
            method=("real", "swap", "edit")[member % 3],
            group=f"toy/{group:03d}",
        )
        for group, member in rows
    )


group_sizes = st.lists(st.integers(1, 12), min_size=3, max_size=40)


@given(group_sizes, st.integers(0, 5))
def test_identity_splits_share_no_group(sizes: list[int], seed: int) -> None:
    assert find_leaks(IdentitySplit(seed=seed)(videos_of_sizes(sizes))) == []


@given(group_sizes, st.integers(0, 5))
def test_an_identity_split_keeps_every_video_and_fills_every_split(
    sizes: list[int], seed: int
) -> None:
    videos = videos_of_sizes(sizes)
    split = IdentitySplit(seed=seed)(videos)
    pd.testing.assert_frame_equal(split.drop(columns="split"), videos.drop(columns="split"))
    assert set(split["split"]) == {"train", "val", "test"}


@given(group_sizes, st.randoms(use_true_random=False))
def test_row_order_does_not_matter_to_an_identity_split(sizes: list[int], random: object) -> None:
    videos = videos_of_sizes(sizes)
    order = list(range(len(videos)))
    random.shuffle(order)  # type: ignore[attr-defined]
    shuffled = IdentitySplit()(videos.iloc[order]).sort_values("video_id")
    pd.testing.assert_frame_equal(shuffled, IdentitySplit()(videos))


def test_an_identity_split_depends_on_its_seed() -> None:
    videos = videos_of_sizes([5] * 20)
    assert not IdentitySplit(seed=0)(videos)["split"].equals(IdentitySplit(seed=1)(videos)["split"])


def test_equal_groups_are_shared_out_to_the_exact_fractions() -> None:
    split = IdentitySplit(train=0.6, val=0.2, test=0.2)(videos_of_sizes([3] * 20))
    groups = split.groupby("split")["group"].nunique()
    assert groups.to_dict() == {"train": 12, "val": 4, "test": 4}


def test_every_split_gets_its_share_of_every_method() -> None:
    # Ten groups of each method: without stratification, chance alone would leave gaps.
    rows = [(f"{method}{number}", method) for method in ("real", "a", "b") for number in range(10)]
    videos = to_videos(
        Video(
            video_id=f"toy/{group}",
            dataset="toy",
            path=f"{group}.mp4",
            label=int(method != "real"),
            method=method,
            group=f"toy/{group}",
        )
        for group, method in rows
    )
    split = IdentitySplit(train=0.6, val=0.2, test=0.2, seed=3)(videos)
    counts = split.groupby(["split", "method"]).size().unstack()
    assert counts.loc["val"].tolist() == counts.loc["test"].tolist() == [2, 2, 2]


@pytest.mark.parametrize(
    ("train", "val", "test"), [(0.7, 0.0, 0.3), (0.7, 0.15, 0.15)], ids=["70/30", "70/15/15"]
)
def test_the_ratios_of_published_protocols_are_met_in_classes_and_methods(
    train: float, val: float, test: float
) -> None:
    split = IdentitySplit(train=train, val=val, test=test)(videos_of_sizes([3] * 200))
    shares = split.groupby("method")["split"].value_counts(normalize=True).unstack(fill_value=0)
    for name, fraction in (("train", train), ("val", val), ("test", test)):
        if fraction:
            assert shares[name].tolist() == pytest.approx([fraction] * 3, abs=0.01)
    assert find_leaks(split) == []


@given(st.lists(st.sampled_from(["", "test"]), min_size=8, max_size=40), st.integers(0, 5))
def test_training_never_holds_a_listed_test_video(official: list[str], seed: int) -> None:
    listed = ["", "", "test", *official]
    videos = videos_of_sizes([2] * len(listed)).assign(
        split=[split for split in listed for _ in range(2)]
    )
    for rule in (IdentitySplit(seed=seed), OfficialTestSplit(seed=seed), TestOnlySplit()):
        split = rule(videos).set_index("video_id")["split"]
        on_list = set(videos.loc[videos["split"] == "test", "video_id"])
        assert set(split[split.index.isin(on_list)]) <= {"test"}


def test_official_splits_beyond_a_test_list_are_overwritten_by_identity(
    make_videos: MakeVideos,
) -> None:
    rows = [(f"g{n}", n % 2, ("train", "test")[n % 2]) for n in range(20)]
    assert len(IdentitySplit()(make_videos(rows))) == 20


def test_large_groups_are_not_all_trained_on() -> None:
    # A manifest of ours had videos in large groups and images in small ones; a rule that filled
    # training first would have tested on images alone.
    split = IdentitySplit()(videos_of_sizes([12] * 10 + [1] * 120))
    is_large = split.groupby("group")["group"].transform("size") == 12
    assert set(split.loc[is_large, "split"]) == {"train", "val", "test"}


def test_a_split_of_fraction_zero_stays_empty() -> None:
    split = IdentitySplit(train=0.8, val=0.2, test=0)(videos_of_sizes([3] * 10))
    assert set(split["split"]) == {"train", "val"}


def test_too_few_groups_for_the_splits_are_refused() -> None:
    with pytest.raises(DataError, match=r"12 videos in 2 groups .* train, val and test"):
        IdentitySplit()(videos_of_sizes([6, 6]))


@pytest.mark.parametrize(
    ("fractions", "message"),
    [
        ({"train": 0.8}, r"add up to 1, got .*'train': 0\.8"),
        ({"train": -0.5, "val": 1.0, "test": 0.5}, r"train must be a fraction .* got -0\.5"),
    ],
)
def test_bad_fractions_are_named(fractions: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        IdentitySplit(**fractions)


def test_the_official_split_is_kept(make_videos: MakeVideos) -> None:
    videos = make_videos([("a", 0, "train"), ("b", 1, "test")])
    pd.testing.assert_frame_equal(OfficialSplit()(videos), videos)


def test_a_missing_official_split_is_counted_and_the_way_out_named(make_videos: MakeVideos) -> None:
    videos = make_videos([("a", 0, "train"), ("b", 1, ""), ("c", 1, "")])
    with pytest.raises(DataError, match=r"2 of 3 videos .* toy/0001\. Use IdentitySplit"):
        OfficialSplit()(videos)


def test_the_official_test_list_is_kept_and_the_rest_shared_by_group(
    make_videos: MakeVideos,
) -> None:
    rows = [(f"t{n}", n % 2, "test") for n in range(5)]
    rows += [(f"g{n // 2}", n % 2, "") for n in range(40)]
    videos = make_videos(rows)
    split = OfficialTestSplit(val=0.25)(videos)
    assert split["video_id"].equals(videos["video_id"])
    assert (split["split"] == "test").equals(videos["split"] == "test")
    assert split["split"].value_counts().to_dict() == {"train": 30, "val": 10, "test": 5}
    assert find_leaks(split) == []


@pytest.mark.parametrize(("split", "number"), [("", 0), ("test", 2)])
def test_an_official_test_list_of_none_or_all_is_refused(
    make_videos: MakeVideos, split: str, number: int
) -> None:
    with pytest.raises(DataError, match=f"{number} of 2 videos are on the official test list"):
        OfficialTestSplit()(make_videos([("a", 0, split), ("b", 1, split)]))


@pytest.mark.parametrize("val", [0, 1, -0.1])
def test_a_bad_validation_fraction_is_named(val: float) -> None:
    with pytest.raises(ValueError, match=f"between 0 and 1, got {val}"):
        OfficialTestSplit(val=val)


def test_only_the_official_test_videos_are_tested_on(make_videos: MakeVideos) -> None:
    split = TestOnlySplit()(make_videos([("a", 0, "test"), ("b", 1, ""), ("c", 1, "train")]))
    assert split[["video_id", "split"]].to_numpy().tolist() == [["toy/0000", "test"]]


def test_all_videos_are_tested_on_where_no_list_is_official(make_videos: MakeVideos) -> None:
    split = TestOnlySplit()(make_videos([("a", 0, ""), ("b", 1, "")]))
    assert split["split"].tolist() == ["test", "test"]


@pytest.mark.parametrize(
    "rule", [OfficialSplit(), IdentitySplit(), OfficialTestSplit(), TestOnlySplit()], ids=repr
)
def test_a_rule_leaves_its_input_as_it_was(make_videos: MakeVideos, rule: SplitRule) -> None:
    rows = [("a", 0, "test"), ("b", 1, "train"), ("c", 0, "val"), ("d", 1, "train")]
    videos = make_videos(rows)
    rule(videos)
    pd.testing.assert_frame_equal(videos, make_videos(rows))


def test_shared_groups_and_videos_are_leaks(make_videos: MakeVideos) -> None:
    videos = make_videos([("a", 0, "test"), ("a", 1, "train"), ("b", 0, "val")])
    assert find_leaks(videos) == [Leak("group", "toy/a", ("train", "test"))]
    twice = pd.concat([videos, videos.iloc[[2]].assign(split="train")])
    assert Leak("video", "toy/0002", ("train", "val")) in find_leaks(twice)


def test_a_video_without_a_split_is_no_leak(make_videos: MakeVideos) -> None:
    assert find_leaks(make_videos([("a", 0, "test"), ("a", 1, "")])) == []


def test_leaks_are_refused_by_name_unless_allowed(make_videos: MakeVideos) -> None:
    videos = make_videos([("a", 0, "train"), ("a", 1, "test")])
    with pytest.raises(DataError, match=r"group toy/a is in train and test.*allow_leak=true"):
        check_splits(videos)
    check_splits(videos, allow_leak=True)


def test_many_leaks_are_counted(make_videos: MakeVideos) -> None:
    rows = [(f"g{n}", 0, split) for n in range(7) for split in ("train", "val")]
    with pytest.raises(DataError, match=r"share 7 videos or groups.*g4.*and 2 more\."):
        check_splits(make_videos(rows))


@pytest.mark.parametrize("split", ["", "valid"])
def test_a_split_of_another_name_is_refused(make_videos: MakeVideos, split: str) -> None:
    with pytest.raises(DataError, match=f"split of toy/0001 is '{split}'.*train, val, test"):
        check_splits(make_videos([("a", 0, "train"), ("b", 1, split)]))


def test_a_split_without_videos_is_named_with_those_there_are(make_videos: MakeVideos) -> None:
    videos = make_videos([("a", 0, "train"), ("b", 1, "train"), ("c", 1, "test")])
    assert require_split(videos, "test")["group"].tolist() == ["toy/c"]
    with pytest.raises(DataError, match="split 'val'; found 1 in 'test', 2 in 'train'"):
        require_split(videos, "val")
    with pytest.raises(DataError, match="split 'val'; found no videos"):
        require_split(videos.iloc[:0], "val")


@pytest.mark.parametrize(("label", "word"), [(0, "real"), (1, "fake")])
def test_a_split_of_one_class_is_refused(make_videos: MakeVideos, label: int, word: str) -> None:
    videos = make_videos([("a", label, "val"), ("b", label, "val"), ("c", 1 - label, "train")])
    with pytest.raises(DataError, match=f"All 2 videos of the split 'val' are {word}"):
        require_both_classes(videos, "val")


def test_a_split_of_both_classes_passes(make_videos: MakeVideos) -> None:
    require_both_classes(make_videos([("a", 0, "val"), ("b", 1, "val")]), "val")
