"""Read videos with decord, and believe it only where its frames are shown to be the right ones."""

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from unmask.core.errors import ConfigError, VideoError
from unmask.video.reader import MAX_PIXELS, Frame, PyAVReader, check_indices
from unmask.video.timeline import NO_BOUNDS, ReadingBounds, Timeline, read_timeline, too_large

Image = NDArray[np.uint8]

# Mean difference of two decodings of one frame, in grey levels. It is 0 for 8-bit video and 1.1 for
# 10-bit video, which the two round differently.
MOST_DIFFERENCE: Final = 2.0


@dataclass(frozen=True)
class DecordReader:
    """Read videos with decord, the second backend; it yields the same frames as PyAV or none.

    decord's search for a frame lands elsewhere in many files and reports no error. Therefore it is
    never asked to seek: it decodes from the beginning, and frames are counted. A file is refused
    where decord gives the frames another number or other times than the container, or where the
    first or the last frame asked for is not the one that PyAV decodes; a frame lost anywhere before
    would shift the last one. Times come from the container as in :class:`PyAVReader`, because
    decord rounds them.

    Args:
        max_pixels: Frames with more pixels are refused as ``too_large``.
        bounds: How far a file is read.
    """

    max_pixels: int = MAX_PIXELS
    # How far is read decides whether there are crops, and not which.
    bounds: ReadingBounds = NO_BOUNDS

    def timeline(self, path: Path) -> Timeline:
        """Return when each frame is shown; see :class:`~unmask.video.reader.FrameReader`."""
        return read_timeline(path, max_pixels=self.max_pixels, bounds=self.bounds)

    def read(self, path: Path, timeline: Timeline, indices: Sequence[int]) -> Iterator[Frame]:
        """Decode the frames at ``indices``; see :class:`~unmask.video.reader.FrameReader`.

        Raises:
            VideoError: Also if decord's frames are not those of the timeline.
        """
        check_indices(path, timeline, indices)
        decord = _import_decord()
        try:
            video = decord.VideoReader(str(path.resolve()), ctx=decord.cpu(0), num_threads=1)
            _check_times(path, timeline, video)
            yield from self._frames(path, timeline, indices, video)
        except (RuntimeError, decord.DECORDError) as error:
            raise VideoError(
                f"decord cannot decode {path}: {str(error).splitlines()[0]}. Read it with PyAV: "
                "prepare/reader=pyav.",
                reason="decode_error",
            ) from error

    def _frames(
        self,
        path: Path,
        timeline: Timeline,
        indices: Sequence[int],
        video: Any,  # noqa: ANN401 - decord has no types
    ) -> Iterator[Frame]:
        wanted = set(indices)
        for index in range(indices[-1] + 1):
            if self.bounds.ask is not None:
                self.bounds.ask()
            decoded = _next(path, video)
            height, width = decoded.shape[:2]
            if height * width > self.max_pixels:
                raise too_large(path, width, height, self.max_pixels)
            if index in wanted:
                image = decoded.asnumpy()
                if index in (indices[0], indices[-1]):
                    self._check_image(path, timeline, index, image)
                yield Frame(index, timeline.seconds(index), image)

    def _check_image(self, path: Path, timeline: Timeline, index: int, image: Image) -> None:
        reader = PyAVReader(max_pixels=self.max_pixels, bounds=self.bounds)
        around = [i for i in (index - 1, index, index + 1) if 0 <= i < len(timeline.pts)]
        differences = {
            frame.index: _difference(frame.image, image)
            for frame in reader.read(path, timeline, around)
        }
        is_nearest = differences[index] == min(differences.values())
        if not is_nearest or differences[index] > MOST_DIFFERENCE:
            raise _differs(path, f"decodes something else than PyAV as frame {index}")


def _check_times(path: Path, timeline: Timeline, video: Any) -> None:  # noqa: ANN401
    num_frames = len(timeline.pts)
    if len(video) != num_frames:
        raise _differs(path, f"counts {len(video)} frames, its container {num_frames}")
    if not timeline.is_timed:
        raise _differs(path, "cannot be checked, because the file has no times of its frames")
    # decord counts time from the first frame.
    reported = np.asarray(video.get_frame_timestamp(range(num_frames)), np.float64)[:, 0]
    ticks = np.array(timeline.pts, np.int64)
    expected = (ticks - ticks[0]) * float(timeline.time_base)
    steps = np.diff(expected, prepend=-np.inf, append=np.inf)
    is_same = np.abs(reported - reported[0] - expected) < np.minimum(steps[:-1], steps[1:]) / 2
    if not is_same.all():
        index = int(np.argmin(is_same))
        raise _differs(
            path,
            f"shows frame {index} {reported[index] - reported[0]:.3g} s after the first, its "
            f"container {expected[index]:.3f} s",
        )


def _next(path: Path, video: Any) -> Any:  # noqa: ANN401 - decord has no types
    try:
        return video.next()
    except StopIteration as error:
        raise _differs(path, "ends before the last frame of its container") from error


def _difference(one: Image, other: Image) -> float:
    """Return the mean difference of two images in grey levels; infinite for other sizes.

    Example:
        >>> _difference(np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 7, np.uint8))
        7.0
    """
    if one.shape != other.shape:
        return float("inf")
    return float(np.abs(one.astype(np.int16) - other).mean())


def _differs(path: Path, how: str) -> VideoError:
    return VideoError(
        f"decord {how}: {path}. Read it with PyAV: prepare/reader=pyav.", reason="decode_error"
    )


def _import_decord() -> Any:  # noqa: ANN401 - decord has no types
    try:
        return importlib.import_module("decord")
    except ImportError as error:
        raise ConfigError(
            "The decord reader needs the package decord, which is not installed. It comes with "
            "unmask on Linux x86-64 and has no builds for current Pythons elsewhere: use "
            "prepare/reader=pyav."
        ) from error
