"""The check knows what the code gives to each place."""

from typing import Any

import pytest
from lightning.pytorch.loggers import CSVLogger

from unmask.config import plugins
from unmask.config.slots import SLOTS
from unmask.config.targets import target_problems

HERE = __name__


def takes_nothing() -> None:
    """Stands for a class that has no room for what is given."""


def wants_more(
    one: object, two: object, three: object, *, save_dir: str = "", default_root_dir: str = "",
    callbacks: Any = None, logger: Any = None, unheard_of: int,
) -> None:  # fmt: skip
    """Stands for a class that needs something that nobody gives."""


def takes_anything(*things: object, **named: object) -> None:
    """Stands for a class that the check cannot fault."""


PATHS = [pattern.replace("*", "mine") for pattern in SLOTS]


def problems(target: Any, path: str, **node: Any) -> list[str]:
    # pytest imports this file under a name of its own, which importlib knows.
    name = f"{target.__module__}.{target.__name__}"
    return list(target_problems({"_target_": name, "_partial_": True, **node}, path))


@pytest.mark.parametrize("path", PATHS)
def test_a_class_without_room_for_what_is_given_is_named(path: str) -> None:
    found = problems(takes_nothing, path)
    assert found
    assert all(one.startswith(f"`{path}`: takes_nothing takes no argument") for one in found)


@pytest.mark.parametrize("path", PATHS)
def test_a_class_that_needs_more_is_named(path: str) -> None:
    found = problems(wants_more, path)
    assert f"`{path}.unheard_of`: wants_more needs it and it is not set." in found
    assert not any("save_dir" in one for one in found)


@pytest.mark.parametrize("path", PATHS)
def test_a_class_that_takes_anything_passes(path: str) -> None:
    assert problems(takes_anything, path) == []


@pytest.mark.parametrize("path", PATHS)
def test_a_node_that_would_be_called_too_early_is_named(path: str) -> None:
    found = problems(takes_anything, path, _partial_=False)
    assert [("_partial_: true" in one) for one in found] == ([] if "logger" in path else [True])


def test_what_is_given_by_the_code_is_not_given_again() -> None:
    [found] = problems(CSVLogger, "logger.csv", save_dir="x")
    assert found == "`logger.csv.save_dir`: unmask gives it to CSVLogger itself; leave it out."


def test_a_logger_whose_package_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "find_spec", lambda _: None)
    node = {"_target_": "lightning.pytorch.loggers.TensorBoardLogger", "_partial_": True}
    [found] = target_problems(node, "logger.tensorboard")
    assert "needs tensorboard, which is not installed: pip install 'unmask[loggers]'" in found
