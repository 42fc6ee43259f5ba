"""What a path is, found from its content: names lie."""

from pathlib import Path
from typing import Final, Literal

from unmask.core.errors import VideoError
from unmask.video.frames import SUFFIXES
from unmask.video.reader import ImageReader
from unmask.video.timeline import check_is_file, open_video

Kind = Literal["video", "image", "frames", "zip"]

# A local file, or an archive without any.
ZIP_MAGIC: Final = (b"PK\x03\x04", b"PK\x05\x06")


def kind_of(path: Path) -> Kind:
    """Return what a file or folder is.

    Args:
        path: A file, or a folder of images, which is a video's frames.

    Raises:
        VideoError: If it is missing, empty or nothing that can be looked at.
    """
    if path.is_dir():
        return "frames"
    check_is_file(path)
    with path.open("rb") as file:
        if file.read(4) in ZIP_MAGIC:
            return "zip"
    try:
        ImageReader().timeline(path)
    except VideoError as error:
        if error.reason != "not_an_image":
            raise
    else:
        return "image"
    try:
        with open_video(path):
            return "video"
    except VideoError as error:
        if error.reason != "not_a_video":
            raise
        raise VideoError(
            f"{path} is neither a video, nor an image, nor a zip of frames.", reason="not_a_video"
        ) from error


def files_to_judge(path: Path) -> list[Path]:
    """List what a path stands for: itself, or each file of a folder that holds no image.

    Raises:
        VideoError: If a folder is empty.

    Note:
        A folder with images is one video, whose frames they are.
    """
    if not path.is_dir():
        return [path]
    files = sorted(p for p in path.iterdir() if p.is_file() and not p.name.startswith("."))
    if not files:
        raise VideoError(f"The folder {path} holds no file.", reason="missing")
    if any(file.suffix.lower() in SUFFIXES for file in files):
        return [path]
    return files
