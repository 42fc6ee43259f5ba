import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask.evaluation.aggregate import video_scores, with_unscored


def clips(scores: list[float], videos: int = 3) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "dataset": "d",
            "video_id": [f"d/{index % videos}" for index in range(len(scores))],
            "track_id": 0,
            "clip_index": range(len(scores)),
            "label": [index % videos % 2 for index in range(len(scores))],
            "method": "m",
            "group": "g",
            "split": "test",
            "score": scores,
        }
    )


UNSCORED = pd.DataFrame(
    [["d", "d/0x", 0, "m", "g", "test", "no_face"]],
    columns=["dataset", "video_id", "label", "method", "group", "split", "reason"],
)


@given(scores=st.lists(st.floats(0, 1), min_size=3, max_size=20), data=st.data())
def test_row_order_does_not_change_a_bit(scores: list[float], data: st.DataObject) -> None:
    table = clips(scores)
    order = data.draw(st.permutations(range(len(table))))
    pd.testing.assert_frame_equal(
        video_scores(table), video_scores(table.iloc[order]), check_exact=True
    )


def test_mean_and_max_match_a_table_worked_by_hand() -> None:
    table = clips([0.2, 0.4, 0.6, 0.8], videos=2)
    assert video_scores(table)["score"].tolist() == pytest.approx([0.4, 0.6])
    assert video_scores(table, "max")["score"].tolist() == [0.6, 0.8]
    assert video_scores(table)["num_clips"].tolist() == [2, 2]


def test_the_highest_clips_match_a_table_worked_by_hand() -> None:
    # d/0 has 0.2, 0.6, 0.3 and d/1 has 0.4, 0.8: of two faces each, because the track is ignored
    table = clips([0.2, 0.4, 0.6, 0.8, 0.3], videos=2).assign(track_id=[0, 0, 1, 1, 1])
    two, three = (video_scores(table, "topk", top_k=k) for k in (2, 3))
    assert two["score"].tolist() == pytest.approx([0.45, 0.6])
    assert three["score"].tolist() == pytest.approx([1.1 / 3, 0.6])
    assert two["num_clips"].tolist() == [3, 2]


@given(scores=st.lists(st.floats(0, 1), min_size=3, max_size=20), data=st.data())
def test_the_highest_one_is_the_maximum_and_all_are_the_mean(
    scores: list[float], data: st.DataObject
) -> None:
    table = clips(scores)
    shuffled = table.iloc[data.draw(st.permutations(range(len(table))))]
    highest = video_scores(shuffled, "topk", top_k=1)["score"]
    assert highest.tolist() == video_scores(table, "max")["score"].tolist()
    every = video_scores(shuffled, "topk", top_k=20)["score"]
    assert every.tolist() == pytest.approx(video_scores(table)["score"].tolist())
    pd.testing.assert_frame_equal(
        video_scores(shuffled, "topk", top_k=2),
        video_scores(table, "topk", top_k=2),
        check_exact=True,
    )


def test_no_clips_behind_a_score_are_refused() -> None:
    with pytest.raises(ValueError, match="top_k must be at least 1, got 0"):
        video_scores(clips([0.1]), "topk", top_k=0)


def test_an_unknown_way_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'median'"):
        video_scores(clips([0.1]), "median")  # type: ignore[arg-type]


def test_excluded_videos_are_left_out() -> None:
    videos = video_scores(clips([0.1, 0.9], videos=2))
    assert len(with_unscored(videos, UNSCORED, "exclude")) == 2


def test_guessed_videos_get_one_half_and_no_clips() -> None:
    videos = video_scores(clips([0.1, 0.9], videos=2))
    measured = with_unscored(videos, UNSCORED, "0.5")
    assert measured["video_id"].tolist() == ["d/0", "d/0x", "d/1"]
    assert measured.loc[1, ["score", "num_clips"]].tolist() == [0.5, 0]


def test_an_unknown_policy_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'drop'"):
        with_unscored(video_scores(clips([0.1])), UNSCORED, "drop")  # type: ignore[arg-type]
