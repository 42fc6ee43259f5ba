"""unmask: train, compare and honestly measure detectors of manipulated faces."""

from importlib.metadata import version

__version__ = version("unmask")
