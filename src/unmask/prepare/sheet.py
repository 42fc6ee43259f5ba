"""``prepare.html``: where a person sees whether the crops of a store are good."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import cv2
import numpy as np
import pandas as pd

from unmask.core.labels import CLASS_NAMES
from unmask.pages.data_uri import data_uri
from unmask.pages.templating import templates_of
from unmask.prepare.video import preview_path

# Side of a picture in the sheet; on a phone, four lie side by side.
THUMBNAIL_PX: Final = 112
CROPS_PER_METHOD: Final = 8
LEAST_LIKELY: Final = 12
SMALLEST: Final = 12
FAILURES_PER_REASON: Final = 8
NUM_BINS: Final = 20


@dataclass(frozen=True)
class Thumbnail:
    """A picture with a line of text; ``uri`` is None where there is nothing to show."""

    uri: str | None
    name: str
    detail: str


@dataclass(frozen=True)
class Histogram:
    """Bars of one set of probabilities.

    Args:
        low: Where the first bar starts; the last ends at 1.
        bars: For each, its height in percent of the highest and the text of its tip.
        median: Median of all values; None without any.
    """

    title: str
    low: float
    bars: list[tuple[float, str]]
    median: float | None


def render_sheet(
    store_dir: Path, videos: pd.DataFrame, faces: pd.DataFrame, failures: pd.DataFrame
) -> str:
    """Show the faces of a store in one HTML page that needs no other file.

    Equal stores give equal pages.

    Args:
        store_dir: The store, with its crops.
        videos: Rows of ``videos.parquet``.
        faces: Rows of ``faces.parquet``.
        failures: Rows of ``failures.parquet``.
    """
    faces = faces.sort_values(["video_id", "track_id", "frame_index"], ignore_index=True)
    failures = failures.sort_values("video_id", ignore_index=True)
    is_detected = faces["detector_prob"].notna()
    detected, annotated = faces[is_detected], faces[~is_detected]
    named = faces.merge(videos[["video_id", "dataset", "method", "label"]], on="video_id")
    groups = method_counts(videos, faces, failures)
    context = {
        "datasets": sorted(videos["dataset"].unique()),
        "num_videos": len(videos),
        "num_faces": len(faces),
        "num_failures": len(failures),
        "groups": groups,
        "num_annotated": len(annotated),
        "histograms": [
            histogram("Detector, in the frame", detected["detector_prob"]),
            histogram("Verifier, in the crop", detected["verifier_prob"]),
        ],
        "reasons": _failures_by_reason(store_dir, failures),
        "samples": [
            (group, _samples(store_dir, named, group)) for group in groups if group["num_faces"]
        ],
        "least_likely": _least_likely(store_dir, detected),
        "smallest": _smallest(store_dir, annotated),
    }
    return templates_of("unmask.prepare").get_template("prepare.html.jinja").render(context)


def method_counts(
    videos: pd.DataFrame, faces: pd.DataFrame, failures: pd.DataFrame
) -> list[dict[str, Any]]:
    """Count videos, faces and failures of each data set and method.

    Returns:
        Keys ``dataset, label, method, num_videos, num_faces, num_failures, faces_per_video``; the
        last is a mean over the videos with a face, None without any.
    """
    counted = videos[["video_id", "dataset", "label", "method"]].assign(
        num_faces=videos["video_id"].map(faces["video_id"].value_counts()).fillna(0).astype(int),
        is_failed=videos["video_id"].isin(failures["video_id"]),
    )
    rows = []
    for key, group in counted.groupby(["dataset", "label", "method"]):
        dataset, label, method = cast("tuple[str, int, str]", key)
        num_faces, num_with = int(group["num_faces"].sum()), int((group["num_faces"] > 0).sum())
        rows.append(
            {
                "dataset": dataset,
                "label": CLASS_NAMES[label],
                "method": method,
                "num_videos": len(group),
                "num_faces": num_faces,
                "num_failures": int(group["is_failed"].sum()),
                "faces_per_video": num_faces / num_with if num_with else None,
            }
        )
    return rows


def histogram(title: str, probs: pd.Series) -> Histogram:
    """Count probabilities in bars from the largest tenth below all of them up to 1.

    Example:
        >>> found = histogram("all", pd.Series([0.91, 0.99, 1.0]))
        >>> found.low, found.bars[-1]
        (0.9, (100.0, '0.995 to 1: 1'))
    """
    values = probs.to_numpy(np.float64)
    low = float(min(np.floor(values.min() * 10) / 10, 0.9)) if len(values) else 0.9
    counts, edges = np.histogram(values, bins=NUM_BINS, range=(low, 1))
    highest = max(int(counts.max()), 1)
    bars = [
        (100 * int(count) / highest, f"{left:.3g} to {right:.3g}: {count:,}")
        for count, left, right in zip(counts, edges, edges[1:], strict=False)
    ]
    return Histogram(title, low, bars, float(np.median(values)) if len(values) else None)


def evenly_spaced(count: int, most: int) -> list[int]:
    """Choose at most ``most`` of ``count`` places, evenly.

    Example:
        >>> evenly_spaced(10, 3), evenly_spaced(2, 3)
        ([1, 5, 8], [0, 1])
    """
    chosen = min(count, most)
    return [(2 * place + 1) * count // (2 * chosen) for place in range(chosen)]


def _samples(store_dir: Path, faces: pd.DataFrame, group: dict[str, Any]) -> list[Thumbnail]:
    """Show the middle crop of the main face of a few videos."""
    chosen = faces[
        (faces["dataset"] == group["dataset"])
        & (faces["method"] == group["method"])
        & (faces["label"] == CLASS_NAMES.index(group["label"]))
        & (faces["track_id"] == 0)
    ]
    tracks = [track for _, track in chosen.groupby("video_id", sort=True)]
    shown = [tracks[place] for place in evenly_spaced(len(tracks), CROPS_PER_METHOD)]
    return [_crop(store_dir, track.iloc[len(track) // 2]) for track in shown]


def _least_likely(store_dir: Path, faces: pd.DataFrame) -> list[Thumbnail]:
    """Show the faces that the detector was least sure of, one per video."""
    by_prob = faces.sort_values("detector_prob", kind="stable").drop_duplicates("video_id")
    return [_crop(store_dir, row) for _, row in by_prob.head(LEAST_LIKELY).iterrows()]


def _smallest(store_dir: Path, faces: pd.DataFrame) -> list[Thumbnail]:
    """Show the faces with the smallest annotated boxes, by their longer side."""
    sides = [faces[f"box_{axis}2"] - faces[f"box_{axis}1"] for axis in "xy"]
    longer = pd.concat(sides, axis=1).max(axis=1)
    by_side = faces.assign(side=longer).sort_values("side", kind="stable")
    return [_crop(store_dir, row) for _, row in by_side.head(SMALLEST).iterrows()]


def _failures_by_reason(
    store_dir: Path, failures: pd.DataFrame
) -> list[tuple[str, int, Sequence[Thumbnail]]]:
    """Return each reason with its count and a few of its videos, the commonest first."""
    groups = sorted(failures.groupby("reason"), key=lambda group: (-len(group[1]), str(group[0])))
    return [
        (
            str(reason),
            len(rows),
            [
                Thumbnail(
                    _data_uri(preview_path(store_dir, row["video_id"])),
                    str(row["video_id"]),
                    _without_folder(row),
                )
                for _, row in rows.iloc[evenly_spaced(len(rows), FAILURES_PER_REASON)].iterrows()
            ],
        )
        for reason, rows in groups
    ]


def _without_folder(failure: pd.Series) -> str:
    """Shorten what went wrong: the folder of the data set is the same in every line."""
    path = str(failure["path"])
    return re.sub(r"\S*/" + re.escape(path), lambda _: path, str(failure["detail"]))


def _crop(store_dir: Path, face: pd.Series) -> Thumbnail:
    if np.isnan(face["detector_prob"]):
        width, height = (face[f"box_{axis}2"] - face[f"box_{axis}1"] for axis in "xy")
        detail = f"annotated, {width:.0f}x{height:.0f} px"
    else:
        detail = f"frame {face['frame_index']}, p = {face['detector_prob']:.3f}"
    return Thumbnail(_data_uri(store_dir / face["crop_path"]), str(face["video_id"]), detail)


def _data_uri(path: Path) -> str | None:
    """Return a small copy of a picture as a ``data:`` address; None if it is not there."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR) if path.is_file() else None
    if image is None:
        return None
    factor = min(THUMBNAIL_PX / min(image.shape[:2]), 1.0)
    size = (max(round(image.shape[1] * factor), 1), max(round(image.shape[0] * factor), 1))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    is_encoded, content = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 85])
    assert is_encoded
    return data_uri(content.tobytes(), "image/jpeg")
