"""Make a synthetic data set once: in parallel, resumable, and never mixed with other files."""

import json
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import cv2

from unmask.core.errors import DataError
from unmask.core.files import sha256_of_json, write_json

logger = logging.getLogger(__name__)

MARKER_NAME: Final = "synthetic.json"
# Part of every set's identity: raise it when a change of the code changes any pixel.
RENDERER_VERSION: Final = 1

Job = Callable[[], None]


def make_set(
    root: Path, *, settings: dict[str, Any], jobs: Sequence[Job], num_workers: int
) -> bool:
    """Run the jobs that write a data set, unless ``root`` already holds it.

    The marker file ``synthetic.json`` names the settings and says whether the set is complete, so
    that a second call returns at once and a call after an interruption goes on.

    Args:
        root: The data set's folder.
        settings: What determines its content; stored in the marker.
        jobs: Picklable; each writes its own files, whole or not at all, and skips existing ones.
        num_workers: Processes to use; 1 runs the jobs in this one.

    Returns:
        True when anything had to be made, False when the set was complete.

    Raises:
        DataError: If ``root`` holds other files or a set with other settings, or a worker died.
        ValueError: If ``num_workers`` is less than 1.
    """
    if num_workers < 1:
        raise ValueError(f"num_workers must be at least 1, got {num_workers}.")
    settings = {**settings, "renderer_version": RENDERER_VERSION}
    if _is_complete(root, settings):
        return False
    marker = {"settings": settings, "settings_hash": sha256_of_json(settings)}
    write_json(root / MARKER_NAME, {**marker, "is_complete": False})
    logger.info("Rendering synthetic people to %s with %d processes.", root, num_workers)
    if num_workers == 1:
        for job in jobs:
            job()
    else:
        _run_in_processes(root, jobs, num_workers)
    write_json(root / MARKER_NAME, {**marker, "is_complete": True})
    return True


def _is_complete(root: Path, settings: dict[str, Any]) -> bool:
    marker_path = root / MARKER_NAME
    if not marker_path.exists():
        if root.exists() and any(root.iterdir()):
            raise DataError(
                f"{root} holds files but no {MARKER_NAME}, so it is not a synthetic data set. "
                "Choose a folder that is empty or does not exist yet."
            )
        return False
    marker = json.loads(marker_path.read_text())
    found = marker.get("settings", {})
    if marker.get("settings_hash") != sha256_of_json(settings):
        changed = sorted(
            f"{name}={found.get(name)!r} (asked for {settings.get(name)!r})"
            for name in {*found, *settings}
            if sha256_of_json(found.get(name)) != sha256_of_json(settings.get(name))
        )
        raise DataError(
            f"{root} holds a synthetic data set with other settings: {', '.join(changed)}. "
            "Delete the folder, or choose another one."
        )
    return bool(marker.get("is_complete"))


def _use_one_thread() -> None:
    # The processes share the cores already; OpenCV's own threads would only compete with them.
    cv2.setNumThreads(1)


def _run_in_processes(root: Path, jobs: Sequence[Job], num_workers: int) -> None:
    # Spawned, because forking a process that runs threads (torch, OpenCV) may deadlock.
    pool = ProcessPoolExecutor(
        num_workers, mp_context=get_context("spawn"), initializer=_use_one_thread
    )
    with pool:
        futures = [pool.submit(job) for job in jobs]
        try:
            for future in as_completed(futures):
                future.result()
        except BrokenProcessPool as error:
            raise DataError(
                f"A process that rendered synthetic people to {root} died, perhaps for lack of "
                "memory. Run the command again to go on, or lower num_workers."
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)
