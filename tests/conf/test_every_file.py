"""Every YAML under conf/ is a test case: it composes, and whatever it names can be called so."""

from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from unmask.config.blend import spell_out_blend
from unmask.config.build import build, build_untrained
from unmask.config.location import conf_dir
from unmask.config.schema import VERBS
from unmask.config.validate import config_problems
from unmask.models.detector import ClipDetector

CONF = conf_dir()
ROOTS = ["data.root=/somewhere"]


def files_of(group: str) -> list[str]:
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


SMALL_MODELS = ("meso", "mobilenet", "plain_cnn")  # the others take seconds each
REAL_SETS = [n for n in files_of("data") if not n.startswith("synthetic") and n != "blend"]


def composed(verb: str, *overrides: str) -> DictConfig:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose(verb, overrides=list(overrides))


def choice_cases() -> list[tuple[str, str]]:
    """Return every file of every group that `train` composes."""
    groups = sorted(
        folder.relative_to(CONF).as_posix() for folder in CONF.rglob("*") if folder.is_dir()
    )
    skipped = ("hydra", "local")
    return [(group, name) for group in groups if group not in skipped for name in files_of(group)]


def problems_of(verb: str, *overrides: str) -> list[str]:
    """Return what is wrong, apart from roots of data sets that only a person can know."""
    problems = config_problems(verb, composed(verb, *overrides))
    return [problem for problem in problems if not problem.endswith(".root=<value>.")]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_composes(verb: str) -> None:
    given = {
        "evaluate": ["run=outputs/x"],
        "verify": ["run=outputs/x"],
        "report": ["runs=outputs/*"],
        "ensemble": ["runs=outputs/*"],
        "audit": ["manifests=data/*"],
    }.get(verb, [])
    assert problems_of(verb, *given) == []


@pytest.mark.one_in(8)
@pytest.mark.parametrize(("group", "name"), choice_cases())
def test_every_choice_composes_and_binds(group: str, name: str) -> None:
    several = group in ("callbacks", "logger", "model/backbone/insert")
    choices = [f"{group}=[{name}]" if several else f"{group}={name}"]
    if name == "blend":
        choices = spell_out_blend(["data=[synthetic_ffpp,synthetic_celebdf]"])
    assert problems_of("train", *choices) == []


def test_every_file_is_a_case() -> None:
    cases = {f"{group}/{name}.yaml" for group, name in choice_cases()}
    verbs = {f"{verb}.yaml" for verb in VERBS}
    present = {path.relative_to(CONF).as_posix() for path in CONF.rglob("*.yaml")}
    assert present - cases - verbs == {"hydra/default.yaml"}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name.startswith(SMALL_MODELS) else [pytest.mark.slow])
        for name in files_of("model")
    ],
)
def test_every_model_builds_untrained_and_scores_two_clips(name: str) -> None:
    config = OmegaConf.to_container(composed("train", f"model={name}").model, resolve=True)
    assert isinstance(config, dict)
    detector = build_untrained(config)
    assert isinstance(detector, ClipDetector)
    size = detector.image_size
    frames = torch.randint(0, 256, (2, 2, 3, size, size), dtype=torch.uint8)
    with torch.inference_mode():
        logits = detector.eval()(frames, torch.ones(2, 2, dtype=torch.bool))
    assert logits.shape == (2, 2)
    assert torch.isfinite(logits).all()


@pytest.mark.one_in(9)
@pytest.mark.parametrize("model", files_of("model"))
def test_every_model_takes_a_policy_of_what_is_trained(model: str) -> None:
    assert composed("train", f"model={model}", "model/tuning=frozen").model.tuning._target_ == (
        "unmask.models.tuning.tune_head"
    )


@pytest.mark.one_in(9)
@pytest.mark.parametrize("name", files_of("model/backbone/insert"))
def test_every_insert_fits_a_resnet_of_any_size(name: str) -> None:
    words = ["model=resnext50_lstm", f"model/backbone/insert=[{name}]"]
    for size in (112, 128):
        config = composed("train", *words, f"model.backbone.image_size={size}").model
        detector = build_untrained(OmegaConf.to_container(config, resolve=True))  # type: ignore[arg-type]
        assert detector.backbone.inserts.keys() == {name}


@pytest.mark.parametrize("name", REAL_SETS)
def test_every_data_set_builds_its_source_and_split(name: str, tmp_path: Path) -> None:
    data = composed("index", f"data={name}", f"data.root={tmp_path}").data
    for node in ("source", "split"):
        content = OmegaConf.to_container(data[node], resolve=True)
        assert isinstance(content, dict)
        assert build(content) is not None
    assert build(OmegaConf.to_container(data.source, resolve=True)).name == data.name  # type: ignore[arg-type]


# How each data set is split where nothing is said: as its authors published it, if they did.
SPLITS = {
    "celebdf_v1": "OfficialTestSplit",
    "celebdf_v2": "OfficialTestSplit",
    "celebdf_v3": "OfficialTestSplit",
    "deepfakebench": "OfficialSplit",
    "dfd": "IdentitySplit",
    "dfd_kaggle": "IdentitySplit",
    "dfdc": "OfficialSplit",
    "dfdc_test": "TestOnlySplit",
    "dfdcp": "OfficialTestSplit",
    "faces140k": "OfficialSplit",
    "ffpp": "OfficialSplit",
    "ffpp_gend": "OfficialSplit",
    "ffpp_kaggle": "OfficialSplit",
    "folder": "IdentitySplit",
    "fsfm": "OfficialSplit",
    "openforensics": "OfficialSplit",
    "synthetic_celebdf": "TestOnlySplit",
    "synthetic_ffpp": "OfficialSplit",
    "uadfv": "TestOnlySplit",
}


@pytest.mark.parametrize("name", [name for name in files_of("data") if name != "blend"])
def test_every_data_set_keeps_its_own_split_and_takes_any_other(name: str) -> None:
    default = composed("index", f"data={name}").data.split._target_
    assert default == f"unmask.data.splits.{SPLITS[name]}"
    chosen = composed("index", f"data={name}", "data/split=identity", "data.split.train=0.7")
    assert chosen.data.split._target_ == "unmask.data.splits.IdentitySplit"


def test_the_clean_split_reads_the_map_of_its_own_data_set() -> None:
    config = composed("index", "data=ffpp", "data.root=/ffpp", "data/split=official_clean")
    assert config.data.split.root == "/ffpp"
