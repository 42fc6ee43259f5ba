"""`unmask describe`: what is chosen is described."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import yaml

from unmask.cli.main import main

SMALL = ["num_draws=2", "num_frames=2", "image_size=64"]
Describe = Callable[..., Path]


@pytest.fixture
def describe(tmp_path: Path) -> Describe:
    """Return a function that runs `unmask describe` and returns the run's folder."""

    def run(*words: str) -> Path:
        run_dir = tmp_path / f"run{len(list(tmp_path.iterdir()))}"
        main(["describe", *words, *SMALL, f"hydra.run.dir={run_dir}"])
        return run_dir

    return run


def test_an_augmentation_is_drawn_without_any_data(
    describe: Describe, capsys: pytest.CaptureFixture[str]
) -> None:
    first, again = describe("data/augmentation=dfb"), describe("data/augmentation=dfb")
    said = "".join(capsys.readouterr().out.split())
    assert f"Contactsheet:{first}/augmentation_dfb.png" in said
    pictures = [np.asarray(PIL.Image.open(d / "augmentation_dfb.png")) for d in (first, again)]
    assert np.array_equal(*pictures)
    assert (first / "config.yaml").is_file()


def test_a_changed_value_is_what_is_drawn(describe: Describe) -> None:
    plain = describe("data/augmentation=light")
    still = describe("data/augmentation=light", "~data.augmentation.transforms.colour",
                     "data.augmentation.transforms.flip.p=0")  # fmt: skip
    pictures = [np.asarray(PIL.Image.open(d / "augmentation_light.png")) for d in (plain, still)]
    assert not np.array_equal(*pictures)


def test_nothing_chosen_is_nothing_described(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["describe", f"hydra.run.dir={tmp_path}/run"])
    assert stop.value.code == 2
    assert "Choose one, for example model=effb0_lstm or data/augmentation=extreme." in " ".join(
        capsys.readouterr().err.split()
    )


def test_a_data_set_that_is_not_prepared_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["describe", "data=synthetic_celebdf", f"paths.data_dir={tmp_path}",
              f"paths.outputs_dir={tmp_path}"])  # fmt: skip
    assert stop.value.code == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "'synthetic_celebdf' has no face crops in" in said
    assert "Run `unmask prepare`" in said


@pytest.mark.slow
def test_a_prepared_data_set_gives_the_clip(
    trained_run: Path, paths: list[str], describe: Describe
) -> None:
    """The run prepared its crops in the folder that the same words name."""
    settings = yaml.safe_load((trained_run / "config.yaml").read_text())["data"]["make"]["settings"]
    people = [f"data.make.settings.{key}={settings[key]}" for key in settings if "num_" in key]
    picture = settings["picture"]
    run_dir = describe(
        "data=synthetic_ffpp", "data/augmentation=keras", "prepare.sampling.num_frames=2",
        f"+data.make.settings.picture._target_={picture['_target_']}",
        f"+data.make.settings.picture.num_frames={picture['num_frames']}", *people, *paths,
    )  # fmt: skip
    other = describe("data/augmentation=keras")
    pictures = [np.asarray(PIL.Image.open(d / "augmentation_keras.png")) for d in (run_dir, other)]
    assert pictures[0].shape == pictures[1].shape
    assert not np.array_equal(*pictures)
