"""How fast are crops read, as JPEG and as PNG, and does the loader wait for the disk?

    python benchmarks/loader.py --crops 2000 --repeats 3

Crops are those that `prepare` writes of synthetic people. For each format: reading the bytes alone
from a disk whose cache was emptied of them, decoding alone from memory, `read_crop` in one process,
and the data loader of a training run with a worker per core. The loader does not wait for the disk
where reading the bytes takes a small share of the time that decoding takes.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from clips import make_clip
from prepare import videos_table
from torch.utils.data import DataLoader

from unmask.core.cores import available_cores
from unmask.core.files import write_bytes
from unmask.data.batch import Clip
from unmask.data.dataset import ClipLayout, FaceClips, read_crop
from unmask.data.store import FaceStore
from unmask.faces.extract import FaceExtractor
from unmask.prepare.preparation import ImageFormat, Preparation
from unmask.prepare.run import prepare
from unmask.training.datamodule import make_loader
from unmask.video.sampling import UniformSampling

IMAGE_SIZE = 224
CLIP_FRAMES = 20


def forget(paths: list[Path]) -> None:
    """Drop files from the system's cache, so that they come from the disk."""
    os.sync()
    for path in paths:
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def per_second(count: int, work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return count / (time.perf_counter() - start)


def read_all(paths: list[Path]) -> list[bytes]:
    return [path.read_bytes() for path in paths]


def decode_all(contents: list[bytes]) -> None:
    for content in contents:
        cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB)


def start_loader(clips: FaceClips) -> DataLoader[Clip]:
    """Return a loader whose workers have started, as they have from a run's second epoch on."""
    loader = make_loader(clips, batch_size=4, num_workers=available_cores())
    load_all(loader)
    return loader


def load_all(loader: DataLoader[Clip]) -> None:
    for _ in loader:
        pass


def multiply(store_dir: Path, count: int) -> FaceStore:
    """Copy a store's crops until there are enough of them."""
    store = FaceStore.open(store_dir)
    repeats = -(-count // len(store.faces))
    faces = []
    for repeat in range(repeats):
        copied = store.faces.assign(
            crop_path=store.faces["crop_path"].str.replace("crops/", f"crops/{repeat}/", n=1),
            track_id=repeat,
        )
        for old, new in zip(store.faces["crop_path"], copied["crop_path"], strict=True):
            write_bytes(store_dir / new, (store_dir / old).read_bytes())
        faces.append(copied)
    return FaceStore(
        store_dir, store.videos.assign(split="train"), pd.concat(faces), store.failures, ""
    )


def measure(
    image_format: ImageFormat, arguments: argparse.Namespace, folder: Path
) -> dict[str, Any]:
    clip = arguments.root / "loader.mp4"
    make_clip(clip, seed=0, width=640, height=480, seconds=4, gop=250)
    prepare(
        videos_table([clip], arguments.root),
        Preparation(FaceExtractor(sampling=UniformSampling(100)), image_format),
        root=arguments.root,
        store_dir=folder,
    )
    store = multiply(folder, arguments.crops)
    paths = [folder / path for path in store.faces["crop_path"]]
    clips = FaceClips(
        store,
        "train",
        layout=ClipLayout(CLIP_FRAMES, num_clips=5, max_tracks=None),
        image_size=IMAGE_SIZE,
    )
    loaded = int(clips.clips["num_frames"].sum())
    contents = read_all(paths)
    loader = start_loader(clips)
    steps: dict[str, tuple[int, bool, Callable[[], object]]] = {
        "bytes_from_disk": (len(paths), True, lambda: read_all(paths)),
        "bytes_from_cache": (len(paths), False, lambda: read_all(paths)),
        "decode_from_memory": (len(paths), False, lambda: decode_all(contents)),
        "read_crop_from_disk": (
            len(paths), True, lambda: [read_crop(path, IMAGE_SIZE) for path in paths],
        ),
        "read_crop_from_cache": (
            len(paths), False, lambda: [read_crop(path, IMAGE_SIZE) for path in paths],
        ),
        "loader_from_disk": (loaded, True, lambda: load_all(loader)),
        "loader_from_cache": (loaded, False, lambda: load_all(loader)),
    }  # fmt: skip
    speeds: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(arguments.repeats):
        for name, (count, is_cold, work) in steps.items():
            if is_cold:
                forget(paths)
            speeds[name].append(per_second(count, work))
    medians = {name: round(statistics.median(values)) for name, values in speeds.items()}
    kilobytes = sum(map(len, contents)) / len(contents) / 1000
    return {
        "format": image_format,
        "kilobytes_per_crop": round(kilobytes, 1),
        "crops_per_second": medians,
        "megabytes_per_second_that_the_loader_reads": round(
            medians["loader_from_disk"] * kilobytes / 1000, 1
        ),
        "megabytes_per_second_of_the_disk": round(medians["bytes_from_disk"] * kilobytes / 1000, 1),
        "share_of_read_crop_that_waits_for_the_disk": round(
            medians["read_crop_from_disk"] / medians["bytes_from_disk"], 3
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--crops", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--root", type=Path, default=Path("data/benchmark"))
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    # A worker of the loader uses one thread, too.
    cv2.setNumThreads(1)
    print(f"{available_cores()} cores, load {os.getloadavg()[0]:.1f} at the start", flush=True)
    for image_format in ("jpeg", "png"):
        # Below the root, which lies on a disk; a system's temporary folder may lie in memory.
        with tempfile.TemporaryDirectory(dir=arguments.root) as folder:
            result = measure(image_format, arguments, Path(folder))
        print(json.dumps(result, indent=2), flush=True)
    print(f"load {os.getloadavg()[0]:.1f} at the end")


if __name__ == "__main__":
    main()
