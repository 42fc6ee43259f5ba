"""Face crops that show where a detector is most right and most wrong."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd
from PIL import Image, UnidentifiedImageError

from unmask.core.labels import CLASS_NAMES, FAKE, REAL
from unmask.pages.data_uri import data_uri

THUMBNAIL_PX: Final = 128


@dataclass(frozen=True)
class Example:
    """One video, by a crop of its face.

    Args:
        uri: The crop as a ``data:`` address; None where the file is missing or unreadable.
        score: Score of the whole video, in [0, 1].
        called: ``"real"`` or ``"fake"``.
        is_right: Whether that is what it is.
    """

    uri: str | None
    video_id: str
    method: str
    score: float
    called: str
    is_right: bool


@dataclass(frozen=True)
class ExampleRow:
    """Some videos of one class.

    Args:
        title: What they have in common, e.g. ``"Fake, most wrong"``.
        examples: The most extreme first.
    """

    title: str
    examples: list[Example]


def choose_examples(
    videos: pd.DataFrame,
    predictions: pd.DataFrame,
    *,
    store_dir: Path | None,
    threshold: float,
    count: int = 4,
) -> list[ExampleRow]:
    """Choose the most right and the most wrong videos of each class.

    A class with fewer than ``2 * count`` videos is divided, so that no video is shown as both.

    Args:
        videos: One row per video of one data set and split, with ``score``.
        predictions: Its clips, which name the crops.
        store_dir: Where the crops are; None where that is not known.
        threshold: Scores of at least this are called fake.
        count: Videos per row, at least 1.

    Returns:
        Rows without videos are left out.
    """
    rows = []
    for label in (REAL, FAKE):
        # The most right first; ids break ties, so that the choice is always the same.
        of_class = videos[(videos["label"] == label) & (videos["num_clips"] > 0)]
        ordered = of_class.sort_values(["score", "video_id"], ascending=[label == REAL, True])
        num_right = min(count, (len(ordered) + 1) // 2)
        num_wrong = min(count, len(ordered) - num_right)
        extremes = (
            ("most right", ordered.head(num_right)),
            ("most wrong", ordered.iloc[::-1].head(num_wrong)),
        )
        rows += [
            ExampleRow(
                f"{CLASS_NAMES[label].capitalize()}, {word}",
                [
                    _example(video, predictions, store_dir, threshold)
                    for video in chosen.to_dict("records")
                ],
            )
            for word, chosen in extremes
            if len(chosen)
        ]
    return rows


def _example(
    video: dict[Any, Any], predictions: pd.DataFrame, store_dir: Path | None, threshold: float
) -> Example:
    score = float(video["score"])
    clips = predictions[predictions["video_id"] == video["video_id"]]
    pictured = clips[clips["example_crop"] != ""]
    uri = None
    if store_dir is not None and len(pictured):
        # The clip whose score stands for the whole video best.
        nearest = int((pictured["score"] - score).abs().to_numpy().argmin())
        uri = thumbnail(store_dir / str(pictured["example_crop"].iloc[nearest]))
    called = FAKE if score >= threshold else REAL
    return Example(
        uri=uri,
        video_id=str(video["video_id"]),
        method=str(video["method"]),
        score=score,
        called=CLASS_NAMES[called],
        is_right=called == video["label"],
    )


def thumbnail(path: Path) -> str | None:
    """Return a small JPEG of an image as a ``data:`` address.

    Args:
        path: Any image file.

    Returns:
        None where there is no readable image.
    """
    try:
        with Image.open(path) as image:
            small = image.convert("RGB")
    except (OSError, UnidentifiedImageError):
        return None
    small.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=85)
    return data_uri(buffer.getvalue(), "image/jpeg")
