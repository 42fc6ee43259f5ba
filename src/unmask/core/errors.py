"""Errors that the world causes, and the sentence that offers the nearest name."""

from collections.abc import Iterable
from difflib import get_close_matches


class UnmaskError(Exception):
    """Something outside the program is wrong; the message says what, where and the way out.

    The command line prints the message alone and exits with ``exit_code``.
    """

    exit_code = 2


class DataError(UnmaskError):
    """A data set folder, manifest or crop store cannot be used."""


class VideoError(UnmaskError):
    """A video or image file cannot be read.

    Args:
        message: One sentence that names the file.
        reason: A short code for tables of failures, e.g. ``"truncated"``.
    """

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle with ``reason``, because workers send this error to their parent."""
        return (_make_video_error, (str(self), self.reason))


def _make_video_error(message: str, reason: str) -> VideoError:
    return VideoError(message, reason=reason)


class ConfigError(UnmaskError):
    """A configuration names something that does not exist or does not fit."""


class CheckpointError(UnmaskError):
    """A checkpoint or a file of weights cannot be used."""


class PredictionsError(UnmaskError):
    """A table of predictions breaks its schema or cannot support the metric asked for."""


class RankError(UnmaskError):
    """Another process of a run over several devices ended early."""

    exit_code = 1


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """Return the end of a sentence that offers the nearest of ``choices``.

    Args:
        choices: What would have been accepted.

    Returns:
        ``"; did you mean 'x'?"`` where something is near, else the list of choices.

    Example:
        >>> did_you_mean("hidden_szie", ["hidden_size", "dropout"])
        "; did you mean 'hidden_size'?"
        >>> did_you_mean("zzz", ["b", "a"])
        '; choose one of: a, b.'
    """
    names = sorted(choices)
    near = get_close_matches(name, names, n=1, cutoff=0.6)
    if near:
        return f"; did you mean '{near[0]}'?"
    return f"; choose one of: {', '.join(names)}." if names else "; none are available."
