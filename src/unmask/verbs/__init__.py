"""One function for each verb: a typed section in, a result out; no Hydra, no printing.

    from unmask import compose, verbs

    run = verbs.train(compose("train", ["experiment=demo"]), Path("outputs/mine"))

Each function is imported when it is asked for, so that listing models does not wait for PyTorch.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from unmask.verbs.audit import audit as audit
    from unmask.verbs.describe import describe as describe
    from unmask.verbs.doctor import doctor as doctor
    from unmask.verbs.ensemble import ensemble as ensemble
    from unmask.verbs.evaluate import evaluate as evaluate
    from unmask.verbs.index import index as index
    from unmask.verbs.models import models as models
    from unmask.verbs.predict import predict as predict
    from unmask.verbs.prepare import prepare as prepare
    from unmask.verbs.report import report as report
    from unmask.verbs.train import train as train
    from unmask.verbs.verify import verify as verify

VERBS: Final = (
    "audit", "describe", "doctor", "ensemble", "evaluate", "index", "models", "predict", "prepare",
    "report", "train", "verify",
)  # fmt: skip
__all__ = [*VERBS]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a module's attribute
    """Import a verb's function from the module of its name."""
    if name not in VERBS:
        raise AttributeError(f"module 'unmask.verbs' has no attribute {name!r}")
    import_module(f"unmask.verbs.{name}")
    return globals()[name]


class _Verbs(ModuleType):
    """Keeps a verb's function where the import system would put the module of its name."""

    def __setattr__(self, name: str, value: object) -> None:
        is_verb = isinstance(value, ModuleType) and name in VERBS
        super().__setattr__(name, getattr(value, name) if is_verb else value)


sys.modules[__name__].__class__ = _Verbs
