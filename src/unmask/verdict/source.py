"""One input of any kind, as something with frames; and the limits that bound it."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from unmask.core.errors import VideoError
from unmask.core.files import sha256_of_file
from unmask.faces.extract import FaceExtractor
from unmask.video.archive import ArchiveLimits, unpacked_frames
from unmask.video.frames import FramesReader, list_frames
from unmask.video.kinds import kind_of
from unmask.video.reader import MAX_PIXELS, ImageReader
from unmask.video.timeline import ReadingBounds, Timeline


@dataclass(frozen=True)
class InputLimits:
    """What is looked at, at most.

    Args:
        max_bytes: Limit of a file; None for any size.
        max_seconds: Limit of a video; None for any length. A video with more frames than that many
            seconds have at 240 per second is not read to its end.
        max_frames: Frames looked at in one file; their encoded crops are held in memory.
        archive: Limits of a zip.
    """

    max_bytes: int | None = None
    max_seconds: float | None = None
    max_pixels: int = MAX_PIXELS
    max_frames: int = 20_000
    archive: ArchiveLimits = field(default_factory=ArchiveLimits)

    def apply(
        self, extractor: FaceExtractor, *, ask: Callable[[], None] | None = None
    ) -> FaceExtractor:
        """Return the extractor with readers that refuse larger frames and longer videos.

        Args:
            ask: Called at each frame of a video that is read; what it raises ends the reading.
        """
        image_reader = ImageReader(max_pixels=self.max_pixels)
        reader = extractor.reader
        return replace(
            extractor,
            reader=type(reader)(  # type: ignore[call-arg]
                max_pixels=self.max_pixels, bounds=ReadingBounds(self.max_seconds, ask)
            ),
            image_reader=image_reader,
            frames_reader=FramesReader(image_reader),
        )

    def check(self, name: str, timeline: Timeline, indices: list[int], kind: str) -> None:
        """Refuse a video that is too long, or too many frames of it.

        Raises:
            VideoError: With the reason ``too_long``.
        """
        seconds = duration(timeline) if kind == "video" else 0.0
        if self.max_seconds is not None and seconds > self.max_seconds:
            raise VideoError(
                f"{name} is {seconds:.0f} s long, more than {self.max_seconds:g} s.",
                reason="too_long",
            )
        if len(indices) > self.max_frames:
            raise VideoError(
                f"The sampling takes {len(indices)} frames of {name}, more than "
                f"{self.max_frames}; take fewer.",
                reason="too_long",
            )


@dataclass(frozen=True)
class Source:
    """An input that is open.

    Args:
        path: What to read; of a zip, the folder that it was unpacked to.
        name: The input's own name.
        kind: What it was given as.
        read_as: ``"video"``, ``"image"`` or ``"frames"``.
    """

    path: Path
    name: str
    kind: str
    read_as: str
    sha256: str
    num_bytes: int


@contextmanager
def opened(path: Path, limits: InputLimits) -> Iterator[Source]:
    """Find out what an input is and open it.

    Args:
        path: A video, an image, a folder of images or a zip of them.

    Yields:
        The source. An error inside the block is reported with the input's name
        only, so that a server can hand the sentence on.

    Raises:
        VideoError: If it cannot be used.
    """
    # Absolute, so that a sentence's mention of it is found and cut down to the name.
    path = path.absolute() if path.name not in ("", "..") else path.resolve()
    name, inner = path.name, path
    try:
        kind = kind_of(path)
        files = list_frames(path) if path.is_dir() else [path]
        num_bytes = sum(file.stat().st_size for file in files)
        if limits.max_bytes is not None and num_bytes > limits.max_bytes:
            raise VideoError(
                f"{name} has {num_bytes / 2**20:.0f} MiB, more than "
                f"{limits.max_bytes / 2**20:.0f} MiB.",
                reason="too_large",
            )
        digest = _sha256(files) if path.is_dir() else sha256_of_file(path)
        facts = {"name": name, "kind": kind, "sha256": digest, "num_bytes": num_bytes}
        if kind == "zip":
            with unpacked_frames(path, limits.archive) as inner:
                yield Source(path=inner, read_as="frames", **facts)  # type: ignore[arg-type]
        else:
            yield Source(path=path, read_as=kind, **facts)  # type: ignore[arg-type]
    except VideoError as error:
        sentence = str(error).replace(str(inner), name).replace(str(path), name)
        raise VideoError(sentence, reason=error.reason) from error
    except OSError as error:
        detail = error.strerror or type(error).__name__
        raise VideoError(f"{name} cannot be read: {detail}.", reason="unreadable") from error


def duration(timeline: Timeline) -> float:
    """Return the seconds from the first to the last frame."""
    return timeline.seconds(-1) - timeline.seconds(0)


def _sha256(files: list[Path]) -> str:
    """Hash a folder of frames by the names and contents of its images."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.name}\0{sha256_of_file(file)}\n".encode())
    return digest.hexdigest()
