"""How many faces of one video are used, at most."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

Cap = Callable[[pd.DataFrame], pd.DataFrame]
"""Takes the rows of ``faces.parquet`` and returns those that are used."""


@dataclass(frozen=True)
class AllFaces:
    """Use every face."""

    def __call__(self, faces: pd.DataFrame) -> pd.DataFrame:
        """Return ``faces`` as they are."""
        return faces


@dataclass(frozen=True)
class FaceCap:
    """Use the first faces of each track; system C took 15 of a video, which cured overfitting.

    Args:
        max_faces: Most faces of a track.

    Raises:
        ValueError: If ``max_faces`` is less than 1.
    """

    max_faces: int = 15

    def __post_init__(self) -> None:
        if self.max_faces < 1:
            raise ValueError(f"clips.cap.max_faces must be at least 1, got {self.max_faces}.")

    def __call__(self, faces: pd.DataFrame) -> pd.DataFrame:
        """Return the faces that come first."""
        return faces[_place_in_track(faces) < self.max_faces]


@dataclass(frozen=True)
class FirstFramesCap:
    """Use the faces of the beginning of each video, as systems C and D.

    Args:
        num_frames: Frames of the video, counted from its first; later ones are not used.

    Raises:
        ValueError: If ``num_frames`` is less than 1.
    """

    num_frames: int = 100

    def __post_init__(self) -> None:
        if self.num_frames < 1:
            raise ValueError(f"clips.cap.num_frames must be at least 1, got {self.num_frames}.")

    def __call__(self, faces: pd.DataFrame) -> pd.DataFrame:
        """Return the faces in those frames."""
        return faces[faces["frame_index"] < self.num_frames]


@dataclass(frozen=True)
class MeanFramesCap:
    """Use of each track as many faces as the data set's tracks have on average, as system C.

    The mean is of all splits, rounded up; no label enters it.
    """

    def __call__(self, faces: pd.DataFrame) -> pd.DataFrame:
        """Return the faces that come first."""
        tracks = faces.groupby(["video_id", "track_id"]).ngroups
        mean = -(-len(faces) // max(tracks, 1))
        return faces[_place_in_track(faces) < mean]


def _place_in_track(faces: pd.DataFrame) -> "pd.Series[int]":
    """Return the place of each face in its track by time, from 0."""
    ordered = faces.sort_values("frame_index", kind="stable")
    return ordered.groupby(["video_id", "track_id"]).cumcount().reindex(faces.index)
