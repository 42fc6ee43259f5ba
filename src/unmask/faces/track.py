"""Link the faces of a video's frames into tracks, one per person."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unmask.faces.boxes import area, iou


@dataclass(frozen=True)
class IoUTracker:
    """Give a face to the track whose last box it overlaps most.

    The default asks for little overlap, because sampled frames lie seconds apart.

    Args:
        min_iou: Least overlap with a track's last box; below it, a new track starts.
    """

    min_iou: float = 0.1

    def __post_init__(self) -> None:
        if not 0 < self.min_iou <= 1:
            raise ValueError(f"min_iou must be above 0 and at most 1, got {self.min_iou}.")

    def __call__(self, frames: Sequence[NDArray[np.float64]]) -> list[list[int]]:
        """Link boxes into tracks.

        Args:
            frames: The boxes of each frame in order of time, each xyxy, ``(n, 4)``.

        Returns:
            The track of each box of each frame. Track 0 is the one with the largest summed area.

        Example:
            >>> first = np.array([[0.0, 0, 4, 4], [10, 0, 20, 10]])
            >>> second = np.array([[11.0, 0, 21, 10]])
            >>> IoUTracker()([first, second])
            [[1, 0], [0]]
        """
        last_boxes: list[NDArray[np.float64]] = []
        areas: list[float] = []
        linked = []
        for boxes in frames:
            tracks = self._link(boxes, last_boxes)
            for box, box_area, track in zip(boxes, area(boxes), tracks, strict=True):
                if track == len(last_boxes):
                    last_boxes.append(box)
                    areas.append(0.0)
                last_boxes[track] = box
                areas[track] += float(box_area)
            linked.append(tracks)
        largest_first = sorted(range(len(areas)), key=lambda track: -areas[track])
        rank = {track: place for place, track in enumerate(largest_first)}
        return [[rank[track] for track in tracks] for tracks in linked]

    def _link(
        self, boxes: NDArray[np.float64], last_boxes: Sequence[NDArray[np.float64]]
    ) -> list[int]:
        """Return a track per box; new tracks continue the count of known ones."""
        tracks = np.full(len(boxes), -1)
        if last_boxes and len(boxes):
            overlaps = iou(boxes, np.stack(last_boxes))
            # The largest overlap of all first; each box and each track is used once.
            for flat in np.argsort(-overlaps, axis=None, kind="stable"):
                box, track = np.unravel_index(flat, overlaps.shape)
                if overlaps[box, track] < self.min_iou:
                    break
                if tracks[box] < 0 and track not in tracks:
                    tracks[box] = track
        is_new = tracks < 0
        tracks[is_new] = len(last_boxes) + np.arange(is_new.sum())
        return [int(track) for track in tracks]
