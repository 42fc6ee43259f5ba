"""Which of several uploads is judged."""

from pathlib import Path

from unmask.core.errors import VideoError


def pick_input(
    folder: str | Path | None, image: str | Path | None, video: str | Path | None
) -> tuple[Path, str]:
    """Choose the upload to judge: the folder before the image, the image before the video.

    Args:
        folder: A zip of a folder of frames.

    Returns:
        The file, and a sentence that says what was chosen; empty where only one was given.

    Raises:
        VideoError: If none was given.

    Example:
        >>> pick_input(None, "a.png", "b.mp4")[1]
        'An image and a video were given; the image a.png is judged.'
    """
    given = [
        (name, Path(path))
        for name, path in (("a folder", folder), ("an image", image), ("a video", video))
        if path is not None
    ]
    if not given:
        raise VideoError(
            "There is nothing to judge: upload a video, a zip of a folder of frames, or an image.",
            reason="missing",
        )
    name, path = given[0]
    if len(given) == 1:
        return path, ""
    names = " and ".join(name for name, _ in given)
    if len(given) > 2:
        names = f"{given[0][0]}, {given[1][0]} and {given[2][0]}"
    sentence = f"{names} were given; the {name.split()[1]} {path.name} is judged."
    return path, sentence[0].upper() + sentence[1:]
