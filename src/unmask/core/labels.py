"""The two classes. Positive is always fake."""

from typing import Final

REAL: Final = 0
FAKE: Final = 1
CLASS_NAMES: Final = ("real", "fake")

# Among the kinds of leaks that a run can have: a video that is not as it was in training.
CHANGED_VIDEO: Final = "changed video"
