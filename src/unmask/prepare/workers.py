"""Run a function on many tasks in worker processes that may hang or die."""

import multiprocessing
import os
import resource
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, as_completed
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import wait
from multiprocessing.context import BaseContext
from typing import TypeVar

import cv2
import torch
from pebble import ProcessExpired, ProcessPool

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True)
class WorkerFailure:
    """Why a task has no result.

    Args:
        reason: ``"timeout"`` or ``"worker_died"``.
        detail: A sentence for a person.
    """

    reason: str
    detail: str


def run_in_workers(
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    *,
    num_workers: int,
    time_limit_seconds: float,
    memory_limit_gb: float | None = None,
    on_start: Callable[[], object] | None = None,
) -> Iterator[tuple[Task, Result | WorkerFailure]]:
    """Yield the outcome of each task as it ends, in any order.

    A worker that takes too long is killed and replaced; one that dies takes only its own task with
    it. Workers use one thread each, and end when this process does, even if it is killed.

    Args:
        function: Importable from a module, or a partial of such a function.
        tasks: Its arguments, which can be pickled.
        memory_limit_gb: Limit of each worker, in 2**30 bytes; beyond it, allocating memory fails.
            Not set on machines with a GPU, whose driver counts what it only reserves. Linux only.
        on_start: Called once in each worker.

    Yields:
        A task with its result, or with why there is none.

    Raises:
        Exception: Any that ``function`` raises, after the other workers were stopped.
    """
    start = partial(_start, memory_limit_gb, on_start)
    pool = ProcessPool(max_workers=num_workers, initializer=start, context=_context(function))
    try:
        futures: dict[Future[Result], Task] = {
            pool.schedule(function, args=(task,), timeout=time_limit_seconds): task
            for task in tasks
        }
        for future in as_completed(futures):
            outcome = _outcome(future, time_limit_seconds)
            yield futures[future], outcome
    finally:
        # Stops what still runs when an error or an interrupt cut the loop short.
        pool.stop()  # type: ignore[no-untyped-call]
        pool.join()


def _outcome(future: Future[Result], time_limit_seconds: float) -> Result | WorkerFailure:
    try:
        result: Result = future.result()
    except TimeoutError:
        return WorkerFailure("timeout", f"It took longer than {time_limit_seconds:g} s.")
    except ProcessExpired as error:
        return WorkerFailure("worker_died", f"Its worker ended with exit code {error.exitcode}.")
    return result


def _context(function: Callable[..., object]) -> BaseContext:
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    # A worker then starts with everything imported: in milliseconds, not in the seconds of torch.
    context.set_forkserver_preload([__name__, getattr(function, "func", function).__module__])
    return context


def _start(memory_limit_gb: float | None, on_start: Callable[[], object] | None) -> None:
    """Set up a worker: one thread, bounded memory, and an end with its parent."""
    if memory_limit_gb is not None and not torch.cuda.is_available():
        limit = round(memory_limit_gb * 2**30)
        # Counts what is private and writable: mapped libraries and files do not count.
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    if on_start is not None:
        on_start()


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)
