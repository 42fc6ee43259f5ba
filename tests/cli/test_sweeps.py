"""Many trainings in one call: failed jobs, launchers, searches, and what is not trained again."""

import json
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch.utilities.exceptions import SIGTERMException

from unmask.cli.main import main
from unmask.config import validate
from unmask.evaluation.predictions import read_predictions
from unmask.training import tracking as tracking_module

# As a module: the package gives the function of its name.
train_module = import_module("unmask.verbs.train")
Sweep = Callable[..., Path]
OTHER = "eval.datasets.synthetic_celebdf"
TINY_CROSS = [
    "eval=synthetic_cross", f"{OTHER}.make.settings.num_test_pairs=1",
    f"{OTHER}.make.settings.num_youtube=1",
    f"+{OTHER}.make.settings.picture._target_=unmask.demo.Picture",
    f"+{OTHER}.make.settings.picture.num_frames=3",
]  # fmt: skip


@pytest.fixture(scope="session")
def sweep_words(
    workplace: Path, trained_run: Path, tiny_words_in_one_process: list[str]
) -> list[str]:
    """Return the words of a sweep whose face crops are there; runs lie apart from other tests'."""
    words = ["rerun=false", "trainer.max_epochs=1", f"paths.data_dir={workplace}/data"]
    return [*tiny_words_in_one_process, *words]


@pytest.fixture
def sweep(sweep_words: list[str], tmp_path: Path) -> Sweep:
    """Return a function that sweeps and returns the sweep's folder."""

    def run(*words: str, code: int = 0, name: str = "sweep") -> Path:
        folder = tmp_path / "outputs/train" / name
        places = [f"paths.outputs_dir={tmp_path}/outputs", f"hydra.sweep.dir={folder}"]
        call = ["train", "-m", *sweep_words, *places, *words]
        if code == 0:
            main(call)
            return folder
        with pytest.raises(SystemExit) as stop:
            main(call)
        assert stop.value.code == code
        return folder

    return run


def jobs_of(folder: Path) -> list[dict[str, Any]]:
    jobs = [json.loads(path.read_text()) for path in folder.glob("*/job.json")]
    return sorted(jobs, key=lambda job: int(job["number"]))


def outcomes_of(folder: Path) -> list[str]:
    return [job["outcome"] for job in jobs_of(folder)]


def words_said(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("sizes", ["8,0", pytest.param("8,0,4", marks=pytest.mark.slow)])
def test_a_job_with_bad_input_is_reported_and_the_others_go_on(
    sweep: Sweep, capsys: pytest.CaptureFixture[str], sizes: str
) -> None:
    folder = sweep(f"loader.batch_size={sizes}", code=1)
    assert outcomes_of(folder) == ["done", "bad input", "done"][: len(sizes.split(","))]
    assert "loader.batch_size=0" in jobs_of(folder)[1]["says"]
    said = words_said(capsys)
    assert f"1 of {len(sizes.split(','))} jobs failed. Best on validation: job" in said
    assert "greater than 0" in said
    assert list(folder.glob("0_*/report.html"))
    assert len(json.loads((folder / "sweep.json").read_text())["jobs"]) == len(sizes.split(","))


@pytest.mark.slow
def test_a_job_with_an_unexpected_error_is_reported_and_the_others_go_on(
    sweep: Sweep, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fit = train_module.fit

    def fit_but_for_seed_1(*args: Any, **given: Any) -> Any:
        if args[2].seed == 1:
            raise RuntimeError("no memory left")
        return fit(*args, **given)

    monkeypatch.setattr(train_module, "fit", fit_but_for_seed_1)
    folder = sweep("seed=1,2", "test=false", code=1)
    assert outcomes_of(folder) == ["error", "done"]
    assert "RuntimeError: no memory left" in words_said(capsys)
    [log] = folder.glob("0_*/run.log")
    assert "Traceback" in log.read_text()


@pytest.mark.parametrize("signal", ["SIGTERM", pytest.param("SIGINT", marks=pytest.mark.slow)])
def test_who_ends_a_sweep_ends_all_of_it(
    sweep: Sweep, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], signal: str
) -> None:
    def interrupted(*_: Any, **__: Any) -> Any:
        if signal == "SIGTERM":
            raise SIGTERMException
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            sys.exit(1)  # as Lightning does

    monkeypatch.setattr(train_module, "fit", interrupted)
    folder = sweep("seed=1,2", code=1)
    assert outcomes_of(folder) == ["unfinished"]
    said = capsys.readouterr()
    assert "It did not finish" in " ".join(said.out.split())
    assert "was cut short" in " ".join(said.err.split())


@pytest.mark.slow
def test_a_sweep_of_which_all_is_bad_input_exits_with_2(sweep: Sweep, tmp_path: Path) -> None:
    folder = sweep(f"resume={tmp_path}/a.ckpt,{tmp_path}/b.ckpt", code=2)
    assert outcomes_of(folder) == ["bad input", "bad input"]
    assert "There is no checkpoint" in jobs_of(folder)[0]["says"]


@pytest.mark.one_in(2)
@pytest.mark.parametrize(
    "words",
    [
        ["loss=weighted_cross_entropy,focal", "loss.label_smoothing=0.1"],
        ["model/head=lstm,gru", "model.head.hidden_size=8"],
    ],
    ids=["the second combination lacks a key", "what no word varies lacks a key"],
)
def test_a_sweep_that_cannot_be_composed_exits_with_2(sweep: Sweep, words: list[str]) -> None:
    assert jobs_of(sweep(*words, code=2)) == []


@pytest.mark.slow
def test_a_second_sweep_trains_nothing_and_shows_the_same_report(
    sweep: Sweep, capsys: pytest.CaptureFixture[str]
) -> None:
    first = sweep("seed=1,2")
    said = words_said(capsys)
    assert f"Report: {first}/overview.html" in said
    second = sweep("seed=1,2", name="again")
    said = words_said(capsys)
    assert [job["says"] for job in jobs_of(second)] == ["not trained again"] * 2
    assert [job["value"] for job in jobs_of(second)] == [job["value"] for job in jobs_of(first)]
    assert "is this very run, finished" in said
    assert f"Report: {first}/overview.html" in said
    assert not list(second.glob("*/run.json"))
    third = sweep("seed=1,2,3", name="more")
    said = words_said(capsys)
    assert [job["says"] for job in jobs_of(third)] == ["not trained again"] * 2 + ["trained"]
    assert f"Report: {third}/overview.html" in said


@pytest.mark.slow
def test_a_tested_job_gives_its_tracker_metrics_and_report(
    sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[str, set[str], bool]] = []

    def note(_: Any, run_dir: Path, pictures: Sequence[str]) -> None:
        assert pictures
        card = json.loads((run_dir / "run.json").read_text())
        files = {path.name for path in run_dir.iterdir()}
        given.append((run_dir.name, files, bool(card["metrics"])))

    monkeypatch.setattr(tracking_module, "log_results", note)
    words = ["logger=[csv,wandb]", "logger.wandb.mode=offline", "seed=1,2"]
    folder = sweep(*words)
    assert [(name, is_measured) for name, _, is_measured in given] == [
        (path.parent.name, True) for path in sorted(folder.glob("*/run.json"))
    ]
    assert all({"metrics.json", "report.html"} <= files for _, files, _ in given)
    # Where nothing is trained, nothing is measured anew either.
    [metrics] = folder.glob("0_*/metrics.json")
    before = metrics.stat().st_mtime_ns
    sweep(*words, name="again")
    assert (len(given), metrics.stat().st_mtime_ns) == (2, before)


@pytest.mark.slow
def test_what_decides_the_result_is_trained_anew_and_what_does_not_is_not(sweep: Sweep) -> None:
    sweep("seed=1", "test=false")
    again = sweep("seed=1", "test=false", "trainer.enable_progress_bar=true", name="shown")
    assert [job["says"] for job in jobs_of(again)] == ["not trained again"]
    for number, word in enumerate(
        ("trainer.max_epochs=2", "optimizer.lr=1e-4", "model.head.dropout=0.1", "rerun=true")
    ):
        other = sweep("seed=1", "test=false", word, name=f"other{number}")
        assert [job["says"] for job in jobs_of(other)] == ["trained"]


@pytest.mark.slow
def test_a_finished_run_is_scored_on_the_set_that_it_lacks(sweep: Sweep) -> None:
    [run] = [Path(job["run_dir"]) for job in jobs_of(sweep("seed=1"))]
    before = (run / "checkpoints").stat().st_mtime_ns
    assert set(read_predictions(run / "predictions.parquet")["dataset"]) == {"synthetic_ffpp"}
    [job] = jobs_of(sweep("seed=1", *TINY_CROSS, name="cross"))
    assert job["says"] == "not trained again"
    assert Path(job["run_dir"]) == run
    assert set(read_predictions(run / "predictions.parquet")["dataset"]) == {
        "synthetic_ffpp",
        "synthetic_celebdf",
    }
    assert (run / "checkpoints").stat().st_mtime_ns == before


def test_a_single_call_reports_on_the_finished_run(
    sweep: Sweep, sweep_words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [job] = jobs_of(sweep("seed=1", "test=false"))
    alone = tmp_path / "outputs/train/alone"
    places = [f"paths.outputs_dir={tmp_path}/outputs", f"hydra.run.dir={alone}"]
    main(["train", *sweep_words, *places, "seed=1"])
    said = words_said(capsys)
    assert f"Not trained again: {job['run_dir']} is this very run" in said
    assert f"Report: {job['run_dir']}/report.html" in said
    assert not (alone / "run.json").exists()


def study_of(folder: Path) -> Any:
    import optuna  # after the command line has quietened SQLAlchemy

    [file] = (folder.parents[1] / "hparams_search").glob("*.db")
    [name] = [s.study_name for s in optuna.get_all_study_summaries(f"sqlite:///{file}")]
    return optuna.load_study(study_name=name, storage=f"sqlite:///{file}")


SEARCH = ("hparams_search=lr_dropout", "hydra.sweeper.sampler.n_startup_trials=1")


@pytest.mark.slow
def test_a_search_goes_on_with_its_study(sweep: Sweep, capsys: pytest.CaptureFixture[str]) -> None:
    first = sweep(*SEARCH, "hydra.sweeper.n_trials=2")
    assert [trial.value for trial in study_of(first).trials] == [
        pytest.approx(job["value"]) for job in jobs_of(first)
    ]
    sweep(*SEARCH, "hydra.sweeper.n_trials=1", name="second")
    study = study_of(first)
    assert len(study.trials) == 3
    assert study.direction.name == "MAXIMIZE"
    assert set(study.best_params) == {"optimizer.lr", "model.head.dropout"}
    capsys.readouterr()
    sweep(*SEARCH, "hydra.sweeper.n_trials=1", "loader.batch_size=4", name="third", code=2)
    said = " ".join(capsys.readouterr().err.split())
    assert "was begun with other settings (loader.batch_size)" in said
    assert len(study_of(first).trials) == 3


def test_a_search_never_sees_a_test_set(sweep: Sweep) -> None:
    folder = sweep(*SEARCH, "hydra.sweeper.n_trials=1")
    [job] = jobs_of(folder)
    run = Path(job["run_dir"])
    assert not (run / "predictions.parquet").exists()
    assert job["value"] == json.loads((run / "run.json").read_text())["val_video_auc"]


@pytest.mark.slow
def test_a_failed_trial_does_not_stop_a_search(
    sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    fit = train_module.fit

    def fail_at_first(*args: Any, **given: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("diverged")
        return fit(*args, **given)

    monkeypatch.setattr(train_module, "fit", fail_at_first)
    folder = sweep(*SEARCH, "hydra.sweeper.n_trials=2", code=1)
    assert outcomes_of(folder) == ["error", "done"]
    states = [trial.state.name for trial in study_of(folder).trials]
    assert states == ["FAIL", "COMPLETE"]


@pytest.mark.slow  # each job imports everything in a process of its own
@pytest.mark.parametrize(
    "launcher",
    [
        ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"],
        ["hydra/launcher=submitit_local", "hydra.launcher.timeout_min=4"],
    ],
    ids=["joblib", "submitit"],
)
def test_jobs_in_processes_of_their_own_are_reported_alike(
    sweep: Sweep, launcher: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = sweep(*launcher, "loader.batch_size=8,0", code=1)
    assert outcomes_of(folder) == ["done", "bad input"]
    assert "1 of 2 jobs failed." in words_said(capsys)
    assert (folder / "overview.html").is_file() or list(folder.glob("*/report.html"))


def test_a_launcher_that_is_not_installed_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = validate._options
    monkeypatch.setattr(
        validate,
        "_options",
        lambda group: ["basic"] if group.startswith("hydra/") else options(group),
    )
    with pytest.raises(SystemExit) as stop:
        main(["train", "-m", "experiment=demo", "seed=1,2", "hydra/launcher=joblib"])
    assert stop.value.code == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "needs hydra-joblib-launcher: pip install 'unmask[sweeps]'." in said


def test_a_key_that_a_launcher_does_not_have_is_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["train", "-m", "experiment=demo", "seed=1,2", "hydra.sweeper.n_trials=1"])
    assert stop.value.code == 2
    assert "n_trials" in capsys.readouterr().err
