"""How fast are training and scoring, beside a plain loop and beside the network alone?

    python benchmarks/train.py --models effb0_lstm resnext50_lstm swin_mean --frames 10 20 30

For each model and number of frames, in turn and as often as asked for, in one process:

* unmask: the training loop of `unmask train` (Lightning, loader with workers, mixed precision on a
  GPU) and its scoring, on JPEG crops of synthetic people. The first steps are not counted.
* plain: a loop as system A describes its own: PIL reads crop after crop in the main process,
  float32 throughout, no workers.
* limit: the same steps of the same network on uint8 tensors that are on the device already.

On a GPU the peak memory of a training step is given, too. Without one, small sizes such as
`--frames 4 --image-size 96 --steps 4` end in minutes; figures then say nothing about a GPU.
"""

import argparse
import json
import logging
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import lightning as L  # noqa: N812 - the library's own convention
import numpy as np
import pandas as pd
import torch
from clips import make_clip
from hydra import compose, initialize_config_dir
from lightning.pytorch.callbacks import Callback
from loader import multiply
from PIL import Image
from prepare import videos_table
from torch import Tensor, nn

from unmask.config.build import build
from unmask.config.location import conf_dir
from unmask.config.schema import TrainConfig
from unmask.config.validate import typed
from unmask.core.cores import available_cores
from unmask.data.batch import ClipBatch
from unmask.data.dataset import ClipLayout
from unmask.data.samplers import NaturalSampling
from unmask.data.store import FaceStore
from unmask.faces.extract import FaceExtractor
from unmask.prepare.preparation import Preparation
from unmask.prepare.run import prepare
from unmask.training.callbacks.speed import ChannelsLast
from unmask.training.datamodule import ClipDataModule, TrainingSet
from unmask.training.task import DetectionTask, ScoringTask
from unmask.training.trainer_settings import settled
from unmask.video.sampling import UniformSampling

WARM_UP = 3
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def wait() -> None:
    if DEVICE == "cuda":
        torch.cuda.synchronize()


class Clock(Callback):
    """Times the batches after the first few."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def _note(self) -> None:
        wait()
        self.times.append(time.perf_counter())

    def on_train_batch_end(self, *_: object) -> None:
        self._note()

    def on_predict_batch_end(self, *_: object) -> None:
        self._note()

    def per_second(self, frames_per_batch: int) -> float:
        steps = len(self.times) - WARM_UP
        return steps * frames_per_batch / (self.times[-1] - self.times[WARM_UP - 1])


# --- what is compared


class Case:
    """One model at one number of frames."""

    def __init__(
        self, model: str, frames: int, store: FaceStore, options: argparse.Namespace
    ) -> None:
        self.frames, self.store, self.options = frames, store, options
        overrides = [
            f"model={model}", f"model.backbone.image_size={options.image_size}",
            "model.backbone.pretrained=false", *options.override,
        ]  # fmt: skip
        with initialize_config_dir(str(conf_dir()), version_base="1.3"):
            self.config: TrainConfig = typed("train", compose("train", overrides=overrides))
        self.frames_per_batch = options.batch_size * frames

    def detector(self) -> Any:  # noqa: ANN401 - whatever the configuration names
        torch.manual_seed(0)
        return build(self.config.model)

    def data(self) -> ClipDataModule:
        return ClipDataModule(
            [TrainingSet(self.store)],
            layout=ClipLayout(self.frames, num_clips=1, max_tracks=None),
            image_size=self.options.image_size,
            sampling=NaturalSampling(),
            batch_size=self.options.batch_size,
            num_workers=self.options.workers,
            seed=0,
            allow_leak=True,
        )

    def trainer(self, clock: Clock, folder: Path) -> L.Trainer:
        speed = [ChannelsLast()] if self.options.channels_last else []
        trainer = build(settled(self.config.trainer | {"precision": self.options.precision}))(
            default_root_dir=folder, callbacks=[clock, *speed], logger=False, max_epochs=1,
            deterministic=False, enable_progress_bar=False,
        )  # fmt: skip
        trainer.limit_train_batches = trainer.limit_predict_batches = self.options.steps + WARM_UP
        trainer.limit_val_batches = 0
        return trainer

    # unmask

    def train(self, folder: Path) -> float:
        clock = Clock()
        task = DetectionTask(
            self.detector(), loss=nn.CrossEntropyLoss(), make_scheduler=None, provenance={},
            make_optimizer=build(self.config.optimizer),
        )  # fmt: skip
        self.trainer(clock, folder).fit(task, self.data())
        return clock.per_second(self.frames_per_batch)

    def score(self, folder: Path) -> float:
        clock = Clock()
        loader = self.data().val_dataloader()
        self.trainer(clock, folder).predict(
            ScoringTask(self.detector()), loader, return_predictions=False
        )
        return clock.per_second(self.frames_per_batch)

    # the network alone, and a plain loop around it

    def loop(self, batches: Iterator[ClipBatch], *, mixed: bool, trains: bool) -> float:
        detector = self.detector().to(DEVICE).train(trains)
        if self.options.channels_last and mixed:
            detector.backbone.to(memory_format=torch.channels_last)
        optimizer = torch.optim.AdamW(detector.parameters(), lr=1e-4)
        mixed = mixed and DEVICE == "cuda"
        scaler = torch.amp.GradScaler(DEVICE, enabled=mixed and trains)
        times = []
        for _ in range(self.options.steps + WARM_UP):
            batch = next(batches)
            context: AbstractContextManager[object] = (
                torch.autocast(DEVICE, torch.float16) if mixed else nullcontext()
            )
            frames, is_frame, labels = (part.to(DEVICE) for part in batch[:3])
            with context, torch.set_grad_enabled(trains):
                loss = nn.functional.cross_entropy(detector(frames, is_frame), labels)
            if trains:
                optimizer.zero_grad()
                scaler.scale(loss).backward()
                scaler.unscale_(optimizer)
                nn.utils.clip_grad_norm_(detector.parameters(), 1.0)
                scaler.step(optimizer)
                scaler.update()
            wait()
            times.append(time.perf_counter())
        seconds = times[-1] - times[WARM_UP - 1]
        return self.options.steps * self.frames_per_batch / seconds

    def same_batch(self) -> Iterator[ClipBatch]:
        side, batch = self.options.image_size, self.options.batch_size
        frames = torch.randint(
            0, 256, (batch, self.frames, 3, side, side), dtype=torch.uint8, device=DEVICE
        )
        is_frame = torch.ones(batch, self.frames, dtype=torch.bool, device=DEVICE)
        labels = torch.arange(batch, device=DEVICE) % 2
        while True:
            yield ClipBatch(frames, is_frame, labels, labels)

    def plain_batches(self) -> Iterator[ClipBatch]:
        paths = self.data().train_clips.clips["crop_paths"].tolist()
        clips = [paths[index % len(paths)] for index in range(10**6)]
        for start in range(0, len(clips), self.options.batch_size):
            chosen = clips[start : start + self.options.batch_size]
            frames = torch.stack([torch.stack([self.plain_read(p) for p in c]) for c in chosen])
            is_frame = torch.ones(frames.shape[:2], dtype=torch.bool)
            labels = torch.arange(len(chosen)) % 2
            yield ClipBatch(frames, is_frame, labels, labels)

    def plain_read(self, crop_path: str) -> Tensor:
        side = self.options.image_size
        image = Image.open(self.store.folder / crop_path).convert("RGB").resize((side, side))
        return torch.from_numpy(np.array(image)).permute(2, 0, 1)


def make_store(folder: Path, clips: int, frames: int) -> FaceStore:
    """Prepare one video of synthetic people and copy its crops until there are enough of them."""
    video = folder / "clip.mp4"
    make_clip(video, seed=0, width=640, height=480, seconds=4, gop=30)
    extractor = FaceExtractor(sampling=UniformSampling(frames))
    table = videos_table([video], folder)
    prepare(table, Preparation(extractor), root=folder, store_dir=folder / "s")
    store = multiply(folder / "s", clips * frames)
    # Twice the same videos: a split to train on and, real and fake, one to score.
    videos = store.videos.assign(split="train", label=0, video_id="a")
    rows = [
        videos.assign(video_id=f"{split}{label}", split=split, label=label, group=f"{split}{label}")
        for split in ("train", "val")
        for label in (0, 1)
    ]
    faces = pd.concat(
        [store.faces.assign(video_id=row["video_id"].iloc[0]) for row in rows], ignore_index=True
    )
    return FaceStore(store.folder, pd.concat(rows, ignore_index=True), faces, store.failures, "")


def measure(case: Case, folder: Path) -> dict[str, Any]:
    works: dict[str, Callable[[], float]] = {
        "train": lambda: case.train(folder),
        "train, limit": lambda: case.loop(case.same_batch(), mixed=True, trains=True),
        "train, plain": lambda: case.loop(case.plain_batches(), mixed=False, trains=True),
        "score": lambda: case.score(folder),
        "score, limit": lambda: case.loop(case.same_batch(), mixed=True, trains=False),
    }
    speeds: dict[str, list[float]] = {name: [] for name in works}
    peak = None
    for _ in range(case.options.repeats):
        for name, work in works.items():
            if DEVICE == "cuda":
                torch.cuda.empty_cache()
                torch.cuda.reset_peak_memory_stats()
            speeds[name].append(work())
            if name == "train" and DEVICE == "cuda":
                peak = torch.cuda.max_memory_allocated() / 2**30
    medians = {name: statistics.median(values) for name, values in speeds.items()}
    return {
        "frames_per_second": {name: round(value, 1) for name, value in medians.items()},
        "train / limit": round(medians["train"] / medians["train, limit"], 3),
        "train / plain": round(medians["train"] / medians["train, plain"], 2),
        "score / limit": round(medians["score"] / medians["score, limit"], 3),
        "peak_GiB_of_the_device": None if peak is None else round(peak, 2),
        "all": {name: [round(v, 1) for v in values] for name, values in speeds.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--models", nargs="+", default=["effb0_lstm", "resnext50_lstm", "swin_mean"]
    )
    parser.add_argument("--frames", nargs="+", type=int, default=[10, 20, 30])
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--workers", type=int, default=available_cores())
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument(
        "--override", nargs="*", default=[],
        help="of the configuration, e.g. model.backbone.grad_checkpointing=true",
    )  # fmt: skip
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    name = torch.cuda.get_device_name() if DEVICE == "cuda" else f"CPU, {available_cores()} cores"
    print(f"{name}; {vars(options)}", flush=True)
    for frames in options.frames:
        with tempfile.TemporaryDirectory() as folder:
            clips = options.batch_size * (options.steps + WARM_UP)
            store = make_store(Path(folder), clips, frames)
            for model in options.models:
                case = Case(model, frames, store, options)
                result = {"model": model, "frames": frames, **measure(case, Path(folder))}
                print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
