"""Train one small detector per head on the four families and measure what each can see.

    python experiments/2026-11-temporal-truth/run.py [--heads lstm mean] [--split val] [--seed 0]

Prints a table of ROC AUCs over videos. Settings were chosen with ``--split val``; the test people
are for the figures in the README beside this file.
"""

import argparse
from functools import partial
from pathlib import Path
from typing import Any

import lightning as L  # noqa: N812 - the library's own convention
import pandas as pd
import torch
from rich.console import Console

from unmask.config.build import build
from unmask.data.dataset import ClipLayout, FaceClips
from unmask.data.samplers import NaturalSampling
from unmask.data.store import FaceStore
from unmask.demo.temporal import TemporalTruth, make_temporal_truth
from unmask.evaluation.metrics import roc_auc
from unmask.evaluation.uncertainty import cluster_bootstrap_interval, weighted_auc
from unmask.models.losses import make_weighted_cross_entropy
from unmask.training.callbacks.checkpointing import BestCheckpoint
from unmask.training.checkpoint import Provenance, read_detector
from unmask.training.datamodule import ClipDataModule, TrainingSet
from unmask.training.fit import Recipe, TrainSummary, build_seeded, train
from unmask.training.scoring import score_clips
from unmask.training.task import ScoringTask

SETTINGS = TemporalTruth()
FAMILIES = ("spatial", "temporal", "both", "compression")
SEES_TIME = ("lstm", "gru", "transformer")
SEES_NO_TIME = ("mean", "max", "attention")

_HEADS = "unmask.models.heads"
HEADS: dict[str, dict[str, Any]] = {
    "mean": {"_target_": f"{_HEADS}.pooling.MeanHead"},
    "max": {"_target_": f"{_HEADS}.pooling.MaxHead"},
    "attention": {"_target_": f"{_HEADS}.attention.AttentionHead", "hidden_size": 32},
    "lstm": {"_target_": f"{_HEADS}.recurrent.LSTMHead", "hidden_size": 64},
    "gru": {"_target_": f"{_HEADS}.recurrent.GRUHead", "hidden_size": 64},
    "transformer": {"_target_": f"{_HEADS}.transformer.TransformerHead", "width": 64},
}  # fmt: skip
NUM_EPOCHS = {"lstm": 16, "gru": 16, "transformer": 16}
LEARNING_RATES = {"transformer": 1e-3}
BATCH_SIZE = 16
TRAINER: dict[str, Any] = {
    "accelerator": "cpu", "devices": 1, "precision": "32-true", "deterministic": "warn",
    "enable_progress_bar": False, "enable_model_summary": False,
}  # fmt: skip


def model_of(head: str) -> dict[str, Any]:
    """Return a small network as a checkpoint holds it: a CNN with 32 features, and the head."""
    return {
        "_target_": "unmask.models.detector.Detector",
        "backbone": {
            "_target_": "unmask.models.plain_cnn.PlainCNN",
            "filters": [8, 16, 32, 32],
            "image_size": SETTINGS.image_px,
            "dropout": 0.0,
        },
        "head": HEADS[head] | {"_partial_": True, "dropout": 0.0, "spatial_norm": True},
    }


def fit(head: str, store: FaceStore, run_dir: Path, *, seed: int, epochs: int) -> TrainSummary:
    """Train a head; the validation people choose the epoch."""
    model = model_of(head)
    # Twice as fast on a CPU, with the same sums.
    detector = build_seeded(partial(build, model), seed).to(memory_format=torch.channels_last)
    data = ClipDataModule(
        [TrainingSet(store)],
        layout=ClipLayout(num_frames=SETTINGS.num_frames),
        image_size=SETTINGS.image_px,
        sampling=NaturalSampling(),
        batch_size=BATCH_SIZE,
        num_workers=0,
        seed=seed,
    )
    recipe = Recipe(
        make_loss=make_weighted_cross_entropy,
        make_optimizer=partial(torch.optim.AdamW, lr=LEARNING_RATES.get(head, 3e-3)),
        make_scheduler=partial(torch.optim.lr_scheduler.CosineAnnealingLR, T_max=epochs),
        make_trainer=partial(
            L.Trainer,
            **TRAINER,
            max_epochs=epochs,
            num_sanity_val_steps=0,
            log_every_n_steps=1,
            gradient_clip_val=1.0,
        ),
        # Not the AUC: blind to time, a head reaches its ceiling at once and never rises again.
        callbacks=[BestCheckpoint(monitor="val/loss", mode="min")],
        make_loggers=[],
        seed=seed,
    )
    provenance = Provenance(model, store.dataset, store.manifest_hash, seed)
    return train(detector, data, recipe, provenance=provenance, run_dir=run_dir, config={})


def score(checkpoint: Path, store: FaceStore, split: str, run_dir: Path) -> pd.DataFrame:
    """Score every clip of a split, with its compression beside it."""
    clips = FaceClips(
        store,
        split,
        layout=ClipLayout(num_frames=SETTINGS.num_frames),
        image_size=SETTINGS.image_px,
    )
    trainer = L.Trainer(**TRAINER, default_root_dir=run_dir, logger=False)
    task = ScoringTask(read_detector(checkpoint))
    table = score_clips(task, clips, trainer=trainer, batch_size=64, num_workers=0).predictions
    return table.merge(store.videos[["video_id", "compression"]], on="video_id")


def family(table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the clips of one family: its positives and the real clips they are told from."""
    reals = table[table["method"] == "real"]
    if name != "compression":
        return pd.concat([reals, table[table["method"] == name]])
    worse = f"q{SETTINGS.qualities[1]}"
    return reals.assign(label=(reals["compression"] == worse).astype(int))


def auc_of(table: pd.DataFrame, name: str) -> float:
    """Return the ROC AUC over one family's videos; every video is one clip."""
    chosen = family(table, name)
    return roc_auc(chosen["label"].to_numpy(), chosen["score"].to_numpy())


def measure(
    head: str, store: FaceStore, out: Path, *, seed: int = 0, split: str = "test",
    epochs: int | None = None,
) -> dict[str, float]:  # fmt: skip
    """Train a head and return its AUC on every family of a split."""
    run_dir = out / f"{head}_s{seed}"
    summary = fit(head, store, run_dir, seed=seed, epochs=epochs or NUM_EPOCHS.get(head, 8))
    table = score(summary.best_checkpoint, store, split, run_dir)
    table.to_parquet(run_dir / f"{split}.parquet")
    return {name: auc_of(table, name) for name in FAMILIES}


def interval_of(table: pd.DataFrame, name: str) -> str:
    """Return the 95 % interval from resampled people, as text."""
    ends = cluster_bootstrap_interval(family(table, name), weighted_auc)
    return f"[{ends.low:.3f}, {ends.high:.3f}]"


def main() -> None:
    """Run the heads asked for and print a row of the table for each."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--heads", nargs="+", choices=list(HEADS), default=list(HEADS))
    parser.add_argument("--split", choices=["val", "test"], default="test")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--out", type=Path, default=Path("outputs/temporal-truth"))
    args = parser.parse_args()
    store = make_temporal_truth(args.out / "store", SETTINGS)
    show = partial(Console().print, markup=False, highlight=False, soft_wrap=True)
    show(f"| head | {' | '.join(FAMILIES)} |", f"|---|{'---|' * len(FAMILIES)}", sep="\n")
    for head in args.heads:
        aucs = measure(head, store, args.out, seed=args.seed, split=args.split, epochs=args.epochs)
        table = pd.read_parquet(args.out / f"{head}_s{args.seed}" / f"{args.split}.parquet")
        cells = [f"{aucs[name]:.3f} {interval_of(table, name)}" for name in FAMILIES]
        show(f"| {head} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
