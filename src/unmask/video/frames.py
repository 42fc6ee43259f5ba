"""Read a folder of images as the video that they were cut from."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

from unmask.core.errors import VideoError
from unmask.video.reader import Frame, ImageReader
from unmask.video.timeline import Timeline

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")


@dataclass(frozen=True)
class FramesReader:
    """Read the images of a folder in the order of the numbers in their names.

    When each was shown is not known, so they are taken as one second apart, and ``pts_seconds`` is
    the frame's place in the folder.
    """

    image_reader: ImageReader = field(default_factory=ImageReader)

    def timeline(self, path: Path) -> Timeline:
        """Return the timeline of a folder; see :class:`~unmask.video.reader.FrameReader`."""
        files = list_frames(path)
        first = self.image_reader.timeline(files[0])
        places = tuple(range(len(files)))
        return replace(first, pts=places, time_base=Fraction(1), key_frames=places)

    def read(self, path: Path, timeline: Timeline, indices: Sequence[int]) -> Iterator[Frame]:
        """Decode the images at ``indices``; see :class:`~unmask.video.reader.FrameReader`."""
        files = list_frames(path)
        if not indices or indices[0] < 0 or indices[-1] >= len(timeline.pts):
            raise ValueError(
                f"Indices must lie in [0, {len(timeline.pts)}) for {path}, got {list(indices)}."
            )
        for index in indices:
            one = self.image_reader.timeline(files[index])
            for frame in self.image_reader.read(files[index], one, [0]):
                yield replace(frame, index=index, pts_seconds=timeline.seconds(index))


def list_frames(folder: Path) -> list[Path]:
    """List the images of a folder, 2.png before 10.png.

    Raises:
        VideoError: If it is no folder, or holds no image.
    """
    if not folder.is_dir():
        raise VideoError(f"There is no folder of frames {folder}.", reason="missing")
    files = [p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and p.name[0] != "."]
    if not files:
        raise VideoError(f"{folder} holds no image.", reason="no_video_stream")
    return sorted(files, key=_order)


def _order(path: Path) -> tuple[tuple[int, ...], str]:
    return tuple(int(number) for number in re.findall(r"\d+", path.stem)), path.name
