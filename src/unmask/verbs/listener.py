"""What a verb tells its caller while it works; a verb itself prints nothing."""

from collections.abc import Callable

# Receives sentences and results, each of its own type, as they come; a command line renders them.
Listener = Callable[[object], None]


def ignore(event: object) -> None:
    """Hear nothing."""
