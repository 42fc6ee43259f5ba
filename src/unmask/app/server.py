"""Start and stop the page."""

import os
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from unmask.app.examples import make_examples
from unmask.app.models import Judge, Question
from unmask.app.serving import UPLOADS_KEPT, Serving
from unmask.app.session import Desk
from unmask.app.uploads import Cases
from unmask.verdict.models import LocalModel
from unmask.verdict.source import InputLimits

MIB: Final = 2**20
SWEEP_SECONDS: Final = 15


@contextmanager
def served(
    models: Sequence[LocalModel],
    *,
    defaults: Question,
    limits: InputLimits,
    serving: Serving,
) -> Iterator[str]:
    """Serve the page while the block runs.

    Args:
        defaults: What the settings say at first.
        limits: What is accepted; ``max_bytes`` must be set.
        serving: Where, and within which bounds.

    Yields:
        The page's address. Uploads and open cases are gone after the block.

    Raises:
        ConfigError: If the port is taken.
    """
    # Before Gradio is imported, which asks these once.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    with tempfile.TemporaryDirectory(prefix="unmask-app-") as name:
        folder = Path(name).resolve()
        uploads = folder / "uploads"
        uploads.mkdir(mode=0o700)
        before = os.environ.get("GRADIO_TEMP_DIR")
        os.environ["GRADIO_TEMP_DIR"] = str(uploads)
        try:
            with _serve(folder, uploads, models, defaults, limits, serving) as url:
                yield url
        finally:
            os.environ.pop("GRADIO_TEMP_DIR")
            if before is not None:
                os.environ["GRADIO_TEMP_DIR"] = before


@contextmanager
def _serve(
    folder: Path,
    uploads: Path,
    models: Sequence[LocalModel],
    defaults: Question,
    limits: InputLimits,
    serving: Serving,
) -> Iterator[str]:
    from unmask.app.launch import launch
    from unmask.app.page import make_page

    judge = Judge(models, limits=limits, device=serving.device)
    max_bytes = int(limits.max_bytes or 0)
    cases = Cases(
        folder / "cases",
        uploads,
        serving.flagged_dir,
        keep_seconds=serving.keep_seconds,
        max_open_bytes=UPLOADS_KEPT * max_bytes,
        max_flagged_bytes=serving.max_flagged_bytes,
    )
    examples = make_examples(folder / "examples") if serving.examples else {}
    desk = Desk(judge, cases, examples, uploads_dir=uploads)
    page = make_page(desk, defaults=defaults, limits_text=limits_text(limits))
    url = launch(page, serving, uploads=uploads, max_bytes=max_bytes)
    stop = threading.Event()
    sweeper = threading.Thread(target=_sweep, args=(cases, stop), daemon=True)
    sweeper.start()
    try:
        yield url
    finally:
        stop.set()
        page.close(verbose=False)
        sweeper.join()


def _sweep(cases: Cases, stop: threading.Event) -> None:
    while not stop.wait(SWEEP_SECONDS):
        cases.sweep()


def limits_text(limits: InputLimits) -> str:
    """Describe what is accepted.

    Example:
        >>> limits_text(InputLimits(max_bytes=2**20, max_seconds=60, max_pixels=10**6))
        'At most 1 MiB, 60 s of video, and frames of 1 megapixel.'
    """
    parts = []
    if limits.max_bytes is not None:
        parts.append(f"{limits.max_bytes / MIB:.0f} MiB")
    if limits.max_seconds is not None:
        parts.append(f"{limits.max_seconds:.0f} s of video")
    megapixels = round(limits.max_pixels / 1e6)
    parts.append(f"frames of {megapixels} megapixel{'s' * (megapixels != 1)}")
    return f"At most {', '.join(parts[:-1])}, and {parts[-1]}." if parts[:-1] else parts[-1]
