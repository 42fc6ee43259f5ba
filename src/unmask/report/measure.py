"""From prediction tables to the content of ``metrics.json``.

The result holds no time, date or path of a machine, so that equal predictions give equal bytes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import numpy as np
import pandas as pd

from unmask.core.errors import PredictionsError
from unmask.core.labels import CHANGED_VIDEO, CLASS_NAMES, FAKE, REAL
from unmask.evaluation.aggregate import video_scores, with_unscored
from unmask.evaluation.calibration import Calibration
from unmask.evaluation.footage import same_footage, same_people
from unmask.evaluation.metrics import balanced_accuracy_threshold, require_both_classes
from unmask.report.calibration_and_oracle import (
    fit_calibrations,
    measure_calibration,
    measure_oracle,
)
from unmask.report.metrics_with_intervals import estimate_auc, measure_level
from unmask.report.protocol import Protocol
from unmask.runs.run import WeightsState

# Fakes of other footage than the rest of a set, and what their real videos are called there: trees
# of FaceForensics++ hold DeepFakeDetection's actors beside YouTube; DeepfakeBench names them too.
REALS_OF: Final = {"DeepFakeDetection": "actors", "DFD_fake": "DFD_real"}

# What nothing was fitted or chosen on.
TEST_ROLES: Final = ("in_domain", "cross_dataset")


def measure(
    predictions: pd.DataFrame,
    unscored: pd.DataFrame,
    *,
    source_datasets: Sequence[str],
    threshold_split: str,
    protocol: Protocol,
    leaks: Mapping[str, int] | None = None,
    checkpoint: WeightsState = "chosen",
    videos: pd.DataFrame | None = None,
) -> dict[str, Any]:
    """Measure every data set and split that has predictions.

    Args:
        predictions: Checked predictions.
        unscored: Checked videos without a score.
        source_datasets: The data sets that the detector was trained on, at least one.
        threshold_split: Their split that fixes the threshold; never ``"test"``.
        protocol: How predictions become numbers.
        leaks: What splits share, by kind, where leaks were let through; every split is then marked.
            None where they are refused.
        checkpoint: Whether validation chose the weights behind the predictions; every split is
            marked where it did not.
        videos: :func:`measured_videos` of the same predictions, where known.

    Returns:
        The content of ``metrics.json``: under ``datasets``, by data set and split, the metrics of
        clips and videos with their intervals, of each manipulation, and what has no score.

    Raises:
        PredictionsError: If there is nothing to measure, or a split has one class only.
        ValueError: If ``threshold_split`` is ``"test"``.

    Note:
        An estimate is ``{"value", "low", "high"}``; both ends are null where one group is all there
        is. The AUC of a manipulation is null, with a ``reason``, where its own real videos are not
        in the split.
    """
    _require_honest(predictions, threshold_split)
    videos = measured_videos(predictions, unscored, protocol) if videos is None else videos
    threshold = fix_threshold(videos, source_datasets, threshold_split)
    value = threshold["value"]
    maps, reason = fit_calibrations(videos, source_datasets, threshold_split)
    origins = _origins(predictions, source_datasets)
    marks = _marks(leaks, checkpoint)
    datasets: dict[str, dict[str, Any]] = {}
    for dataset, split, clips in _splits(predictions):
        what = _what_it_is(dataset, split, source_datasets, origins[dataset])
        datasets.setdefault(dataset, {})[split] = {
            **what,
            **marks,
            **_measure_split(clips, videos, threshold=value, protocol=protocol),
            **_measure_choices(_part(videos, dataset, split), what["role"], value, maps),
            "unscored": _count_unscored(_part(unscored, dataset, split)),
        }
    return {
        "source_dataset": "+".join(source_datasets),
        "source_datasets": list(source_datasets),
        **marks,
        "leaks": None if leaks is None else dict(leaks),
        "protocol": {**asdict(protocol), "cluster": "group"},
        "threshold": threshold,
        "calibration": _fitted(threshold, maps, reason),
        "datasets": datasets,
        "not_measured": _not_measured(unscored, datasets),
        "groups_shared_between_splits": _shared_groups(predictions),
    }


def _marks(leaks: Mapping[str, int] | None, checkpoint: WeightsState) -> dict[str, Any]:
    """Return what every number is marked with."""
    marks = {"leak_allowed": leaks is not None, "checkpoint": checkpoint}
    return marks | ({"data_changed": True} if leaks and leaks.get(CHANGED_VIDEO) else {})


def _require_honest(predictions: pd.DataFrame, threshold_split: str) -> None:
    if threshold_split == "test":
        raise ValueError(
            "threshold_split must not be 'test': a threshold is fixed before the test."
        )
    if predictions.empty:
        raise PredictionsError("The table of predictions has no rows; there is nothing to measure.")


def _fitted(threshold: dict[str, Any], maps: dict[str, Calibration], reason: str) -> dict[str, Any]:
    """Describe each map; maps are fitted where the threshold is fixed."""
    origin = {name: threshold[name] for name in ("dataset", "split", "level")}
    return {
        **origin,
        "maps": {name: one.settings() for name, one in maps.items()},
        "reason": reason,
    }


def measured_videos(
    predictions: pd.DataFrame, unscored: pd.DataFrame, protocol: Protocol
) -> pd.DataFrame:
    """Return one row per video that enters the numbers, of every data set and split."""
    scored = video_scores(predictions, protocol.how, top_k=protocol.top_k)
    return with_unscored(scored, unscored, protocol.unscored)


def fix_threshold(videos: pd.DataFrame, datasets: Sequence[str], split: str) -> dict[str, Any]:
    """Fix one threshold on one split of the data sets trained on, or say why it cannot be.

    Args:
        videos: One row per video, as measured.
        datasets: The data sets that the detector was trained on.
        split: Their split to use.

    Returns:
        ``value`` in [0, 1] or None, where it comes from, and ``reason``, empty where there is a
        value.
    """
    part = videos[videos["dataset"].isin(list(datasets)) & (videos["split"] == split)]
    origin = {
        "dataset": "+".join(datasets),
        "split": split,
        "level": "video",
        "rule": "balanced accuracy",
    }
    if part.empty:
        return {**origin, "value": None, "reason": "it has no predictions"}
    if part["label"].nunique() < len(CLASS_NAMES):
        return {**origin, "value": None, "reason": "it holds one class only"}
    value = balanced_accuracy_threshold(
        part["label"].to_numpy(np.int64), part["score"].to_numpy(np.float64)
    )
    return {**origin, "value": value, "reason": ""}


def role_of(dataset: str, split: str, source_datasets: Sequence[str]) -> str:
    """Return the role of a split for a detector: seen in training, choosing, or a test.

    A copy of what was trained on is as well known as that itself.

    Example:
        >>> role_of("celebdf", "test", ["ffpp"]), role_of("ffpp", "test", ["ffpp"])
        ('cross_dataset', 'in_domain')
        >>> role_of("ffpp_gend", "test", ["ffpp"])
        'in_domain'
    """
    if not any(same_footage(dataset, source) for source in source_datasets):
        return "cross_dataset"
    return {"train": "training", "val": "validation"}.get(split, "in_domain")


def _what_it_is(
    dataset: str, split: str, sources: Sequence[str], origin: str | None
) -> dict[str, Any]:
    return {
        "role": role_of(origin or dataset, split, sources),
        "copy_of": None if origin == dataset else origin,
    }


def _origins(predictions: pd.DataFrame, sources: Sequence[str]) -> dict[str, str | None]:
    """Name for each data set the one trained on whose footage it holds, None where it is unseen.

    Names tell, and so do groups, whose first parts say whose people they count: copies share that
    of most of their clips, under any name.
    """
    people = predictions["group"].astype(str).str.rpartition("/")[0]
    of = {
        str(dataset): str(part.mode().iloc[0])
        for dataset, part in people.groupby(predictions["dataset"], sort=True)
    }
    return {
        dataset: dataset
        if dataset in sources
        else next(
            (
                source
                for source in sources
                if same_footage(dataset, source) or same_people(own, of.get(source, ""), source)
            ),
            None,
        )
        for dataset, own in of.items()
    }


def _splits(table: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    for _, part in table.groupby(["dataset", "split"], sort=True):
        yield str(part["dataset"].iloc[0]), str(part["split"].iloc[0]), part


def _part(table: pd.DataFrame, dataset: str, split: str) -> pd.DataFrame:
    return table[(table["dataset"] == dataset) & (table["split"] == split)]


def _measure_split(
    clips: pd.DataFrame, all_videos: pd.DataFrame, *, threshold: float | None, protocol: Protocol
) -> dict[str, Any]:
    dataset, split = str(clips["dataset"].iloc[0]), str(clips["split"].iloc[0])
    require_both_classes(
        clips["label"].to_numpy(np.int64), f"the report of {dataset}, split {split!r},"
    )
    videos = _part(all_videos, dataset, split)
    return {
        "clip": {
            "frames_per_clip": [int(clips["num_frames"].min()), int(clips["num_frames"].max())],
            **measure_level(clips, threshold, protocol),
        },
        "video": measure_level(videos, threshold, protocol),
        "methods": _measure_methods(videos, threshold, protocol),
    }


def _measure_choices(
    videos: pd.DataFrame, role: str, threshold: float | None, maps: dict[str, Calibration]
) -> dict[str, Any]:
    return {
        "calibration": measure_calibration(videos, maps),
        "oracle": measure_oracle(videos, threshold) if role in TEST_ROLES else None,
    }


def _measure_methods(
    videos: pd.DataFrame, threshold: float | None, protocol: Protocol
) -> dict[str, dict[str, Any]]:
    """Measure each manipulation against its reals, and count what each subset is called.

    A manipulation whose own real videos are not here has no AUC but a ``reason``: against other
    real videos it would measure the footage.
    """
    reals = videos[videos["label"] == REAL]
    content: dict[str, dict[str, Any]] = {name: {} for name in CLASS_NAMES}
    for _, part in videos.groupby(["label", "method"], sort=True):
        label, method = int(part["label"].iloc[0]), str(part["method"].iloc[0])
        facts: dict[str, Any] = {"count": len(part)}
        if label == FAKE:
            facts |= _auc_of_method(part, _reals_of(method, reals), protocol)
        facts["called_fake"] = (
            None if threshold is None else float((part["score"] >= threshold).mean())
        )
        content[CLASS_NAMES[label]][method] = facts
    return content


def _reals_of(method: str, reals: pd.DataFrame) -> pd.DataFrame:
    """Return the real videos of a manipulation's footage, empty where there are none."""
    if method in REALS_OF:
        return reals[reals["method"] == REALS_OF[method]]
    others = reals[~reals["method"].isin(REALS_OF.values())]
    # A set of nothing but such footage has no other to compare with.
    return reals if others.empty else others


def _auc_of_method(fakes: pd.DataFrame, reals: pd.DataFrame, protocol: Protocol) -> dict[str, Any]:
    if reals.empty:
        own = REALS_OF[str(fakes["method"].iloc[0])]
        return {"auc": None, "reason": f"its real videos, '{own}', are not here"}
    return {"auc": estimate_auc(pd.concat([reals, fakes]), protocol)}


def _count_unscored(unscored: pd.DataFrame) -> dict[str, Any]:
    return {
        "count": len(unscored),
        "num_real": int((unscored["label"] == REAL).sum()),
        "num_fake": int((unscored["label"] == FAKE).sum()),
        "reasons": {
            reason: int(count)
            for reason, count in sorted(unscored["reason"].value_counts().items())
        },
    }


def _not_measured(
    unscored: pd.DataFrame, datasets: dict[str, dict[str, Any]]
) -> list[dict[str, Any]]:
    """List the splits in which no video at all has a score."""
    return [
        {"dataset": dataset, "split": split, **_count_unscored(part)}
        for dataset, split, part in _splits(unscored)
        if split not in datasets.get(dataset, {})
    ]


def _shared_groups(predictions: pd.DataFrame) -> dict[str, int]:
    """Count, by data set, the identity groups that stand in more than one split."""
    num_splits = predictions.groupby(["dataset", "group"], sort=True)["split"].nunique()
    shared = num_splits[num_splits > 1].groupby("dataset", sort=True).size()
    return {str(dataset): int(count) for dataset, count in shared.items()}
