"""A folder of results belongs to one call alone."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from unmask.core.errors import ConfigError
from unmask.runs.claim import RUN_FOLDER_VARIABLE, claim_folder, claim_run_folder, give_back


def test_calls_at_the_same_time_get_a_folder_each(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        claimed = list(pool.map(claim_folder, [tmp_path / "train/run"] * 16))
    expected = ["run", *(f"run_{number}" for number in range(1, 16))]
    assert sorted(path.name for path in claimed) == sorted(expected)


def test_a_folder_with_anything_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/run.json").write_text("{}")
    assert claim_folder(tmp_path / "run") == tmp_path / "run_1"


def test_an_empty_folder_that_a_person_named_is_taken_once(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    assert claim_folder(tmp_path / "run", is_exact=True) == tmp_path / "run"
    with pytest.raises(ConfigError, match=rf"{tmp_path}/run is not empty"):
        claim_folder(tmp_path / "run", is_exact=True)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_further_processes_of_a_run_take_the_folder_that_the_first_one_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = claim_run_folder(tmp_path / "run")
    monkeypatch.setenv(RUN_FOLDER_VARIABLE, str(folder))
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert claim_run_folder(tmp_path / "run") == folder
    assert claim_run_folder(tmp_path / "run", is_exact=True) == folder


def test_a_folder_in_which_nothing_was_made_can_be_claimed_again(tmp_path: Path) -> None:
    folder = claim_folder(tmp_path / "run", is_exact=True)
    (folder / "run.log").write_text("refused\n")
    give_back(folder)
    assert claim_folder(tmp_path / "run", is_exact=True) == folder


def test_a_folder_with_anything_else_is_not_given_back(tmp_path: Path) -> None:
    folder = claim_folder(tmp_path / "run", is_exact=True)
    (folder / "splits.parquet").write_bytes(b"")
    give_back(folder)
    with pytest.raises(ConfigError, match="is not empty"):
        claim_folder(tmp_path / "run", is_exact=True)
