"""Training from Python."""

from pathlib import Path

import pytest

from unmask import compose, verbs
from unmask.core.errors import ConfigError
from unmask.training.fit import rehearse
from unmask.verbs.objects import make_recipe


def test_a_folder_that_holds_a_run_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("of another run\n")
    with pytest.raises(ConfigError, match="holds a run already"):
        verbs.train(compose("train", ["experiment=demo"]), tmp_path)
    assert (tmp_path / "config.yaml").read_text() == "of another run\n"


def test_what_words_compose_to_is_checked_as_on_a_command_line() -> None:
    with pytest.raises(ConfigError, match="did you mean 'effb0_lstm'"):
        compose("train", ["model=efb0_lstm", "data=ffpp"])


def test_choices_are_part_of_what_is_composed() -> None:
    config = compose("train", ["experiment=demo", "seed=3"])
    assert (config.seed, config.choices["model"]) == (3, "plain_cnn_mean")


@pytest.mark.parametrize(
    "word",
    [
        "trainer.enable_progress_bar=false", "trainer.fast_dev_run=true",
        "trainer.limit_train_batches=2", "trainer.overfit_batches=1", "debug=fdr", "debug=limit",
        "debug=overfit", "debug=profiler", "debug=detect_anomaly", "logger=tensorboard",
        "logger=[]",
    ],
)  # fmt: skip
def test_each_word_goes_with_the_default_callbacks_and_loggers(word: str, tmp_path: Path) -> None:
    recipe = make_recipe(compose("train", ["experiment=demo", word]))
    rehearse(recipe, tmp_path)
