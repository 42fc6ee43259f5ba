"""From the scores of clips to one score per video."""

from typing import Literal, get_args

import numpy as np
import pandas as pd

from unmask.evaluation.predictions import (
    PREDICTIONS_KEY,
    VIDEO_FACTS,
    VIDEO_KEY,
    key_order,
    sort_codes,
)

Aggregation = Literal["mean", "max", "topk"]
UnscoredPolicy = Literal["exclude", "0.5"]
# Clips behind a video's score under "topk", where nothing else is said.
TOP_K = 3
VIDEO_COLUMNS = [*VIDEO_KEY, *VIDEO_FACTS, "score", "num_clips"]


def in_words(how: str, top_k: int = TOP_K) -> str:
    """Return what a video's score is.

    Example:
        >>> in_words("topk", 3)
        'mean of its 3 highest clips'
    """
    words = {
        "mean": "mean over its clips",
        "max": "highest of its clips",
        "topk": f"mean of its {top_k} highest clips",
    }
    return words[how]


def video_scores(
    predictions: pd.DataFrame, how: Aggregation = "mean", *, top_k: int = TOP_K
) -> pd.DataFrame:
    """Give every video one score from all clips of all its faces.

    The result does not depend on the order of the rows, to the last bit.

    Args:
        predictions: Checked predictions, one row per clip.
        how: ``"mean"`` over the clips; ``"max"``, for which one fake face makes a video fake; or
            ``"topk"``, the mean of the ``top_k`` highest, for which some fake seconds do.
        top_k: Clips behind a score under ``"topk"``, at least 1; a video with fewer gives all.

    Returns:
        One row per video in the order of (dataset, video_id) with its label, method, group, split,
        score in [0, 1] and ``num_clips``.

    Raises:
        ValueError: If ``how`` is none of these or ``top_k`` is less than 1.

    Example:
        >>> clips = pd.DataFrame({
        ...     "dataset": "d", "video_id": ["a", "a"], "track_id": 0, "clip_index": [0, 1],
        ...     "label": 1, "method": "swap", "group": "g", "split": "test", "score": [0.25, 0.75]})
        >>> video_scores(clips)["score"].tolist(), video_scores(clips, "max")["score"].tolist()
        ([0.5], [0.75])
    """
    if how not in get_args(Aggregation):
        raise ValueError(f"how must be one of {get_args(Aggregation)}, got {how!r}.")
    if top_k < 1:
        raise ValueError(f"top_k must be at least 1, got {top_k}.")
    # Sums of floats depend on their order, hence the sort.
    ordered = predictions.iloc[key_order(predictions, PREDICTIONS_KEY)].reset_index(drop=True)
    datasets, names = (sort_codes(ordered[name]).astype(np.int64) for name in VIDEO_KEY)
    # One number per video, in the order of its key: grouping by it is much faster than by text.
    video = pd.Series(datasets * (names.max(initial=0) + 1) + names)
    is_first = ~video.duplicated()
    by_video = ordered["score"].groupby(video, sort=True)
    if how == "topk":
        highest = ordered["score"].sort_values(ascending=False, kind="stable")
        kept = highest.groupby(video.loc[highest.index], sort=True).head(top_k)
        scores = kept.groupby(video.loc[kept.index], sort=True).mean()
    else:
        scores = by_video.agg(how)
    facts = ordered.loc[is_first, [*VIDEO_KEY, *VIDEO_FACTS]].reset_index(drop=True)
    videos = facts.assign(score=scores.to_numpy(), num_clips=by_video.size().to_numpy())
    result: pd.DataFrame = videos[VIDEO_COLUMNS]
    return result


def with_unscored(
    videos: pd.DataFrame, unscored: pd.DataFrame, policy: UnscoredPolicy = "exclude"
) -> pd.DataFrame:
    """Apply the stated policy to videos in which no usable face was found.

    Args:
        videos: What :func:`video_scores` returned.
        unscored: One row per video without a score.
        policy: ``"exclude"`` leaves them out; ``"0.5"`` adds them with that score and no clips, as
            a detector that knows nothing would answer.

    Returns:
        The videos to measure, in the order of (dataset, video_id).

    Raises:
        ValueError: If ``policy`` is neither.
    """
    if policy not in get_args(UnscoredPolicy):
        raise ValueError(f"unscored must be one of {get_args(UnscoredPolicy)}, got {policy!r}.")
    if policy == "exclude" or unscored.empty:
        return videos
    guessed = unscored.assign(score=0.5, num_clips=0)[VIDEO_COLUMNS]
    return pd.concat([videos, guessed]).sort_values(VIDEO_KEY, ignore_index=True)
