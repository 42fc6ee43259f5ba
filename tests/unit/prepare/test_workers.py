import operator
import os
import time
from functools import partial
from pathlib import Path

import pytest

from unmask.prepare.workers import WorkerFailure, run_in_workers


def outcomes(function, tasks, *, time_limit_seconds: float = 60) -> dict:  # noqa: ANN001
    found = run_in_workers(function, tasks, num_workers=2, time_limit_seconds=time_limit_seconds)
    return dict(found)


def test_every_task_has_its_result() -> None:
    assert outcomes(operator.neg, list(range(20))) == {task: -task for task in range(20)}


def test_a_hanging_task_is_ended_and_the_others_go_on() -> None:
    found = outcomes(time.sleep, [3600, 0.0, 0.01], time_limit_seconds=5)
    assert found == {
        3600: WorkerFailure("timeout", "It took longer than 5 s."),
        0.0: None,
        0.01: None,
    }


def test_a_worker_that_dies_takes_only_its_task_with_it() -> None:
    found = outcomes(os._exit, [7])
    assert found[7] == WorkerFailure("worker_died", "Its worker ended with exit code 7.")


def test_errors_of_the_function_stop_the_run() -> None:
    with pytest.raises(TypeError, match="bad operand"):
        outcomes(operator.neg, [1, "a", 2])


def test_no_tasks_need_no_time() -> None:
    assert outcomes(operator.neg, []) == {}


def test_a_worker_is_set_up_before_its_first_task(tmp_path: Path) -> None:
    make = partial(Path.mkdir, tmp_path / "made")
    found = run_in_workers(
        os.listdir, [str(tmp_path)], num_workers=1, time_limit_seconds=60, on_start=make
    )
    assert dict(found) == {str(tmp_path): ["made"]}


def test_a_worker_cannot_take_more_memory_than_it_may() -> None:
    found = run_in_workers(
        bytearray, [3 * 2**30], num_workers=1, time_limit_seconds=60, memory_limit_gb=2
    )
    with pytest.raises(MemoryError):
        dict(found)
