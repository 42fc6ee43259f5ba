"""What a sweep keeps and says of its jobs."""

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from unmask.cli.tables import jobs_table
from unmask.core.errors import DataError
from unmask.runs.sweep import (
    JobRecord,
    exit_code,
    find_report,
    finite,
    read_jobs,
    report_key,
    save_sweep,
    verdict,
)


def done(number: int, value: float | None = 0.9, **given: Any) -> JobRecord:
    words = ["experiment=demo", f"seed={number}"]
    return JobRecord(number, words, "done", "trained", value, **given)


def failed(number: int, outcome: Any = "error", says: str = "ValueError: no.") -> JobRecord:
    return JobRecord(number, ["experiment=demo", f"seed={number}"], outcome, says)


def test_records_come_back_by_number(tmp_path: Path) -> None:
    records = [done(number, run_dir=f"run{number}") for number in range(11)]
    for record in reversed(records):
        record.save(tmp_path / f"{record.number}_job")
    assert read_jobs(tmp_path) == records


def test_a_record_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "0_job").mkdir()
    (tmp_path / "0_job/job.json").write_text('{"number": 0}')
    with pytest.raises(DataError, match=r"0_job/job\.json cannot be read"):
        read_jobs(tmp_path)


@pytest.mark.parametrize(
    ("records", "code"),
    [
        ([done(0), done(1)], 0),
        ([done(0), failed(1)], 1),
        ([done(0), failed(1, "bad input")], 1),
        ([failed(0, "bad input"), failed(1, "bad input")], 2),
        ([failed(0, "bad input"), failed(1)], 1),
        ([done(0), failed(1, "unfinished")], 1),
    ],
)
def test_the_exit_code_says_whether_all_some_or_none_went_well(
    records: list[JobRecord], code: int
) -> None:
    assert exit_code(records) == code


def test_the_table_shows_what_sets_jobs_apart_and_each_error() -> None:
    console = Console(width=120)
    with console.capture() as capture:
        console.print(jobs_table([done(0, 0.98765), failed(1, says="There is no [video].")]))
    shown = capture.get()
    assert "seed=0" in shown
    assert "0.9877" in shown
    assert "There is no [video]." in shown
    assert "experiment=demo" not in shown


def test_the_verdict_names_the_best_on_validation() -> None:
    assert verdict([done(0, 0.8), done(1, 0.9), done(2, None)]) == (
        "3 jobs, all done. Best on validation: job 1 with 0.9000."
    )
    assert verdict([failed(0), failed(1)]) == "2 of 2 jobs failed."


def test_what_is_not_a_number_is_no_value() -> None:
    assert [finite(value) for value in (0.5, float("nan"), float("inf"))] == [0.5, None, None]


def make_run(folder: Path, content: str, metrics: float = 0.5) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_text(
        json.dumps({"name": content, "source_dataset": "d", "metrics": {"auc": metrics}})
    )
    for name in ("predictions.parquet", "unscored.parquet"):
        (folder / name).write_text(content)
    return folder


def test_a_report_is_found_until_a_table_or_the_protocol_changes(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / name, name) for name in "ab"]
    protocol = {"num_resamples": 20}
    sweep = tmp_path / "outputs/train/sweep"
    page = sweep / "overview.html"
    key = report_key(runs, protocol)
    save_sweep(sweep, [done(0)], key=key, report=page)
    assert find_report(tmp_path / "outputs", key) is None  # the page is not there
    page.write_text("page")
    assert find_report(tmp_path / "outputs", key) == page
    assert report_key(runs, {"num_resamples": 21}) != key
    assert report_key(runs[:1], protocol) != key
    make_run(tmp_path / "b", "b", metrics=0.6)
    assert report_key(runs, protocol) == key
    make_run(tmp_path / "b", "other")
    assert report_key(runs, protocol) != key
