"""What a video file holds: when each frame is shown, found without decoding where possible."""

import math
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final, TypeVar

import av

from unmask.core.errors import VideoError

Item = TypeVar("Item")

# What FFmpeg may take a file for. Left out are formats that read other files or addresses
# (playlists) and those that see a video in any text.
VIDEO_FORMATS = (
    "mov", "matroska", "avi", "mpegts", "mpeg", "mpegvideo", "flv", "asf", "ogg", "h264", "hevc",
    "m4v", "gif",
)  # fmt: skip
# A phone's slow motion.
MAX_FRAMES_PER_SECOND: Final = 240.0
# What whole blocks of 128 pixels can add to the longest frame.
EDGE_PIXELS: Final = 2**22


@dataclass(frozen=True)
class ReadingBounds:
    """How far a file is read to find its frames: not to the end of a file that a stranger sends.

    Args:
        max_seconds: Give up when the frames are more than so long a video has; None for any length.
        ask: Called at each frame; what it raises ends the reading.
    """

    max_seconds: float | None = None
    ask: Callable[[], None] | None = None

    def hold(
        self, path: Path, items: Iterator[Item], *, rate: float = MAX_FRAMES_PER_SECOND
    ) -> Iterator[Item]:
        """Return items, one for each frame, that end in an error where they leave the bounds.

        Args:
            items: Packets or frames.
            rate: Frames per second.

        Raises:
            VideoError: While they are read, with the reason ``too_long``.
        """
        if self.max_seconds is None and self.ask is None:
            return items  # costs nothing where nothing is bounded
        return self._held(path, items, rate)

    def _held(self, path: Path, items: Iterator[Item], rate: float) -> Iterator[Item]:
        seconds = math.inf if self.max_seconds is None else self.max_seconds
        most = seconds * rate + 1
        for number, item in enumerate(items, 1):
            if number > most:
                raise VideoError(
                    f"{path} has more than {number - 1} frames: it is longer than {seconds:g} s at "
                    f"{rate:g} frames per second.",
                    reason="too_long",
                )
            if self.ask is not None:
                self.ask()
            yield item


NO_BOUNDS: Final = ReadingBounds()


@dataclass(frozen=True)
class Timeline:
    """When each frame of a video is shown.

    Args:
        pts: Strictly increasing presentation times in units of ``time_base``, at least one.
        time_base: Seconds per unit.
        width: Width of a coded frame in pixels, before rotation.
        height: Height of a coded frame in pixels, before rotation.
        key_frames: Indices of frames at which decoding can start, increasing. Empty where the file
            has no usable times; its frames can only be counted.
    """

    pts: tuple[int, ...]
    time_base: Fraction
    width: int
    height: int
    key_frames: tuple[int, ...]

    @property
    def is_timed(self) -> bool:
        """Whether frames can be recognised by their time."""
        return bool(self.key_frames)

    def seconds(self, index: int) -> float:
        """Return when the frame at ``index`` is shown, in seconds.

        Example:
            >>> timeline = Timeline((0, 512), Fraction(1, 12800), 64, 64, key_frames=(0,))
            >>> timeline.seconds(1)
            0.04
        """
        return float(self.pts[index] * self.time_base)


def read_timeline(path: Path, *, max_pixels: int, bounds: ReadingBounds = NO_BOUNDS) -> Timeline:
    """Read the timeline of a video from its container.

    Args:
        max_pixels: Refuse frames with more pixels.
        bounds: How far it is read.

    Returns:
        Its timeline; where packets carry no time (as in some AVI files), every frame is decoded
        once to count them.

    Raises:
        VideoError: With the reason ``missing``, ``empty_file``, ``not_a_video``,
            ``no_video_stream``, ``truncated``, ``too_large``, ``too_long``, ``decode_error`` or
            ``no_frames``.
    """
    with open_video(path) as (container, stream):
        width, height = stream.codec_context.width, stream.codec_context.height
        if width * height > max_pixels:
            raise too_large(path, width, height, max_pixels)
        packets = list(_frame_packets(bounds.hold(path, container.demux(stream))))
        if any(is_damaged for _, _, is_damaged in packets) or _is_cut_off(path):
            of_total = f" of {stream.frames}" if stream.frames else ""
            raise VideoError(
                f"{path} is truncated: it holds {len(packets)}{of_total} frames.",
                reason="truncated",
            )
        if not packets:
            raise VideoError(f"{path} holds no frames.", reason="no_frames")
        time_base, rate = Fraction(stream.time_base or 1), Fraction(stream.average_rate or 25)
    if any(pts is None for pts, _, _ in packets):
        num_frames = _num_frames(path, float(rate), max_pixels, bounds)
        return Timeline(tuple(range(num_frames)), 1 / rate, width, height, key_frames=())
    is_key = {pts: is_key_frame for pts, is_key_frame, _ in packets if pts is not None}
    times = sorted(is_key)
    # Decoding can start at the first frame even where the container does not say so.
    key_frames = {0, *(index for index, pts in enumerate(times) if is_key[pts])}
    return Timeline(tuple(times), time_base, width, height, key_frames=tuple(sorted(key_frames)))


@contextmanager
def open_video(
    path: Path, *, max_pixels: int | None = None
) -> Iterator[tuple[av.container.InputContainer, av.video.stream.VideoStream]]:
    """Open a video for demuxing and decoding in one thread.

    Args:
        max_pixels: Limit of a frame. The codec makes no frame far above; the decoder checks the
            rest.

    Yields:
        The container and its first video stream; cover pictures of audio files do not count.

    Raises:
        VideoError: With the reason ``missing``, ``empty_file``, ``not_a_video``, ``truncated`` or
            ``no_video_stream``.
    """
    check_is_file(path)
    # The prefix keeps a name such as "concat:a" from being read as a protocol.
    options = {"protocol_whitelist": "file", "format_whitelist": ",".join(VIDEO_FORMATS)}
    try:
        container = av.open(f"file:{path}", options=options, metadata_errors="replace")
    except (av.error.FFmpegError, EOFError) as error:
        if _is_cut_off(path):
            raise VideoError(
                f"{path} is truncated: the part that lists its frames is missing.",
                reason="truncated",
            ) from error
        raise VideoError(
            f"{path} is not a video that can be read.", reason="not_a_video"
        ) from error
    with container:
        streams = [stream for stream in container.streams.video if not _is_cover(stream)]
        if not streams or streams[0].codec_context is None:
            found = ", ".join(stream.type for stream in container.streams) or "nothing"
            raise VideoError(
                f"{path} has no video stream that can be decoded; it holds {found}.",
                reason="no_video_stream",
            )
        streams[0].thread_type = "NONE"
        streams[0].codec_context.thread_count = 1
        if max_pixels is not None:
            # Before a codec hands a frame out, it can hold sixteen more. It counts whole blocks, so
            # its bound leaves room for their edges.
            most = 2 * max_pixels + EDGE_PIXELS
            streams[0].codec_context.options = {"max_pixels": str(most)}
        yield container, streams[0]


def too_large(path: Path, width: int, height: int, max_pixels: int) -> VideoError:
    """Return the refusal of a frame."""
    return VideoError(
        f"{path} has frames of {width}x{height} pixels, more than {max_pixels}.",
        reason="too_large",
    )


def check_is_file(path: Path) -> None:
    """Raise a VideoError unless ``path`` is a file with content."""
    if not path.is_file():
        raise VideoError(f"There is no file {path}.", reason="missing")
    if path.stat().st_size == 0:
        raise VideoError(f"{path} is empty.", reason="empty_file")


def _frame_packets(
    packets: "Iterator[av.Packet[av.video.stream.VideoStream]]",
) -> Iterator[tuple[int | None, bool, bool]]:
    """Yield, of each packet to be shown, its time, if it is a key frame and if it is damaged."""
    try:
        for packet in packets:
            # Packets without data end the stream; discarded ones lie outside the edit list.
            if packet.size and not packet.is_discard:
                yield packet.pts, packet.is_keyframe, packet.is_corrupt
    except (av.error.FFmpegError, EOFError):
        yield None, False, True


def _num_frames(path: Path, rate: float, max_pixels: int, bounds: ReadingBounds) -> int:
    """Count frames by decoding them all."""
    num_frames = 0
    with open_video(path, max_pixels=max_pixels) as (container, stream):
        decoded = bounds.hold(path, container.decode(stream), rate=min(rate, MAX_FRAMES_PER_SECOND))
        try:
            for frame in decoded:
                if frame.width * frame.height > max_pixels:
                    raise too_large(path, frame.width, frame.height, max_pixels)
                num_frames += not frame.is_corrupt
        except (av.error.FFmpegError, EOFError) as error:
            raise VideoError(
                f"{path} has no frame times and cannot be decoded to its end.",
                reason="decode_error",
            ) from error
    if not num_frames:
        raise VideoError(f"{path} holds no frames.", reason="no_frames")
    return num_frames


def _is_cover(stream: av.video.stream.VideoStream) -> bool:
    return bool(int(stream.disposition) & int(av.stream.Disposition.attached_pic))


def _is_cut_off(path: Path) -> bool:
    """Return whether an MP4 or MOV file ends within one of its boxes or has no index.

    FFmpeg reads such a file without complaint as far as it goes. Other formats count as whole, and
    so does a file too short to show that it began as one of these.
    """
    size = path.stat().st_size
    if size < 8:
        beginning = path.read_bytes()[4:]
        return bool(beginning) and b"ftyp".startswith(beginning)
    names = []
    with path.open("rb") as file:
        position = 0
        while position + 8 <= size:
            file.seek(position)
            header = file.read(16)
            length, name = struct.unpack(">I4s", header[:8])
            if position == 0 and name != b"ftyp":
                return False
            names.append(name)
            if length == 1 and len(header) == 16:
                length = struct.unpack(">Q", header[8:])[0]
            # 0 means "to the end of the file"; other lengths below 8 are no boxes.
            position = size if length == 0 else position + max(length, 8)
    return position > size or b"moov" not in names
