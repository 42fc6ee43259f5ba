"""Frames in a zip that somebody sent: unpacked within limits, under names of our own.

Nothing of the archive's names reaches the disk, so that no path in it can lead anywhere. What is
suspicious is refused all the same, with a sentence, because it is no folder of frames.
"""

import io
import re
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from unmask.core.errors import VideoError
from unmask.video.frames import SUFFIXES

# Others (bzip2, LZMA) can ask for much memory and no tool makes them by default.
METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
IS_ENCRYPTED: Final = 0x1
CHUNK_BYTES: Final = 2**20
# An entry of an archive's directory takes 46 bytes and its name; few take more than 1 KiB.
DIRECTORY_BYTES_PER_FILE: Final = 2**10
# The record that says where the directory lies, with a comment of up to 64 KiB, read twice.
END_BYTES: Final = 2**18
# What file managers add.
LITTER: Final = ("__MACOSX", "Thumbs.db", "desktop.ini")


@dataclass(frozen=True)
class ArchiveLimits:
    """What a zip may hold.

    Args:
        max_files: Entries of any kind; their directory takes at most 1 KiB for each.
        max_bytes: Limit of all frames together, unpacked.
        max_file_bytes: Limit of one frame, unpacked.
    """

    max_files: int = 10_000
    max_bytes: int = 2**30
    max_file_bytes: int = 2**26


@contextmanager
def unpacked_frames(path: Path, limits: ArchiveLimits | None = None) -> Iterator[Path]:
    """Unpack the images of a zip into a folder that lives as long as the block.

    Args:
        path: A zip file.
        limits: What it may hold; bytes are counted while unpacking, not as the archive claims.

    Yields:
        A folder with the images in the order of the numbers in their names.

    Raises:
        VideoError: If it is damaged or encrypted, holds no image, more than the limits allow,
            frames of several folders, another zip, a link, or a path that leads out of it.
    """
    limits = limits or ArchiveLimits()
    with tempfile.TemporaryDirectory(prefix="unmask-zip-") as folder:
        _unpack(path, Path(folder), limits)
        yield Path(folder)


def _unpack(path: Path, folder: Path, limits: ArchiveLimits) -> None:
    try:
        with _BoundedFile(path) as file, _opened(path, file, limits) as archive:
            frames = _frames_of(path, archive, limits)
            left = limits.max_bytes
            for number, frame in enumerate(frames):
                target = folder / f"{number:06}{PurePosixPath(frame.filename).suffix.lower()}"
                left -= _write(path, archive, frame, target, min(left, limits.max_file_bytes))
    # The library raises these and others on damaged archives, some of them bare.
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise VideoError(f"{path} is a damaged zip: {error}.", reason="damaged_zip") from error
    except (OSError, ValueError, UnicodeError) as error:
        detail = getattr(error, "strerror", None) or type(error).__name__
        raise VideoError(f"{path} cannot be unpacked: {detail}.", reason="damaged_zip") from error


class _BoundedFile(io.FileIO):
    """A file that gives no more bytes than it may.

    Attributes:
        left: Bytes that may still be read; None for any number.
    """

    left: int | None = None

    def read(self, size: int | None = -1) -> bytes:
        """Read as any file does.

        Raises:
            _TooMuchReadError: If more is asked for than is left.
        """
        if self.left is None:
            return super().read(size) or b""
        # A claim to read gigabytes would reserve them.
        most = self.left + 1
        content = super().read(most if size is None or size < 0 else min(size, most)) or b""
        self.left -= len(content)
        if self.left < 0:
            raise _TooMuchReadError
        return content


class _TooMuchReadError(Exception):
    """More was read than allowed."""


def _opened(path: Path, file: _BoundedFile, limits: ArchiveLimits) -> zipfile.ZipFile:
    """Open an archive without reading a directory of any length.

    The library makes ten times as much memory of a directory as it has bytes, before anybody can
    count its entries. Records at the end of the file claim how many there are and how long they
    are together, in several ways that may contradict each other; what counts is what is read.
    """
    file.left = END_BYTES + DIRECTORY_BYTES_PER_FILE * limits.max_files
    try:
        archive = zipfile.ZipFile(file)
    except _TooMuchReadError as error:
        raise VideoError(
            f"{path} holds more than {limits.max_files} files, or names of more than "
            f"{DIRECTORY_BYTES_PER_FILE} bytes.",
            reason="too_many_files",
        ) from error
    file.left = None
    return archive


def _frames_of(
    path: Path, archive: zipfile.ZipFile, limits: ArchiveLimits
) -> list[zipfile.ZipInfo]:
    entries = archive.infolist()
    if len(entries) > limits.max_files:
        raise VideoError(
            f"{path} holds {len(entries)} files, more than {limits.max_files}.",
            reason="too_many_files",
        )
    for entry in entries:
        _check(path, entry)
    frames = [entry for entry in entries if _is_frame(entry)]
    if not frames:
        raise VideoError(
            f"{path} holds no image; a zip must hold the frames of one video.", reason="no_frames"
        )
    if sum(frame.file_size for frame in frames) > limits.max_bytes:
        raise VideoError(_too_large(path, limits.max_bytes), reason="too_large")
    folders = {PurePosixPath(frame.filename).parent for frame in frames}
    if len(folders) > 1:
        raise VideoError(
            f"{path} holds images in {len(folders)} folders; a zip must hold the frames of one "
            "video in one folder.",
            reason="several_folders",
        )
    return sorted(frames, key=_order)


def _check(path: Path, entry: zipfile.ZipInfo) -> None:
    """Refuse what no folder of frames has."""
    name = entry.orig_filename
    leads_out = ".." in PurePosixPath(name.replace("\\", "/")).parts
    if "\0" in name or leads_out or re.match(r"[/\\]|[A-Za-z]:", name):
        raise VideoError(
            f"{path} holds a path that leads out of it: {name[:80]!r}.", reason="unsafe_path"
        )
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise VideoError(
            f"{path} holds {name[:80]!r}, which is a link or device and no file.",
            reason="unsafe_path",
        )
    if entry.flag_bits & IS_ENCRYPTED:
        raise VideoError(f"{path} is encrypted.", reason="encrypted_zip")
    if entry.compress_type not in METHODS:
        raise VideoError(
            f"{path} is packed with method {entry.compress_type}; only deflate is read.",
            reason="damaged_zip",
        )
    if name.lower().endswith(".zip"):
        raise VideoError(f"{path} holds another zip: {name[:80]!r}.", reason="nested_zip")


def _is_frame(entry: zipfile.ZipInfo) -> bool:
    place = PurePosixPath(entry.filename)
    is_litter = any(part in LITTER or part.startswith(".") for part in place.parts)
    return not entry.is_dir() and not is_litter and place.suffix.lower() in SUFFIXES


def _write(
    path: Path, archive: zipfile.ZipFile, frame: zipfile.ZipInfo, target: Path, max_bytes: int
) -> int:
    """Unpack one frame and return its bytes, stopping as soon as there are too many."""
    num_bytes = 0
    with archive.open(frame) as source, target.open("wb") as file:
        while chunk := source.read(CHUNK_BYTES):
            num_bytes += len(chunk)
            if num_bytes > max_bytes:
                raise VideoError(_too_large(path, max_bytes), reason="too_large")
            file.write(chunk)
    return num_bytes


def _too_large(path: Path, max_bytes: int) -> str:
    return f"{path} unpacks to more than {max_bytes / 2**20:.0f} MiB."


def _order(entry: zipfile.ZipInfo) -> tuple[tuple[int, ...], str]:
    """Order 2.png before 10.png, as in a folder of frames."""
    stem = PurePosixPath(entry.filename).stem
    return tuple(int(number) for number in re.findall(r"\d+", stem)), entry.filename
