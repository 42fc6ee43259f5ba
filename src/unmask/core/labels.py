"""The two classes. Positive is always fake."""

from typing import Final

REAL: Final = 0
FAKE: Final = 1
CLASS_NAMES: Final = ("real", "fake")
