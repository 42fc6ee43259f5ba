"""Every experiment trains on the demo's data: its own recipe and network, at small sizes."""

import json
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from unmask import verbs
from unmask.config.location import conf_dir
from unmask.config.validate import config_problems, typed

EXPERIMENTS = sorted(path.stem for path in (conf_dir() / "experiment").glob("*.yaml"))
# Five steps of four clips, on pictures that are large enough for each network.
IMAGE_SIZE = 64
SMALL = [
    "loader.batch_size=4", "loader.num_workers=0", "trainer.accelerator=cpu",
    "trainer.max_epochs=1", "trainer.enable_progress_bar=false", "callbacks=[checkpoint]",
    "logger=[csv]", "eval.num_resamples=20",
]  # fmt: skip


def composed(*overrides: str) -> dict[str, Any]:
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        config = compose("train", overrides=list(overrides))
        content = OmegaConf.to_container(config, resolve=True, throw_on_missing=False)
    assert isinstance(content, dict)
    return {str(key): value for key, value in content.items()}


def demo_sets(data_dir: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return two tiny data sets of synthetic people: a blend's members, or a set and a test set."""
    people = composed(
        f"paths.data_dir={data_dir}", "data.make.settings.num_train_pairs=2",
        "data.make.settings.num_val_pairs=1", "data.make.settings.num_test_pairs=1",
    )  # fmt: skip
    others = composed(
        f"paths.data_dir={data_dir}", "data=synthetic_celebdf", "data.make.settings.num_youtube=2",
        "data.make.settings.num_test_pairs=2",
    )  # fmt: skip
    return people["data"], others["data"]


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


def on_demo_data(name: str, data_dir: Path) -> dict[str, Any]:
    """Compose an experiment and put the demo's data in the place of its own."""
    content = composed(f"experiment={name}", f"paths.data_dir={data_dir}", *SMALL)
    backbone = content["model"]["backbone"]
    backbone |= {"image_size": IMAGE_SIZE} | ({"pretrained": False} if "name" in backbone else {})
    ours, others = demo_sets(data_dir)
    named = content["data"].get("sets", {"": content["data"]})
    augmentation = next(iter(named.values()))["augmentation"]
    if "sets" in content["data"]:
        content["data"] = {"sets": {"synthetic_ffpp": ours | {"augmentation": augmentation}}}
    else:
        content["data"] = ours | {"augmentation": augmentation}
    content["eval"]["datasets"] = {"synthetic_celebdf": others}
    content["prepare"] = composed("prepare.sampling.num_frames=4")["prepare"]
    return content


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*exists and is not empty.*")  # as the command line does
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_trains_and_is_measured_on_the_demos_data(
    name: str, data_dir: Path, tmp_path: Path
) -> None:
    content = on_demo_data(name, data_dir)
    config = OmegaConf.create(content)
    assert config_problems("train", config) == []
    choices = {"model": name, "data": "demo"}
    verbs.train(typed("train", config).model_copy(update={"choices": choices}), tmp_path)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert set(metrics["datasets"]) == {"synthetic_ffpp", "synthetic_celebdf"}
    card = json.loads((tmp_path / "run.json").read_text())
    assert 0 <= card["val_video_auc"] <= 1
    assert (tmp_path / card["best_checkpoint"]).is_file()
    assert (tmp_path / "report.html").is_file()
