"""Runs made by hand, as the overview compares them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from unmask.evaluation.predictions import empty_unscored
from unmask.report.compare.variants import ComparedRun
from unmask.report.measure import measure, measured_videos
from unmask.report.protocol import Protocol

PROTOCOL = Protocol(num_resamples=20)


@pytest.fixture(scope="session")
def make_run() -> Callable[..., ComparedRun]:
    """Return a maker of runs trained on "home"."""
    return compared_run


def clips(dataset: str, split: str, groups: Sequence[int], gap: float, seed: int) -> pd.DataFrame:
    """Return a real and a fake video of each group."""
    random = np.random.default_rng([seed, len(dataset), len(split)])
    rows = [
        {
            "dataset": dataset, "video_id": f"{dataset}/{split}{group}_{label}", "track_id": 0,
            "clip_index": 0, "label": label, "method": ("youtube", "swap")[label],
            "group": f"{split}{group}", "split": split, "num_frames": 4, "example_crop": "",
            "score": float(np.clip(0.4 + gap * label + random.normal(0, 0.2), 0, 1)),
        }
        for group in groups
        for label in (0, 1)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def compared_run(
    model: str,
    *,
    seed: int | None = 1,
    gap: float = 0.3,
    targets: Mapping[str, Sequence[int]] | None = None,
    folder: str = "",
    shared_groups: int = 0,
    unscored: pd.DataFrame | None = None,
    curves: pd.DataFrame | None = None,
    recipe: dict[str, str] | None = None,
    **facts: Any,
) -> ComparedRun:
    """Return a run that was trained on "home" and tested on groups of each target."""
    tested = {"home": range(8), "away": range(8)} if targets is None else targets
    home = clips("home", "val", range(6), gap, seed or 0)
    parts = [clips(target, "test", groups, gap, seed or 0) for target, groups in tested.items()]
    table = pd.concat([home, *parts], ignore_index=True)
    for group in range(shared_groups):
        is_one = (table["dataset"] == "home") & (table["group"] == f"val{group}")
        table.loc[is_one, "group"] = f"test{group}"
    missing = empty_unscored() if unscored is None else unscored
    metrics = measure(
        table, missing, source_datasets=["home"], threshold_split="val", protocol=PROTOCOL
    )
    name = f"{model}_s{seed}"
    known = {"model": model, "data": "home", "seed": seed, "val_video_auc": 0.9, **facts}
    return ComparedRun(
        name=name,
        link=f"{folder}{name}/report.html",
        facts={key: value for key, value in known.items() if value is not None},
        metrics=metrics,
        videos=measured_videos(table, missing, PROTOCOL),
        curves=pd.DataFrame() if curves is None else curves,
        recipe=recipe,
    )
