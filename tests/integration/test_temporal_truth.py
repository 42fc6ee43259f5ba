"""What each head can see, on people that neither training nor any choice has seen."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from unmask.data.store import FaceStore
from unmask.demo.temporal import make_temporal_truth

SCRIPT = Path(__file__).parents[2] / "experiments/2026-11-temporal-truth/run.py"


def load_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("temporal_truth_run", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


truth = load_script()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> FaceStore:
    return make_temporal_truth(tmp_path_factory.mktemp("truth") / "store", truth.SETTINGS)


def chance_error(num_clips: int) -> float:
    """Return the standard error of an AUC of 0.5 from so many clips of each class.

    Of the Mann-Whitney statistic without ties: sqrt((m + n + 1) / (12 m n)).
    """
    return float(np.sqrt((2 * num_clips + 1) / (12 * num_clips**2)))


def test_chance_stays_in_its_interval_with_so_many_clips() -> None:
    # Two clips of a person are not independent: one clip each is the least that is known.
    assert chance_error(truth.SETTINGS.num_test) < 0.1 / 2
    assert chance_error(truth.SETTINGS.num_test * 2) < 0.1 / 3


@pytest.mark.slow
@pytest.mark.parametrize("head", truth.HEADS)
def test_heads_see_what_they_can_see(head: str, store: FaceStore, tmp_path: Path) -> None:
    aucs = truth.measure(head, store, tmp_path)
    assert aucs["spatial"] >= 0.95
    assert aucs["both"] >= 0.95
    assert aucs["compression"] == pytest.approx(0.5, abs=0.1)
    if head in truth.SEES_TIME:
        assert aucs["temporal"] >= 0.95
    else:
        assert head in truth.SEES_NO_TIME
        assert aucs["temporal"] == pytest.approx(0.5, abs=0.1)
