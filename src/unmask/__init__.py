"""unmask: train, compare and honestly measure detectors of manipulated faces."""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unmask.verdict.predictor import load_detector as load_detector

__version__ = version("unmask")
__all__ = ["__version__", "load_detector"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a module's attribute
    """Import what needs torch only when it is asked for."""
    if name == "load_detector":
        return import_module("unmask.verdict.predictor").load_detector
    raise AttributeError(f"module 'unmask' has no attribute {name!r}")
