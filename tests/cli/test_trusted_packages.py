"""A package of one's own: refused before training, trusted by its owner's words alone."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir

from unmask.cli.main import main
from unmask.config import trust
from unmask.config.location import conf_dir
from unmask.config.trust import trust_modules
from unmask.config.validate import typed
from unmask.core.errors import CheckpointError, ConfigError
from unmask.training.checkpoint import read_detector

OWN_HEAD = "own_parts.heads.OwnHead"


@pytest.fixture(autouse=True)
def own_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Work beside a package with a head, which also holds what it has imported."""
    package = tmp_path / "own_parts"
    package.mkdir()
    (package / "__init__.py").write_text("from os import system\n")
    (package / "heads.py").write_text(
        "import subprocess\nfrom unmask.models.heads.pooling import MeanHead\n"
        "class OwnHead(MeanHead):\n    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    # What other tests have named on command lines of this process.
    monkeypatch.setattr(trust._CommandLine, "named", {})
    trust_modules(())
    yield package
    trust_modules(())
    trust._plugins.cache_clear()
    for name in [name for name in sys.modules if name.partition(".")[0] == "own_parts"]:
        del sys.modules[name]


@pytest.fixture
def checkpoint_of(trained_run: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Return a function that writes the run's model with another head's name in it."""
    released = torch.load(trained_run / "model.ckpt", weights_only=True)

    def write(target: str) -> Path:
        model = released["unmask"]["model"]
        model = model | {"head": model["head"] | {"_target_": target}}
        path = tmp_path / "own.ckpt"
        torch.save(released | {"unmask": released["unmask"] | {"model": model}}, path)
        return path

    return write


def test_it_is_refused_before_any_crop_is_made(
    tmp_path: Path, tiny_words_in_one_process: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    places = [f"paths.data_dir={tmp_path}/data", f"paths.outputs_dir={tmp_path}/outputs"]
    with pytest.raises(SystemExit) as stop:
        main(["train", *tiny_words_in_one_process, *places, f"model.head._target_={OWN_HEAD}"])
    said = " ".join(capsys.readouterr().err.split())
    assert stop.value.code == 2
    assert f"`model.head` names '{OWN_HEAD}'" in said
    assert "trusted_modules=[own_parts]" in said
    assert "was not trained" in said
    assert not (tmp_path / "data").exists()


@pytest.mark.slow
def test_a_file_that_names_it_opens_once_it_is_trusted(checkpoint_of: Callable[..., Path]) -> None:
    path = checkpoint_of(OWN_HEAD)
    with pytest.raises(CheckpointError, match=r"trusted_modules=\[own_parts\]"):
        read_detector(path)
    assert "own_parts" not in sys.modules
    trust_modules(["own_parts"])
    assert type(read_detector(path).head).__name__ == "OwnHead"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "target",
    [
        "own_parts.system", "own_parts.heads.MeanHead", "own_parts.heads.subprocess.Popen",
        "own_parts.heads.subprocess", "own_parts.heads.gone", "own_parts_too.Head",
    ],
)  # fmt: skip
def test_what_it_has_imported_is_not_trusted_with_it(
    checkpoint_of: Callable[..., Path], target: str
) -> None:
    trust_modules(["own_parts"])
    with pytest.raises(CheckpointError):
        read_detector(checkpoint_of(target))


def test_an_installed_package_is_trusted_by_its_entry_point(
    checkpoint_of: Callable[..., Path], tmp_path: Path
) -> None:
    info = tmp_path / "own_parts-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: own-parts\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[unmask.plugins]\nown_parts = own_parts\n")
    trust._plugins.cache_clear()
    assert type(read_detector(checkpoint_of(OWN_HEAD)).head).__name__ == "OwnHead"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "name", ["", "os", "subprocess.Popen", "unmask", "unmask.core", "a b", "."]
)
def test_what_is_no_package_of_ones_own_cannot_be_trusted(name: str) -> None:
    with pytest.raises(ConfigError, match="trusted_modules"):
        trust_modules([name])


@pytest.mark.parametrize("verb", ["index", "prepare", "audit", "train", "models"])
def test_every_verb_takes_it_from_a_file_of_ones_own(verb: str) -> None:
    words = ["++trusted_modules=[own_parts]", *(["manifests=x"] if verb == "audit" else [])]
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        config = compose(verb, overrides=words)
    assert typed(verb, config).trusted_modules == ["own_parts"]


@pytest.mark.slow
def test_it_trains_and_is_read_by_every_verb(
    train_tiny: Callable[..., Path], paths: list[str], workplace: Path, tmp_path: Path
) -> None:
    words = ["trusted_modules=[own_parts]", *paths]
    run = train_tiny(f"model.head._target_={OWN_HEAD}", words[0])
    main(["evaluate", f"run={run}", "loader.num_workers=0", *words])
    main(["report", f"runs={run}", f"hydra.run.dir={tmp_path}/report", *words])
    video = next(workplace.glob("data/synthetic/ffpp/**/*.mp4"))
    main(["predict", str(video), f"checkpoint={run}", f"out={tmp_path}/out", *words])
    with pytest.raises(SystemExit) as stop:
        main(["predict", str(video), f"checkpoint={run}", f"out={tmp_path}/out", *paths])
    assert stop.value.code == 2
