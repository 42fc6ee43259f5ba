"""Start and stop the page."""

import os
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from unmask.app.examples import make_examples
from unmask.app.models import ModelPool, Question
from unmask.app.session import Sessions
from unmask.app.uploads import UPLOADS_KEPT, CaseStore
from unmask.config.schema import AppConfig
from unmask.verdict.models import LocalModel
from unmask.verdict.source import InputLimits

MIB: Final = 2**20
SWEEP_SECONDS: Final = 15


@contextmanager
def served(
    models: Sequence[LocalModel],
    config: AppConfig,
    *,
    defaults: Question,
    limits: InputLimits,
) -> Iterator[str]:
    """Serve the page while the block runs.

    Args:
        config: The verb's section: where, and within which bounds.
        defaults: What the settings say at first.
        limits: What is accepted; ``max_bytes`` must be set.

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
            with _serve(folder, uploads, models, config, defaults, limits) as url:
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
    config: AppConfig,
    defaults: Question,
    limits: InputLimits,
) -> Iterator[str]:
    from unmask.app.launch import launch
    from unmask.app.page import make_page

    pool = ModelPool(models, limits=limits, device=config.device)
    max_bytes = int(limits.max_bytes or 0)
    cases = CaseStore(
        folder / "cases",
        uploads,
        config.flagged_dir,
        keep_seconds=config.keep_seconds,
        max_open_bytes=UPLOADS_KEPT * max_bytes,
        max_flagged_bytes=int(config.max_flagged_mib * MIB),
    )
    examples = make_examples(folder / "examples") if config.examples else {}
    sessions = Sessions(pool, cases, examples, uploads_dir=uploads)
    page = make_page(sessions, defaults=defaults, limits_text=limits_text(limits))
    url = launch(page, config, uploads=uploads, max_bytes=max_bytes)
    stop = threading.Event()
    sweeper = threading.Thread(target=_sweep, args=(cases, stop), daemon=True)
    sweeper.start()
    try:
        yield url
    finally:
        stop.set()
        page.close(verbose=False)
        sweeper.join()


def _sweep(cases: CaseStore, stop: threading.Event) -> None:
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
