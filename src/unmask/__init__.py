"""unmask: train, compare and honestly measure detectors of manipulated faces."""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unmask.config.compose import compose as compose
    from unmask.verdict.predictor import load_detector as load_detector

__version__ = version("unmask")
__all__ = ["__version__", "compose", "load_detector"]

_PUBLIC = {"compose": "unmask.config.compose", "load_detector": "unmask.verdict.predictor"}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a module's attribute
    """Import what takes long only when it is asked for."""
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'unmask' has no attribute {name!r}")
