"""Read chosen frames of a video or an image, behind one interface.

A still image is a video of one frame. A fault of a file is a
:class:`~unmask.core.errors.VideoError` with a short reason; frames are never repeated or left out
silently.
"""

import warnings
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from unmask.core.errors import VideoError
from unmask.video.timeline import (
    NO_BOUNDS,
    ReadingBounds,
    Timeline,
    check_is_file,
    open_video,
    read_timeline,
    too_large,
)

IMAGE_FORMATS = ("JPEG", "PNG", "WEBP", "BMP")

# 8192 x 8192; a frame of it takes 200 MB.
MAX_PIXELS = 2**26


@dataclass(frozen=True)
class Frame:
    """One decoded frame.

    Args:
        index: Its place in presentation order.
        image: RGB, ``(height, width, 3)``, uint8, turned upright.
    """

    index: int
    pts_seconds: float
    image: NDArray[np.uint8]


class FrameReader(Protocol):
    """What reads frames."""

    def timeline(self, path: Path) -> Timeline:
        """Return when each frame is shown, without decoding where the file allows it.

        Raises:
            VideoError: If the file is missing, damaged, too large or not of this kind.
        """

    def read(self, path: Path, timeline: Timeline, indices: Sequence[int]) -> Iterator[Frame]:
        """Decode the frames at ``indices`` one by one.

        Args:
            timeline: What :meth:`timeline` returned for it.
            indices: Strictly increasing indices in presentation order.

        Yields:
            One frame per index, in order.

        Raises:
            ValueError: If the indices are not strictly increasing or lie outside the timeline.
            VideoError: If a frame cannot be decoded.
        """


@dataclass(frozen=True)
class PyAVReader:
    """Read videos with PyAV: seek to key frames and discard what nobody asked for.

    The reader seeks where that skips a key frame, lets the codec pass over frames that no other
    frame refers to, and converts wanted frames only. One decoder thread: run several readers
    instead.

    Args:
        max_pixels: Frames with more pixels are refused as ``too_large``.
        bounds: How far a file is read.
    """

    max_pixels: int = MAX_PIXELS
    # How far is read decides whether there are crops, and not which.
    bounds: ReadingBounds = NO_BOUNDS

    def timeline(self, path: Path) -> Timeline:
        """Return when each frame is shown; see :class:`FrameReader`."""
        return read_timeline(path, max_pixels=self.max_pixels, bounds=self.bounds)

    def read(self, path: Path, timeline: Timeline, indices: Sequence[int]) -> Iterator[Frame]:
        """Decode the frames at ``indices`` one by one; see :class:`FrameReader`."""
        check_indices(path, timeline, indices)
        decoder = _Decoder(path, self.max_pixels, self.bounds)
        remaining = deque(indices)
        # Decoding from a key frame can miss a frame in streams whose key frames do not stand alone.
        # Then decode the rest from the beginning, which needs nothing but the frames themselves.
        for decode in (_decode_by_seeking, _decode_from_start):
            for frame in decode(decoder, timeline, tuple(remaining)):
                remaining.popleft()
                yield frame
            if not remaining:
                return
        raise VideoError(
            f"Frame {remaining[0]} of {len(timeline.pts)} in {path} cannot be decoded.",
            reason="decode_error",
        )


@dataclass(frozen=True)
class ImageReader:
    """Read JPEG, PNG, WebP and BMP files as videos of one frame, turned as their EXIF data say.

    The first picture of an animated file is read.

    Args:
        max_pixels: Images with more pixels are refused as ``too_large``.
    """

    max_pixels: int = MAX_PIXELS

    def timeline(self, path: Path) -> Timeline:
        """Return the timeline of one frame; see :class:`FrameReader`."""
        with self._open(path) as image:
            width, height = image.size
        return Timeline((0,), Fraction(1), width=width, height=height, key_frames=(0,))

    def read(self, path: Path, timeline: Timeline, indices: Sequence[int]) -> Iterator[Frame]:
        """Decode the image if index 0 is asked for; see :class:`FrameReader`."""
        check_indices(path, timeline, indices)
        for index in indices:
            with self._open(path) as image:
                try:
                    upright = ImageOps.exif_transpose(image).convert("RGB")
                # Pillow's decoders raise SyntaxError, EOFError and others on damaged data.
                except (OSError, ValueError, SyntaxError, EOFError, IndexError) as error:
                    reason = "truncated" if "truncated" in str(error) else "decode_error"
                    raise VideoError(f"{path} is damaged: {error}.", reason=reason) from error
            yield Frame(index, 0.0, np.asarray(upright))

    def _open(self, path: Path) -> Image.Image:
        check_is_file(path)
        try:
            with warnings.catch_warnings():
                # The size is checked below, against our own limit.
                warnings.simplefilter("ignore", Image.DecompressionBombWarning)
                image = Image.open(path, formats=IMAGE_FORMATS)
        except Image.DecompressionBombError as error:
            raise VideoError(f"{path} is too large: {error}.", reason="too_large") from error
        except (OSError, ValueError, SyntaxError) as error:
            raise VideoError(
                f"{path} is not an image in one of the formats {', '.join(IMAGE_FORMATS)}.",
                reason="not_an_image",
            ) from error
        if image.width * image.height > self.max_pixels:
            image.close()
            raise VideoError(
                f"{path} has {image.width}x{image.height} pixels, more than {self.max_pixels}.",
                reason="too_large",
            )
        return image


@dataclass(frozen=True)
class _Decoder:
    """What is decoded, and within which limits.

    Args:
        max_pixels: Limit of a frame, for any size that the file declares.
        bounds: Ask at each packet.
    """

    path: Path
    max_pixels: int
    bounds: ReadingBounds

    def frames(
        self,
        container: av.container.InputContainer,
        stream: av.video.stream.VideoStream,
        *,
        wanted: Set[int] | None = None,
    ) -> Iterator[av.VideoFrame]:
        """Yield sound frames from where the container stands to its end.

        A packet that does not decode yields nothing, and the next ones are tried.

        Args:
            wanted: Presentation times of the frames that matter; the codec may leave out others
                that no frame refers to. None for all frames.

        Raises:
            VideoError: If a frame is too large; a stream can change its size at any frame.
        """
        ask = self.bounds.ask
        packets = container.demux(stream)
        while True:
            if ask is not None:
                ask()
            try:
                packet = next(packets, None)
                if packet is None:
                    return
                is_wanted = wanted is None or packet.pts is None or packet.pts in wanted
                stream.codec_context.skip_frame = "DEFAULT" if is_wanted else "NONREF"
                frames = packet.decode()
            except (av.error.FFmpegError, EOFError):
                continue
            for frame in frames:
                if frame.is_corrupt:
                    continue
                if frame.width * frame.height > self.max_pixels:
                    raise too_large(self.path, frame.width, frame.height, self.max_pixels)
                yield frame


def _decode_by_seeking(
    decoder: _Decoder, timeline: Timeline, indices: Sequence[int]
) -> Iterator[Frame]:
    """Yield frames in order until one is missing."""
    if not timeline.is_timed:
        return
    with open_video(decoder.path, max_pixels=decoder.max_pixels) as (container, stream):
        for key_frame, run in _seek_plan(timeline.key_frames, indices):
            if key_frame > 0:
                container.seek(timeline.pts[key_frame], stream=stream)
            wanted = {timeline.pts[index] for index in run}
            frames = decoder.frames(container, stream, wanted=wanted)
            num_found = 0
            for frame in _chosen(frames, timeline, run):
                num_found += 1
                yield frame
            if num_found < len(run):
                return


def _decode_from_start(
    decoder: _Decoder, timeline: Timeline, indices: Sequence[int]
) -> Iterator[Frame]:
    """Yield frames in order until one is missing, decoding everything before them."""
    with open_video(decoder.path, max_pixels=decoder.max_pixels) as (container, stream):
        frames = decoder.frames(container, stream)
        if timeline.is_timed:
            yield from _chosen(frames, timeline, indices)
            return
        wanted = set(indices)
        for index, frame in enumerate(frames):
            if index in wanted:
                yield _upright(index, timeline, frame)
            if index == indices[-1]:
                return


def _seek_plan(key_frames: Sequence[int], indices: Sequence[int]) -> list[tuple[int, list[int]]]:
    """Group indices into runs, each with the key frame to start from.

    Example:
        >>> _seek_plan([0, 12, 24, 36], [3, 11, 13, 40])
        [(0, [3, 11]), (12, [13]), (36, [40])]
    """
    runs: list[tuple[int, list[int]]] = []
    for index in indices:
        key_frame = key_frames[max(bisect_right(key_frames, index) - 1, 0)]
        if runs and key_frame <= runs[-1][1][-1]:
            runs[-1][1].append(index)
        else:
            runs.append((key_frame, [index]))
    return runs


def _chosen(
    frames: Iterable[av.VideoFrame], timeline: Timeline, indices: Sequence[int]
) -> Iterator[Frame]:
    """Yield the frames at ``indices`` out of frames in presentation order, until one is missing."""
    pending = deque(indices)
    for frame in frames:
        expected = timeline.pts[pending[0]]
        if frame.pts is None or frame.pts < expected:
            continue
        if frame.pts > expected:
            return
        yield _upright(pending.popleft(), timeline, frame)
        if not pending:
            return


def _upright(index: int, timeline: Timeline, frame: av.VideoFrame) -> Frame:
    decoded = np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8)
    # FFmpeg counts the turn that makes a frame upright counterclockwise, as rot90 does.
    image = np.ascontiguousarray(np.rot90(decoded, round(frame.rotation / 90) % 4))
    return Frame(index, timeline.seconds(index), image)


def check_indices(path: Path, timeline: Timeline, indices: Sequence[int]) -> None:
    """Check that indices are strictly increasing and lie in the timeline of ``path``.

    Raises:
        ValueError: If they are not or do not, or if there are none.
    """
    num_frames = len(timeline.pts)
    is_increasing = all(a < b for a, b in pairwise(indices))
    if not indices or not is_increasing or indices[0] < 0 or indices[-1] >= num_frames:
        raise ValueError(
            f"Indices must be strictly increasing and lie in [0, {num_frames}) for {path}, "
            f"got {list(indices)}."
        )
