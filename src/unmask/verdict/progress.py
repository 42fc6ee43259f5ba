"""Progress, cancelling and the time of each stage."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from unmask.core.errors import UnmaskError

Item = TypeVar("Item")
OnStage = Callable[[str, float], None]
ShouldStop = Callable[[], bool]


class CancelledError(UnmaskError):
    """Somebody asked to stop."""


class Progress:
    """Tell whoever waits how far the work is, and stop where they ask for it.

    Args:
        on_stage: Called with a stage (``"faces"``, ``"scores"``, ``"pictures"``, ``"done"``) and
            how much of all work is done, in [0, 1].
        should_stop: Asked at every frame that is read and between clips.

    Attributes:
        seconds: What each part of the work took so far.
    """

    def __init__(
        self, on_stage: OnStage | None = None, should_stop: ShouldStop | None = None
    ) -> None:
        self._on_stage = on_stage
        self._should_stop = should_stop
        self.seconds: defaultdict[str, float] = defaultdict(float)

    def at(self, stage: str, fraction: float) -> None:
        """Report progress.

        Raises:
            CancelledError: If somebody asked to stop.
        """
        self.check()
        if self._on_stage is not None:
            self._on_stage(stage, fraction)

    def check(self) -> None:
        """Do nothing, unless somebody asked to stop.

        Raises:
            CancelledError: If so.
        """
        if self._should_stop is not None and self._should_stop():
            raise CancelledError("Stopped before a verdict, as asked.")

    @contextmanager
    def timing(self, part: str) -> Iterator[None]:
        """Add what a block takes to ``seconds``."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[part] += time.perf_counter() - start

    def timed(self, part: str, items: Iterator[Item]) -> Iterator[Item]:
        """Yield items, adding what each takes to come to ``seconds``."""
        while True:
            with self.timing(part):
                try:
                    item = next(items)
                except StopIteration:
                    return
            yield item
