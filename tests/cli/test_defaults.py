"""The verbs with the loader, trackers, callbacks and progress bar that a user gets."""

from collections.abc import Callable
from pathlib import Path

import pytest

from unmask.cli.main import main


@pytest.mark.slow
def test_a_run_of_the_defaults_has_the_numbers_of_one_in_one_process(
    trained_run: Path,
    train_tiny: Callable[..., Path],
    paths: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    expected = (trained_run / "metrics.json").read_bytes()
    run_dir = train_tiny()
    assert (run_dir / "metrics.json").read_bytes() == expected
    assert [*run_dir.glob("wandb/offline-run-*/run-*.wandb")]
    main(["evaluate", f"run={run_dir}", "eval=in_domain", "eval.num_resamples=20", *paths])
    assert (run_dir / "metrics.json").read_bytes() == expected
    with pytest.raises(SystemExit) as stop:
        main(["verify", f"run={run_dir}", *paths, f"hydra.run.dir={tmp_path}/verify"])
    assert stop.value.code == 0
