"""Where and within which bounds the page is served."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

# The bytes of uploads that wait, and those of open cases, over the largest single upload.
UPLOADS_KEPT: Final = 8


@dataclass(frozen=True)
class Serving:
    """Where and within which bounds the page is served.

    Args:
        port: Port to bind to; 0 takes any that is free.
        device: Where the networks run.
        queue_limit: Questions that may wait; more are refused in a sentence.
        keep_seconds: A case that nobody ends is closed after so long.
        flagged_dir: Flagged cases go there.
        max_flagged_bytes: Limit of all flagged cases.
        examples: Whether to render examples.
    """

    host: str = "127.0.0.1"
    port: int = 7860
    device: str = "auto"
    queue_limit: int = 16
    keep_seconds: float = 900.0
    flagged_dir: Path = Path("outputs/flagged")
    max_flagged_bytes: int = 2 * 2**30
    examples: bool = True
