"""Every loss, optimiser and schedule of conf/ trains, and schedules follow their curves."""

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from hydra import compose, initialize_config_dir
from torch import Tensor, nn
from torch.utils.data import DataLoader

from unmask.config.build import build
from unmask.config.location import conf_dir
from unmask.config.schema import TrainConfig
from unmask.config.validate import typed
from unmask.core.errors import ConfigError
from unmask.data.batch import Clip, collate_clips
from unmask.data.dataset import ClipLayout
from unmask.data.samplers import NaturalSampling
from unmask.models.losses import make_binary_cross_entropy, make_cross_entropy, make_focal
from unmask.training.checkpoint import Provenance
from unmask.training.datamodule import ClipDataModule, TrainingSet
from unmask.training.fit import Recipe, build_seeded, train
from unmask.training.optim import make_warmup_cosine
from unmask.training.task import DetectionTask
from unmask.verbs.objects import make_recipe

TINY = [
    "data=folder", "data.root=.", "data/augmentation=none", "model=plain_cnn_mean",
    "model.backbone.filters=[4,8]", "model.backbone.image_size=32", "trainer.accelerator=cpu",
    "trainer.enable_progress_bar=false", "callbacks=[checkpoint,learning_rate]", "logger=[csv]",
]  # fmt: skip


def files_of(group: str) -> list[str]:
    return sorted(path.stem for path in (conf_dir() / group).glob("*.yaml"))


def config_of(*overrides: str) -> TrainConfig:
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        config: TrainConfig = typed("train", compose("train", overrides=[*TINY, *overrides]))
    return config


def run(make_store: Any, run_dir: Path, *overrides: str, resume: Path | None = None) -> Any:
    """Train on two steps per epoch and return the table of what was logged."""
    config = config_of(*overrides)
    store = make_store(videos_per_class={"train": 4, "val": 2})
    detector = build_seeded(lambda: build(config.model), 0)
    data = ClipDataModule(
        [TrainingSet(store)],
        layout=ClipLayout(num_frames=2),
        image_size=32,
        sampling=NaturalSampling(),
        batch_size=4,
        num_workers=0,
        seed=0,
    )
    before = {name: value.clone() for name, value in detector.state_dict().items()}
    provenance = Provenance(config.model, "toy", store.manifest_hash, seed=0)
    train(
        detector, data, make_recipe(config), provenance=provenance, run_dir=run_dir,
        config={}, resume=resume,
    )  # fmt: skip
    moved = [
        name
        for name, value in detector.named_parameters()
        if not torch.equal(value.detach().cpu(), before[name])
    ]
    assert len(moved) == len(list(detector.parameters())), "every parameter was trained"
    return pd.read_csv(run_dir / "metrics.csv")


def rates_of(curves: pd.DataFrame) -> list[float]:
    (column,) = [name for name in curves.columns if name.startswith("lr-")]
    rates: list[float] = curves[column].dropna().tolist()
    return rates


CASES = [(group, name) for group in ("loss", "optimizer", "scheduler") for name in files_of(group)]


@pytest.mark.one_in(3)
@pytest.mark.parametrize(("group", "name"), CASES)
def test_every_recipe_trains_two_steps(
    make_store: Any, tmp_path: Path, group: str, name: str
) -> None:
    epochs = 3 if name == "warmup_cosine" else 1
    curves = run(make_store, tmp_path / "run", f"{group}={name}", f"trainer.max_epochs={epochs}")
    for metric in ("train/loss", "val/loss"):
        assert curves[metric].dropna().map(math.isfinite).all()
        assert curves[metric].notna().sum() == epochs


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", files_of("optimizer"))
def test_a_fused_optimizer_trains_alike(make_store: Any, tmp_path: Path, name: str) -> None:
    losses = []
    for fused in ("null", "true"):
        words = (f"optimizer={name}", f"optimizer.fused={fused}", "trainer.max_epochs=2")
        curves = run(make_store, tmp_path / fused, *words)
        losses.append(curves["val/loss"].dropna().tolist())
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def cosine(epoch: int, epochs: int) -> float:
    return (1 + math.cos(math.pi * epoch / epochs)) / 2


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    ("words", "curve"),
    [
        (["scheduler=constant"], [1.0] * 5),
        (["scheduler=step", "scheduler.step_size=2"], [1, 1, 0.5, 0.5, 0.25]),
        (["scheduler=cosine"], [cosine(epoch, 5) for epoch in range(5)]),
        (["scheduler=warmup_cosine"], [0.1, 0.55, *(cosine(epoch, 3) for epoch in range(3))]),
        (
            ["scheduler=warmup_cosine", "scheduler.warmup_epochs=4", "scheduler.start_factor=0.2"],
            [0.2, 0.4, 0.6, 0.8, 1.0],
        ),
    ],
)
def test_the_learning_rate_follows_the_known_curve(
    make_store: Any, tmp_path: Path, words: list[str], curve: list[float]
) -> None:
    curves = run(make_store, tmp_path / "run", *words, "trainer.max_epochs=5", "optimizer.lr=0.001")
    assert rates_of(curves) == pytest.approx([0.001 * share for share in curve])


@pytest.mark.parametrize(("mode", "watched"), [("min", "val/loss"), ("max", "val/video_auc")])
def test_plateau_lowers_the_rate_where_its_metric_stays(
    make_store: Any, tmp_path: Path, mode: str, watched: str
) -> None:
    """With a threshold that nothing can pass, no epoch after the first is an improvement."""
    curves = run(
        make_store, tmp_path / "run", "scheduler=plateau", f"scheduler.mode={mode}",
        "+scheduler.threshold=5", "+scheduler.threshold_mode=abs", "scheduler.patience=1",
        "trainer.max_epochs=6", "optimizer.lr=0.001",
    )  # fmt: skip
    assert curves[watched].notna().sum() == 6
    # The first epoch sets the mark; each second one after it lowers the rate for the next.
    assert rates_of(curves) == pytest.approx([1e-3, 1e-3, 1e-3, 1e-4, 1e-4, 1e-5])


@pytest.mark.parametrize(("mode", "watched"), [("min", "val/loss"), ("max", "val/video_auc")])
def test_plateau_watches_the_metric_that_its_mode_fits(mode: str, watched: str) -> None:
    task = DetectionTask(
        nn.Linear(2, 2),  # type: ignore[arg-type]
        loss=nn.CrossEntropyLoss(),
        make_optimizer=torch.optim.SGD,
        make_scheduler=lambda optimizer: torch.optim.lr_scheduler.ReduceLROnPlateau(
            optimizer, mode=mode  # type: ignore[arg-type]
        ),
        provenance={},
    )  # fmt: skip
    assert task.configure_optimizers()["lr_scheduler"]["monitor"] == watched


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", ["warmup_cosine", "cosine", "plateau"])
def test_a_resumed_schedule_goes_on_where_it_was(
    make_store: Any, tmp_path: Path, name: str
) -> None:
    words = [f"scheduler={name}", "trainer.max_epochs=4", "optimizer.lr=0.001"]
    length = {"warmup_cosine": "epochs", "cosine": "T_max"}
    stop = [f"scheduler.{length[name]}=4"] if name in length else []
    whole = run(make_store, tmp_path / "whole", *words)
    run(make_store, tmp_path / "half", *words, "trainer.max_epochs=3", *stop)
    last = tmp_path / "half/checkpoints/last.ckpt"
    rest = run(make_store, tmp_path / "rest", *words, resume=last)
    assert rates_of(rest)[-1] == pytest.approx(rates_of(whole)[-1])
    pd.testing.assert_series_equal(
        rest["val/loss"].dropna().tail(1).reset_index(drop=True),
        whole["val/loss"].dropna().tail(1).reset_index(drop=True),
    )


@pytest.mark.parametrize("warmup_epochs", [0, 5, 7])
def test_a_warm_up_without_room_is_refused(warmup_epochs: int) -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))])
    with pytest.raises(ConfigError, match=rf"warmup_epochs={warmup_epochs} .* 5 epochs"):
        make_warmup_cosine(optimizer, epochs=5, warmup_epochs=warmup_epochs)


class PixelMeans(nn.Module):
    """A detector without batch statistics: linear on the mean colour of a clip."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2))

    def forward(self, frames: Tensor, is_frame: Tensor) -> Tensor:  # noqa: ARG002 - a detector's signature
        means = frames.float().mean(dim=(1, 3, 4)) / 255
        logits: Tensor = self.layers(means)
        return logits


def twelve_clips(batch_size: int) -> DataLoader[Clip]:
    random = torch.Generator().manual_seed(0)
    frames = torch.randint(0, 256, (12, 2, 3, 8, 8), generator=random, dtype=torch.uint8)
    labels = torch.randint(0, 2, (12,), generator=random).tolist()
    clips: Any = [Clip(frames[row], labels[row], row) for row in range(12)]
    return DataLoader(clips, batch_size=batch_size, collate_fn=collate_clips)


@pytest.mark.one_in(3)
@pytest.mark.filterwarnings("ignore:You defined a `validation_step`")
@pytest.mark.parametrize("make_loss", [make_cross_entropy, make_focal, make_binary_cross_entropy])
@pytest.mark.parametrize("num_batches", [2, 3, 6])
def test_accumulated_batches_are_one_large_batch(
    tmp_path: Path, num_batches: int, make_loss: Any
) -> None:
    """Two steps of six clips; of batch normalisation this would not be true."""
    config = config_of(f"trainer.accumulate_grad_batches={num_batches}", "optimizer=sgd",
                       "optimizer.lr=0.5")  # fmt: skip
    recipe: Recipe = make_recipe(config)
    weights = []
    for accumulated in (1, num_batches):
        torch.manual_seed(0)
        task = DetectionTask(
            PixelMeans(),  # type: ignore[arg-type]
            loss=make_loss(torch.ones(2)),
            make_optimizer=recipe.make_optimizer,
            make_scheduler=None,
            provenance={},
        )
        start = torch.cat([value.detach().flatten() for value in task.parameters()])
        trainer = recipe.make_trainer(
            default_root_dir=tmp_path / str(accumulated), callbacks=[], logger=False, max_epochs=1,
            accumulate_grad_batches=accumulated,
        )  # fmt: skip
        trainer.fit(task, twelve_clips(6 // accumulated))
        assert trainer.global_step == 2
        weights.append(torch.cat([value.detach().flatten() for value in task.parameters()]))
        assert not torch.equal(weights[-1], start)
    torch.testing.assert_close(weights[0], weights[1], rtol=1e-5, atol=1e-7)
