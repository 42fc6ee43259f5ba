"""Every setting is in the table of what decides what, and the table is what counts."""

import inspect
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, get_args

import lightning
import pytest
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

import unmask
from unmask.cli.study import prepare_study
from unmask.config.decides import TABLE, What, deciding, leaves, row_of
from unmask.config.location import conf_dir
from unmask.config.schema import VERBS, TrainConfig, sets_of
from unmask.config.validate import typed
from unmask.core.errors import ConfigError
from unmask.prepare.datasets import store_folder
from unmask.report.compare.variants import recipe_of
from unmask.runs.run import Run
from unmask.training.checkpoint import Provenance, differences
from unmask.verbs.objects import make_dataset, make_preparation, recipe_settings
from unmask.verbs.reuse import training_identity

CONF = conf_dir()
GIVEN = {
    "evaluate": ["run=x"], "verify": ["run=x"], "report": ["runs=x"], "ensemble": ["runs=x"],
    "audit": ["manifests=x"],
}  # fmt: skip
FLAGS = ("defaults", "hydra")


@lru_cache
def composed(verb: str, *overrides: str) -> dict[str, Any]:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose(verb, overrides=[*GIVEN.get(verb, []), *overrides])
    content: Any = OmegaConf.to_container(config, resolve=False)
    return content


def unnamed(config: Mapping[str, Any]) -> list[str]:
    settings = leaves(config)
    return [name for name in settings if row_of(name, settings) is None]


def files() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every file of every group, its settings where it puts them."""
    for path in sorted(CONF.rglob("*.yaml")):
        name = path.relative_to(CONF).as_posix()
        if name.startswith(("hydra/", "local/")):
            continue
        text = path.read_text()
        content = yaml.safe_load(text) or {}
        node = {key: value for key, value in content.items() if key not in FLAGS}
        if "@package _global_" not in text:
            for part in reversed(Path(name).parent.parts):
                node = {part: node}
        yield name, node


FILES = dict(files())


@pytest.mark.parametrize("name", FILES)
def test_every_setting_of_every_file_is_in_the_table(name: str) -> None:
    assert unnamed(FILES[name]) == []


@pytest.mark.parametrize("verb", VERBS)
def test_every_setting_of_every_verb_is_in_the_table(verb: str) -> None:
    assert unnamed(composed(verb)) == []


@pytest.mark.parametrize("verb", VERBS)
def test_every_setting_that_a_section_adds_and_saves_is_in_the_table(verb: str) -> None:
    words = [*GIVEN.get(verb, []), *(["data.root=x"] if "data" in VERBS[verb].model_fields else [])]
    assert unnamed(unmask.compose(verb, words).plain()) == []


def test_by_which_names_a_training_was_chosen_decides_nothing() -> None:
    config = unmask.compose("train", ["experiment=demo"])
    other = config.model_copy(update={"choices": {"hydra/launcher": "joblib"}})
    for what in get_args(What):
        assert deciding(config.plain(), what) == deciding(other.plain(), what)


def experiments() -> list[str]:
    return sorted(path.stem for path in (CONF / "experiment").glob("*.yaml"))


def test_the_data_sets_of_a_blend_and_of_an_evaluation_are_in_the_table() -> None:
    config = composed("train", "experiment=system_c", "eval=system_a")
    assert {"data.sets.dfdc.root", "eval.datasets.uadfv.root"} < leaves(config).keys()
    assert unnamed(config) == []


@pytest.mark.slow
@pytest.mark.parametrize("experiment", experiments())
def test_every_setting_of_every_experiment_is_in_the_table(experiment: str) -> None:
    assert unnamed(composed("train", f"experiment={experiment}")) == []


@pytest.mark.slow
def test_every_choice_composes_to_settings_that_are_in_the_table() -> None:
    """Each choice of each group stands in one of the configurations."""
    groups = {
        folder.relative_to(CONF).as_posix(): sorted(path.stem for path in folder.glob("*.yaml"))
        for folder in CONF.rglob("*")
        if folder.is_dir() and folder.name not in ("hydra", "local", "experiment")
        and not folder.relative_to(CONF).as_posix().startswith(("hparams_search", "model/"))
    }  # fmt: skip
    groups = {group: names for group, names in groups.items() if names}
    groups["data"].remove("blend")
    lists = ("callbacks", "logger")
    for index in range(max(len(names) for names in groups.values())):
        words = [
            f"{group}=[{names[index % len(names)]}]" if group in lists
            else f"{group}={names[index % len(names)]}"
            for group, names in groups.items()
        ]  # fmt: skip
        assert unnamed(composed("train", *words)) == []
    for part in ("backbone", "head", "tuning"):
        for path in (CONF / "model" / part).glob("*.yaml"):
            assert unnamed(composed("train", f"model/{part}={path.stem}")) == []


def test_every_argument_of_lightnings_trainer_is_in_the_table() -> None:
    names = [f"trainer.{name}" for name in inspect.signature(lightning.Trainer).parameters]
    assert [name for name in names if row_of(name, {}) is None] == []


def test_no_row_takes_what_nobody_has_thought_of() -> None:
    for name in ("new", "trainer.new", "prepare.new", "loader.new", "eval.new", "data.new"):
        assert row_of(name, {}) is None
    assert all(row.keys.split(".")[0] not in ("*", "**") for row in TABLE)


def test_what_no_row_names_decides_everything() -> None:
    config = {"trainer": {"new": 1}, "prepare": {"num_workers": 2}}
    assert deciding(config, "crops") == {"trainer": {"new": 1}}


def test_the_table_needs_neither_torch_nor_lightning_nor_hydra() -> None:
    code = (
        "import sys, unmask.config.decides\n"
        "print([m for m in ('torch', 'lightning', 'hydra', 'omegaconf') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# What asks the table: each with a real configuration, through its own function.

WHATS: list[What] = ["crops", "weights", "scores"]
ALL = {"store", "resume", "identity", "study", "variant"}
WEIGHTS = {"resume", "identity", "study", "variant"}
FINISHED = {"identity", "study", "variant"}


@lru_cache
def config_of(*words: str) -> TrainConfig:
    values = [word for word in words if word.partition("=")[0] in leaves(base())]
    choices = [word for word in words if word not in values]
    config = OmegaConf.create(composed("train", "model=plain_cnn_lstm", *choices))
    # Composing takes a second, setting a value does not.
    config.merge_with_dotlist(values)
    found: TrainConfig = typed("train", config)
    return found


@lru_cache
def base() -> dict[str, Any]:
    return composed("train", "model=plain_cnn_lstm")


@pytest.fixture(scope="module")
def crops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the tables of a store, whose content counts and not where they lie."""
    folder = tmp_path_factory.mktemp("store")
    for name in ("videos", "faces"):
        (folder / f"{name}.parquet").write_text(name)
    return folder


Hashes = Callable[[TrainConfig], dict[str, Any]]


@pytest.fixture
def hashes(crops: Path, tmp_path: Path) -> Hashes:
    """Return a function that asks everybody what a configuration decides."""

    def ask(config: TrainConfig) -> dict[str, Any]:
        here = config.model_copy(
            update={"paths": config.paths.model_copy(update={"data_dir": tmp_path})}
        )
        preparation = make_preparation(here.prepare)
        stores = [
            store_folder(make_dataset(one), preparation, tmp_path) for one in sets_of(here.data)
        ]
        for store in stores:
            shutil.copytree(crops, store, dirs_exist_ok=True)
        (tmp_path / "config.yaml").write_text(yaml.safe_dump(json.loads(config.model_dump_json())))
        return {
            "store": [store.name for store in stores],
            "resume": recipe_settings(config),
            "identity": training_identity(here),
            "variant": recipe_of(Run(tmp_path).config),
        }

    return ask


def is_refused(first: TrainConfig, second: TrainConfig, folder: Path) -> bool:
    """Say whether a search begun with one configuration refuses to go on with another."""
    sweeper = {"storage": f"sqlite:///{folder}/s.db", "study_name": "s", "params": {}}
    for config in (first, second):
        content = config.model_dump(mode="json") | {"hydra": {"sweeper": sweeper}}
        try:
            prepare_study(OmegaConf.create(content))
        except ConfigError:
            return True
        (folder / "s.db").touch()
    return False


WORDS = {
    "paths.outputs_dir=x": set(), "resume=x.ckpt": set(), "rerun=true": set(), "test=false": set(),
    "logger=[]": set(), "loader.num_workers=7": set(), "data.make.num_workers=4": set(),
    "prepare.num_workers=3": set(), "prepare.time_limit_seconds=7": set(),
    "prepare.memory_limit_gb=9": set(), "prepare.retry_failures=true": set(),
    "prepare.detector.device=cpu": set(), "prepare.detector.batch_size=3": set(),
    "prepare.verifier.device=cpu": set(), "prepare.verifier.batch_size=3": set(),
    "callbacks=[checkpoint,early_stopping]": set(), "trainer.enable_progress_bar=false": set(),
    "eval=synthetic_cross": set(), "eval.video_score=max": set(), "eval.embeddings=false": set(),
    "eval.num_resamples=7": set(),
    "data.root=/elsewhere": {"store", "study"},  # a run is compared by the crops themselves
    "data.source.compression=c40": ALL, "data.make.settings.seed=9": ALL,
    "data/split=identity": ALL,
    "prepare.detector.min_prob=0.8": ALL, "prepare.verifier.min_iou=0.5": ALL,
    "prepare.cropper.margin=1.1": ALL, "prepare.sampling.num_frames=3": ALL,
    "prepare/reader=decord": ALL, "prepare.max_tracks=1": ALL, "prepare.image_format=png": ALL,
    "prepare/face_video=system_d": ALL,
    "clips.num_frames=3": WEIGHTS, "clips/cap=faces": WEIGHTS, "sampler=balanced": WEIGHTS,
    "loader.batch_size=2": WEIGHTS, "data/augmentation=none": WEIGHTS, "loss=focal": WEIGHTS,
    "optimizer.lr=0.1": WEIGHTS, "scheduler.gamma=0.3": WEIGHTS, "cache_features=true": WEIGHTS,
    "trainer.precision=bf16-mixed": WEIGHTS, "trainer.gradient_clip_val=null": WEIGHTS,
    "trainer.accumulate_grad_batches=2": WEIGHTS,
    "callbacks.checkpoint_best.monitor=val/loss": WEIGHTS,
    # A checkpoint states these beside its recipe.
    "model.head.dropout=0.25": FINISHED, "allow_leak=true": FINISHED,
    "seed=5": {"identity", "study"},
    # What a resumed run may set anew.
    "trainer.max_epochs=9": FINISHED, "trainer.accelerator=gpu": FINISHED,
    "trainer.devices=2": FINISHED, "trainer.deterministic=true": FINISHED,
    "callbacks.early_stopping.patience=2": FINISHED, "callbacks=[checkpoint]": FINISHED,
}  # fmt: skip


@pytest.mark.one_in(4)
@pytest.mark.parametrize(("word", "wanted"), WORDS.items())
def test_a_setting_changes_what_it_decides_and_nothing_else(
    word: str, wanted: set[str], hashes: Hashes, tmp_path: Path
) -> None:
    plain, changed = config_of(), config_of(word)
    before, after = hashes(plain), hashes(changed)
    found = {name for name in before if before[name] != after[name]}
    found |= {"study"} if is_refused(plain, changed, tmp_path) else set()
    assert found == wanted


def test_each_setting_counts_where_the_table_says_so() -> None:
    """Of every setting that `train` composes, in every section."""
    config = composed("train", "eval=synthetic_cross", "prepare/face_video=system_d")
    settings = leaves(config)
    before = {what: decided(settings, what) for what in WHATS}
    for name in settings:
        if name.startswith("callbacks.") and name.endswith("._target_"):
            continue  # which row holds depends on it
        row = row_of(name, settings)
        assert row is not None
        other = settings | {name: "changed"}
        counts = [what for what in WHATS if decided(other, what) != before[what]]
        assert counts == WHATS[[*WHATS, "nothing"].index(row.decides) :], name


def decided(settings: dict[str, Any], what: What) -> dict[str, Any]:
    return deciding(settings, what, places=True)


def test_a_callback_is_known_by_its_class_and_not_by_its_name(hashes: Hashes) -> None:
    renamed = config_of(
        "~callbacks.progress_bar",
        "+callbacks.bar._target_=lightning.pytorch.callbacks.TQDMProgressBar",
    )
    assert hashes(renamed) == hashes(config_of())
    own = config_of(
        "callbacks.progress_bar._target_=lightning.pytorch.callbacks.BackboneFinetuning"
    )
    assert hashes(own)["identity"] != hashes(config_of())["identity"]


def test_a_split_that_reads_the_data_sets_folder_is_the_same_in_a_copy() -> None:
    one = {"data": {"root": "/a", "split": {"_target_": "x", "root": "/a"}}}
    two = {"data": {"root": "/b", "split": {"_target_": "x", "root": "/b"}}}
    assert deciding(one, "weights") == deciding(two, "weights")
    assert deciding(one, "crops", places=True) != deciding(two, "crops", places=True)


# What earlier versions recorded.

OLD_TRAINER = {
    "_target_": "unmask.training.trainer.make_trainer", "_partial_": True, "precision": "auto",
    "gradient_clip_val": 1.0, "accumulate_grad_batches": 1, "channels_last": False,
    "compile_backbone": False,
}  # fmt: skip
CHECKPOINTING = "unmask.training.callbacks.checkpointing"
OLD_CHECKPOINT = [
    {"_target_": f"{CHECKPOINTING}.BestCheckpoint", "monitor": "val/video_auc", "mode": "max"},
    {"_target_": f"{CHECKPOINTING}.LatestCheckpoint"},
]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({}, []),
        ({"batch_size": 2}, ["loader"]),
        ({"trainer": OLD_TRAINER | {"precision": "16-mixed"}}, ["trainer"]),
        ({"trainer": OLD_TRAINER | {"channels_last": True}}, ["callbacks"]),  # what it is today
        ({"checkpoint": [OLD_CHECKPOINT[0] | {"monitor": "val/loss"}]}, ["callbacks"]),
        ({"sampler": {"_target_": "x"}}, ["sampler"]),
    ],
)
def test_a_checkpoint_of_an_earlier_version_is_compared_by_what_decides(
    change: dict[str, Any], named: list[str]
) -> None:
    wanted = recipe_settings(config_of())
    crops = wanted["crops"]
    # As it was written: faces were looked for on a device, and the parts had other names.
    old = {k: v for k, v in wanted.items() if k not in ("loader", "data", "callbacks")} | {
        "crops": crops | {"detector": crops["detector"] | {"device": "cuda", "batch_size": 8}},
        "trainer": OLD_TRAINER,
        "batch_size": 4,
        "augmentation": {},
        "checkpoint": OLD_CHECKPOINT,
    }
    facts = Provenance(model={}, dataset="d", manifest_hash="m", seed=0, recipe=wanted)
    found = vars(Provenance(model={}, dataset="d", manifest_hash="m", seed=0, recipe=old | change))
    assert [one.partition(" ")[0] for one in differences(found, facts)] == named


def test_a_search_of_an_earlier_version_goes_on(tmp_path: Path) -> None:
    """It had recorded more settings than those that decide."""
    sweeper = {"storage": f"sqlite:///{tmp_path}/s.db", "study_name": "s", "params": {}}
    config = {
        "seed": 1,
        "loader": {"batch_size": 4, "num_workers": 2},
        "hydra": {"sweeper": sweeper},
    }
    (tmp_path / "s.db").touch()
    (tmp_path / "s.s.settings.json").write_text(
        json.dumps({"seed": 1, "loader.batch_size": 4, "cost.batch_size": 3})
    )
    prepare_study(OmegaConf.create(config))
    config["loader"]["batch_size"] = 8
    with pytest.raises(ConfigError, match=r"other settings \(loader.batch_size\)"):
        prepare_study(OmegaConf.create(config))
