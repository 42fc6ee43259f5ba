"""Checkpoints and run folders that an attacker has written: nothing of them runs.

Every payload would leave a file or import a module if it were run; every verb that opens such a
file answers in one sentence with exit code 2.
"""

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from unmask.cli.main import main
from unmask.config import trust
from unmask.config.foreign import read_foreign
from unmask.config.trust import trust_modules
from unmask.core.errors import UnmaskError
from unmask.core.files import sha256_of_file
from unmask.runs.card import RunCard
from unmask.runs.run import Run
from unmask.training.checkpoint import read_detector
from unmask.verbs.run_config import read_train_config

# Where code would write; each test has its own folder as working directory.
CANARY = "canary.txt"
PLANTED = f"""
from pathlib import Path
Path({CANARY!r}).write_text("imported")
class Head: pass
def make(*args, **kwargs): Path({CANARY!r}).write_text("called")
"""
PATH = {"_target_": "pathlib.Path", "_args_": [CANARY]}
MEAN_HEAD = {"_target_": "unmask.models.heads.pooling.MeanHead", "_partial_": True}

# What stands in the place of a part: a network's head, a cropper, a cap, a loss, a data source ...
NODES: dict[str, Any] = {
    "alias of torch.hub": {
        "_target_": "unmask.models.weights.torch.hub.load",
        "repo_or_dir": ".", "model": "make", "source": "local", "trust_repo": True,
    },
    "alias of Path": {"_target_": "unmask.models.weights.Path.write_text", "_args_": [PATH, "x"]},
    "alias of Path, called": {"_target_": "unmask.data.official_clean.Path", "_args_": [CANARY]},
    "alias of a module of the standard library": {
        "_target_": "unmask.core.files.os.system", "_args_": [f"touch {CANARY}"],
    },
    "our own function that writes": {
        "_target_": "unmask.core.files.write_text", "path": PATH, "text": "x",
    },
    "our own function that renders": {
        "_target_": "unmask.demo.make_ffpp", "root": ".", "settings": {}, "num_workers": 1,
    },
    "our own function that downloads": {
        "_target_": "unmask.models.weights.create_pretrained", "name": "resnet18", "knobs": {},
    },
    "our own command line": {"_target_": "unmask.cli.main.main", "arguments": ["models"]},
    "torch.hub": {
        "_target_": "torch.hub.load",
        "repo_or_dir": ".", "model": "make", "source": "local", "trust_repo": True,
    },
    "pathlib": {"_target_": "pathlib.Path.write_text", "_args_": [PATH, "x"]},
    "os.system": {"_target_": "os.system", "_args_": [f"touch {CANARY}"]},
    "posix.system": {"_target_": "posix.system", "command": f"touch {CANARY}"},
    "subprocess": {"_target_": "subprocess.Popen", "args": ["touch", CANARY]},
    "eval": {"_target_": "builtins.eval", "_args_": [f"open({CANARY!r}, 'w').close()"]},
    "exec": {"_target_": "builtins.exec", "_args_": [f"open({CANARY!r}, 'w').close()"]},
    "open": {"_target_": "builtins.open", "file": CANARY, "mode": "w"},
    "get_method": {"_target_": "hydra.utils.get_method", "path": "planted.make"},
    "get_object": {"_target_": "hydra.utils.get_object", "path": "planted.make"},
    "get_class": {"_target_": "hydra.utils.get_class", "path": "planted.Head"},
    "call": {"_target_": "hydra.utils.call", "config": {"_target_": "planted.make"}},
    "instantiate": {"_target_": "hydra.utils.instantiate", "config": {"_target_": "planted.make"}},
    "import_module": {"_target_": "importlib.import_module", "name": "planted"},
    "run_path": {"_target_": "runpy.run_path", "path_name": "planted.py"},
    "partial": {"_target_": "functools.partial", "_args_": [{"_target_": "planted.make"}]},
    "a planted class": {"_target_": "planted.Head", "_partial_": True},
    "a planted class in a list": [{"_target_": "planted.Head"}],
    "a planted class in a dictionary": {"a": {"b": [{"_target_": "planted.Head"}]}},
    "a planted class as an argument": MEAN_HEAD | {"dropout": {"_target_": "planted.make"}},
    "a planted class as an item of an argument": MEAN_HEAD
    | {"dropout": [{"x": {"_target_": "planted.make"}}]},
    "_args_": MEAN_HEAD | {"_args_": [{"_target_": "planted.make"}]},
    "_recursive_": MEAN_HEAD | {"_recursive_": False},
    "_convert_": MEAN_HEAD | {"_convert_": "object"},
    "_partial_ of another kind": MEAN_HEAD | {"_partial_": "yes"},
    "a target that is a list": {"_target_": ["planted", "make"]},
    "a target that is null": {"_target_": None},
    "a target that is a number": {"_target_": 7},
    "a target with a node in it": {"_target_": {"_target_": "planted.make"}},
    "an empty part of a name": {"_target_": "unmask.models..heads.pooling.MeanHead"},
    "a relative name": {"_target_": ".planted.make"},
    "a space before": {"_target_": " unmask.models.heads.pooling.MeanHead"},
    "a line end behind": {"_target_": "unmask.models.heads.pooling.MeanHead\n"},
    "a look-alike": {"_target_": "unmask.mod\u0435ls.heads.pooling.MeanHead"},
    "a name below an allowed class": {"_target_": "unmask.models.heads.pooling.MeanHead.__init__"},
    "a name above an allowed class": {"_target_": "unmask.models.heads.pooling.nn.Module"},
    "a dunder": {"_target_": "unmask.models.heads.pooling.__builtins__.eval", "_args_": ["1"]},
    "an environment variable": MEAN_HEAD | {"dropout": "${oc.env:SECRET}"},
    "a decoded one": MEAN_HEAD | {"dropout": "${oc.decode:${oc.env:SECRET}}"},
    "a resolver of Hydra": MEAN_HEAD | {"dropout": "${hydra:runtime.cwd}"},
    "a created node": {"x": "${oc.create:{_target_: planted.make}}"},
    "an interpolated target": {"_target_": "${oc.env:SECRET}.make"},
    "an interpolated key": MEAN_HEAD | {"${oc.env:SECRET}": 1},
}  # fmt: skip
IN_CHECKPOINT = (
    "model",
    "model.head",
    "model.backbone",
    "model.tuning",
    "crops.cropper",
    "clips.cap",
)
IN_CONFIG = (
    "model.head", "loss", "optimizer", "scheduler", "trainer", "sampler", "callbacks.mine",
    "logger.mine", "clips.cap", "prepare.reader", "data.source", "data.split", "data.make",
    "data.augmentation.transforms.mine", "eval.datasets.mine", "paths.mine", "mine",
)  # fmt: skip
TEXTS = {
    "python/object": "mine: !!python/object/apply:os.system ['touch canary.txt']\n",
    "python/name": "mine: !!python/name:planted.make\n",
    "python/module": "mine: !!python/module:planted\n",
    "a path": "mine: !!python/object/apply:pathlib.PosixPath [canary.txt]\n",
    "a tag of somebody's": "mine: !mine x\n",
    "laughs": "a: &a [x, x]\nb: &b [*a, *a]\nmine: [*b, *b]\n",
    "a resolver": "mine: ${oc.env:SECRET}\n",
    "a resolver in a text": "mine: I am ${oc.env:SECRET}\n",
    "a key behind a resolver": "mine: ${.${oc.env:SECRET}}\n",
    "a circle": "mine: ${mine}\n",
    "depth": "mine: " + "[" * 5000 + "]" * 5000 + "\n",
}


@pytest.fixture(autouse=True)
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Work beside a module, a hub folder and a secret; nothing of them may be touched."""
    for name in ("planted.py", "hubconf.py"):
        (tmp_path / name).write_text(PLANTED)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("SECRET", "hunter2")
    # What other tests have named on command lines of this process.
    monkeypatch.setattr(trust._CommandLine, "named", {})
    trust_modules(())
    yield
    trust_modules(())
    assert not (tmp_path / CANARY).exists()
    assert not {"planted", "hubconf"} & set(sys.modules)


def placed(facts: dict[str, Any], place: str, node: Any) -> dict[str, Any]:
    """Return a copy of nested values with another node at a place."""
    facts = deepcopy(facts)
    *parents, last = place.split(".")
    inner = facts
    for key in parents:
        inner = inner.setdefault(key, {})
    inner[last] = node
    return facts


@pytest.fixture
def checkpoint_with(trained_run: Path, tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a run's model with a payload in it."""
    released = torch.load(trained_run / "model.ckpt", weights_only=True)

    def write(place: str, node: Any, path: Path = tmp_path / "evil.ckpt") -> Path:
        place = place if place.startswith("model") else f"recipe.{place}"
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(released | {"unmask": placed(released["unmask"], place, node)}, path)
        return path

    return write


@pytest.fixture
def run_with(trained_run: Path, tmp_path: Path) -> Callable[..., Path]:
    """Return a function that copies a run and plants a payload in its configuration."""

    def copy(place: str = "", node: Any = None, *, text: str = "", name: str = "run") -> Path:
        run = tmp_path / name
        shutil.copytree(trained_run, run)
        config = run / "config.yaml"
        content = yaml.safe_load(config.read_text())
        if place:
            content = placed(content, place, node)
        config.write_text(yaml.safe_dump(content) + text)
        change_card(run, config_hash=sha256_of_file(config))
        return run

    return copy


def change_card(run: Path, **changes: object) -> None:
    card = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(card | changes))


def read_run_config(run: Path) -> object:
    return Run.open(run).config


@pytest.mark.one_in(5)
@pytest.mark.parametrize("place", IN_CHECKPOINT)
@pytest.mark.parametrize("payload", NODES)
def test_no_checkpoint_runs_what_it_names(
    checkpoint_with: Callable[..., Path], payload: str, place: str
) -> None:
    path = checkpoint_with(place, NODES[payload])
    with pytest.raises(UnmaskError) as caught:
        read_detector(path)
    assert "hunter2" not in str(caught.value)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("payload", NODES)
def test_no_run_has_built_what_it_names(run_with: Callable[..., Path], payload: str) -> None:
    place = IN_CONFIG[list(NODES).index(payload) % len(IN_CONFIG)]
    run = run_with(place, NODES[payload])
    with pytest.raises(UnmaskError) as caught:
        read_train_config(run)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("place", IN_CONFIG)
def test_a_run_names_nothing_planted_anywhere(run_with: Callable[..., Path], place: str) -> None:
    run = run_with(place, NODES["a planted class"])
    for read in (read_train_config, read_run_config):
        with pytest.raises(UnmaskError, match=r"config\.yaml cannot be used: .*'planted\.Head'"):
            read(run)


@pytest.mark.parametrize("text", TEXTS)
def test_no_text_of_a_run_is_more_than_data(run_with: Callable[..., Path], text: str) -> None:
    run = run_with(text=TEXTS[text])
    for read in (read_train_config, read_run_config):
        with pytest.raises(UnmaskError) as caught:
            read(run)
        assert "hunter2" not in str(caught.value)


def test_plain_keys_are_followed_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("a: {b: 3}\nc: ${a.b}\nd: ${c}\ne: 1.0e-05\nf: 1e-4\n")
    assert read_foreign(path) == {"a": {"b": 3}, "c": 3, "d": 3, "e": 1e-5, "f": 1e-4}
    for text in ("c: ${a}\na: {b: 3}\n", "c: ${gone}\n", "c: x${a}\na: 1\n"):
        path.write_text(text)
        with pytest.raises(UnmaskError, match="`c` holds an interpolation"):
            read_foreign(path)


@pytest.mark.parametrize("name", ["../evil.ckpt", "/etc/passwd", "checkpoints/../../x", 7, None])
def test_a_run_names_checkpoints_in_its_own_folder_alone(
    run_with: Callable[..., Path], name: object
) -> None:
    run = run_with()
    change_card(run, best_checkpoint=name)
    message = "does not lie in the run's own folder|best_checkpoint: Input should be a valid string"
    for read in (RunCard.read, Run.open):
        with pytest.raises(UnmaskError, match=message):
            read(run)


def test_a_run_does_not_say_whom_to_trust(run_with: Callable[..., Path]) -> None:
    run = run_with("model.head", NODES["a planted class"])
    config = run / "config.yaml"
    content = yaml.safe_load(config.read_text())
    config.write_text(yaml.safe_dump(content | {"trusted_modules": ["planted"]}))
    with pytest.raises(UnmaskError, match=r"names 'planted\.Head'"):
        read_train_config(run)


def test_a_trusted_package_lends_no_name_to_what_it_has_imported(
    run_with: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "lender.py").write_text("from os import system\n")
    trust_modules(["lender"])
    node = {"_target_": "lender.system", "command": f"touch {CANARY}"}
    with pytest.raises(UnmaskError, match=r"'lender\.system' is neither a class nor a function"):
        read_train_config(run_with("prepare.reader", node))


def test_embedded_data_are_not_rendered_where_a_run_says(
    run_with: Callable[..., Path], refused: Callable[..., str], tmp_path: Path
) -> None:
    run = run_with("data.root", str(tmp_path / "elsewhere"))
    change_card(run, stores={})
    said = refused("evaluate", f"run={run}", f"paths.data_dir={tmp_path}/empty")
    assert "would be rendered there" in said
    assert not (tmp_path / "elsewhere").exists()


@pytest.fixture
def refused(paths: list[str], capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Return a function that runs a command which must be refused in one sentence."""

    def run(*words: str) -> str:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main([words[0], *paths, *words[1:]])  # of two words for a key the latter counts
        said = capsys.readouterr().err
        assert stop.value.code == 2
        assert said.startswith("unmask: ")
        assert said.count("\n") == 1
        assert "hunter2" not in said
        return said

    return run


Refused = Callable[..., str]
Make = Callable[..., Path]


def through_checkpoint(
    verb: str, payload: str, place: str, refused: Refused, make: Make, run_with: Make
) -> None:
    """Open a checkpoint with a payload by a verb."""
    node = NODES[payload]
    if verb in ("predict", "app"):
        words = ["planted.py"] if verb == "predict" else ["port=0"]
        refused(verb, *words, f"checkpoint={make(place, node)}", "device=cpu")
    elif verb == "models":
        make(place, node, Path("models/evil.ckpt"))
        refused("models", "paths.models_dir=models", "paths.outputs_dir=nowhere")
    else:
        run = run_with()
        best = run / json.loads((run / "run.json").read_text())["best_checkpoint"]
        digest = sha256_of_file(make(place, node, best))
        change_card(run, best_checkpoint_hash=digest, scored_checkpoint=digest)
        refused(verb, f"run={run}", "loader.num_workers=0")


def through_config(verb: str, payload: str, place: str, refused: Refused, run_with: Make) -> None:
    """Open a run whose configuration holds a payload by a verb."""
    run = run_with(place, NODES[payload])
    if verb == "report":
        refused("report", f"runs={run}")
    elif verb == "ensemble":
        refused("ensemble", f"runs=[{run},{run_with(name='other')}]")
    else:
        refused(verb, f"run={run}", "loader.num_workers=0")


OF_CHECKPOINTS = ("predict", "app", "models", "evaluate", "verify")
OF_CONFIGS = ("evaluate", "verify", "report", "ensemble")


@pytest.mark.one_in(3)
@pytest.mark.parametrize(("verb", "payload"), list(zip(OF_CHECKPOINTS, NODES, strict=False)))
def test_every_verb_refuses_a_checkpoint_with_a_payload(
    verb: str, payload: str, refused: Refused, checkpoint_with: Make, run_with: Make
) -> None:
    through_checkpoint(verb, payload, "model.head", refused, checkpoint_with, run_with)


@pytest.mark.one_in(3)
@pytest.mark.parametrize(("verb", "payload"), list(zip(OF_CONFIGS, NODES, strict=False)))
def test_every_verb_refuses_a_run_with_a_payload(
    verb: str, payload: str, refused: Refused, run_with: Make
) -> None:
    through_config(verb, payload, "prepare.cropper", refused, run_with)


def test_a_training_does_not_go_on_from_a_payload(
    refused: Refused, checkpoint_with: Make, tiny_words_in_one_process: list[str]
) -> None:
    path = checkpoint_with("model.head", NODES["alias of torch.hub"])
    refused("train", *tiny_words_in_one_process, f"resume={path}", "hydra.run.dir=resumed")


# Every payload meets the reader that all verbs share above; here every other one meets every verb.
EVERY_OTHER = list(NODES)[::2]


@pytest.mark.slow
@pytest.mark.parametrize("verb", OF_CHECKPOINTS)
@pytest.mark.parametrize("payload", EVERY_OTHER)
def test_every_verb_refuses_every_checkpoint(
    verb: str, payload: str, refused: Refused, checkpoint_with: Make, run_with: Make
) -> None:
    place = IN_CHECKPOINT[list(NODES).index(payload) % len(IN_CHECKPOINT)]
    through_checkpoint(verb, payload, place, refused, checkpoint_with, run_with)


@pytest.mark.slow
@pytest.mark.parametrize("verb", OF_CONFIGS)
@pytest.mark.parametrize("payload", EVERY_OTHER)
def test_every_verb_refuses_every_run(
    verb: str, payload: str, refused: Refused, run_with: Make
) -> None:
    place = IN_CONFIG[list(NODES).index(payload) % len(IN_CONFIG)]
    through_config(verb, payload, place, refused, run_with)


class Pickled:
    """Pickles to a call that leaves the file."""

    def __reduce__(self) -> tuple[object, ...]:
        return (open, (CANARY, "w"))


@pytest.mark.parametrize("verb", ["predict", "app", "models"])
def test_a_pickled_call_is_not_made(verb: str, refused: Refused) -> None:
    path = Path("models/evil.ckpt")
    path.parent.mkdir()
    torch.save({"unmask": {"format": 1, "model": Pickled()}, "state_dict": {}}, path)
    words = {
        "predict": ["planted.py", f"checkpoint={path}"], "app": ["port=0", f"checkpoint={path}"],
        "models": ["paths.models_dir=models", "paths.outputs_dir=nowhere"],
    }  # fmt: skip
    assert "is not a readable checkpoint" in refused(verb, *words[verb])
