"""A file from elsewhere names what shipped configurations name at its place, and nothing else."""

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from unmask.config.build import build_foreign, build_untrained
from unmask.config.location import conf_dir
from unmask.config.shipped import shipped_targets, slot_of, targets
from unmask.config.trust import refuse_foreign, require_own
from unmask.core.errors import ConfigError

HEAD = {"_target_": "unmask.models.heads.pooling.MeanHead", "_partial_": True}
BACKBONE = {"_target_": "unmask.models.plain_cnn.PlainCNN", "filters": [4, 8], "image_size": 32}
MODEL = {"_target_": "unmask.models.detector.Detector", "backbone": BACKBONE, "head": HEAD}
# What a checkpoint or a run's folder has built.
REBUILT = ("model", "prepare", "clips", "data")


def test_every_target_of_a_shipped_file_is_allowed_where_it_stands() -> None:
    for path in sorted(conf_dir().rglob("*.yaml")):
        group = path.relative_to(conf_dir()).parent.as_posix().replace("/", ".")
        content = yaml.safe_load(path.read_text())
        if not targets(content) or group.startswith(("hydra", "hparams_search", "local")):
            continue
        is_global = "# @package _global_" in path.read_text()
        refuse_foreign(_without_interpolations(content), "" if is_global or group == "." else group)


def _without_interpolations(node: Any) -> Any:
    if isinstance(node, list):
        return [_without_interpolations(item) for item in node]
    if isinstance(node, dict):
        return {key: _without_interpolations(value) for key, value in node.items()}
    return 0 if isinstance(node, str) and "${" in node else node


def test_nothing_is_allowed_that_no_shipped_file_names() -> None:
    named = {
        target
        for path in conf_dir().rglob("*.yaml")
        for target in targets(yaml.safe_load(path.read_text()))
    }
    # A smaller picture of the synthetic people, which no shipped file sets.
    others = {"unmask.demo.Picture"}
    allowed = {target for known in shipped_targets().values() for target in known}
    assert allowed <= named | others
    assert others <= allowed


@pytest.mark.parametrize("section", REBUILT)
def test_each_allowed_target_is_a_class_or_function_of_its_own_package(section: str) -> None:
    found = {t for slot, known in shipped_targets().items() if slot[0] == section for t in known}
    assert found
    for target in found:
        require_own(target)


@pytest.mark.parametrize(
    ("path", "slot"),
    [
        ("model.backbone.insert.mine", ("model", "backbone", "insert")),
        ("eval.datasets.dfdc.source", ("data", "source")),
        ("data.augmentation.transforms.transforms", ("data", "augmentation", "transforms")),
    ],
)
def test_names_of_items_are_no_part_of_a_place(path: str, slot: tuple[str, ...]) -> None:
    assert slot_of(path) == slot


@pytest.mark.parametrize(
    "changes",
    [
        {"_target_": "unmask.models.weights.torch.hub.load"},
        {"_target_": "unmask.models.weights.Path.write_text"},
        {"_target_": "unmask.models.weights.timm.create_model"},
        {"_target_": "unmask.models.detector.Detector", "_args_": ["x"]},
        {"_target_": "unmask.models.detector.Detector", "_partial_": True},
        {"_target_": "unmask.models.detector.Detector", "_partial_": "yes"},
        {"_target_": "unmask.models.detector.Detector", "_recursive_": False},
        {"_target_": "unmask.models.detector.Detector", "_convert_": "object"},
        {"_target_": "unmask.models.detector..Detector"},
        {"_target_": " unmask.models.detector.Detector"},
        {"_target_": "unmask.models.detector.Detector\u0442"},
        {"_target_": ["unmask.models.detector.Detector"]},
        {"_target_": None},
        {"owner": "mine"},
        {"backbone": [{"_target_": "os.system"}]},
        {"backbone": {"a": {"b": [{"_target_": "os.system", "command": "id"}]}}},
        {"backbone": BACKBONE | {"_target_": "unmask.models.heads.pooling.MeanHead"}},
        {"backbone": BACKBONE | {"filters": {"_target_": "builtins.eval"}}},
        {"backbone": BACKBONE | {"image_size": "${oc.env:HOME}"}},
        {"backbone": BACKBONE | {"image_size": "many"}},
        {"head": HEAD | {"${oc.env:HOME}": 1}},
        {"head": HEAD | {7: 1}},
        {"head": "unmask.models.heads.pooling.MeanHead", "_partial_": True},
    ],
    ids=str,
)
def test_a_model_that_is_not_ours_is_refused(changes: dict[Any, Any]) -> None:
    with pytest.raises(ConfigError):
        build_untrained(MODEL | changes)


@pytest.mark.parametrize("node", [None, [], "os.system", {}, {"backbone": BACKBONE}, 3])
def test_what_names_no_class_is_refused(node: Any) -> None:
    with pytest.raises(ConfigError, match="`model` names no class"):
        build_foreign(node, "model")


def test_what_is_refused_is_never_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "planted.py").write_text("raise SystemExit('ran')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match=r"names 'planted\.Head', which is not part of what"):
        build_untrained(MODEL | {"head": {"_target_": "planted.Head"}})
    assert "planted" not in sys.modules


def test_an_allowed_name_that_is_something_else_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"is pathlib.*Path; it was not run"):
        require_own("unmask.models.weights.Path")
    with pytest.raises(ConfigError, match="neither a class nor a function"):
        require_own("unmask.models.weights.torch")
