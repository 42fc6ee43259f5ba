"""How many clips per second does each augmentation change, beside reading the crops?

    python benchmarks/augment.py --clips 40 --repeats 5

One process and one thread, as a loader's worker. Every augmentation of conf/ takes the same clips
and seeds, in turn, repeated; a figure is the median over the repeats, in time of the processor,
which other load on the machine lengthens less than the time of the clock. `read` is what a worker
does anyway: decoding the clip's crops from JPEG in the system's cache. The ratio is the time of
reading and augmenting over that of reading alone, as a loader feels it.
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
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from torch import nn
from torchvision.transforms import v2

from unmask.config.build import build
from unmask.config.location import conf_dir
from unmask.core.cores import available_cores
from unmask.data.colours import ColourJitter, ShiftHSV
from unmask.data.dataset import read_crop
from unmask.data.transforms import (
    BorderedAffine,
    JPEGCompression,
    KernelBlur,
    SensorNoise,
    augment_with_seed,
)
from unmask.demo.clip import face_clip

NUM_PEOPLE = 4
JITTER = {"brightness": 0.35, "contrast": 0.35, "saturation": 0.35}
# What torchvision has for each of ours that replaces it, always applied, as ours beside it.
PEERS: dict[str, tuple[nn.Module, nn.Module]] = {
    "affine": (
        BorderedAffine(20, scale=(0.8, 1.2), shear=10),
        v2.RandomAffine(
            20, scale=(0.8, 1.2), shear=10, interpolation=v2.InterpolationMode.BILINEAR
        ),
    ),
    "colour": (ColourJitter(**JITTER), v2.ColorJitter(**JITTER)),
    "hue": (ShiftHSV(hue_degrees=40, saturation=0, value=0), v2.ColorJitter(hue=0.11)),
    "blur": (KernelBlur([7]), v2.GaussianBlur(7, 1.4)),
    "jpeg": (JPEGCompression([60, 60]), v2.JPEG(60)),
    "noise": (SensorNoise([0.05, 0.05]), v2.GaussianNoise(sigma=0.05)),
}


def augmentation_nodes() -> dict[str, Any]:
    nodes = {}
    for path in sorted((conf_dir() / "data/augmentation").glob("*.yaml")):
        with initialize_config_dir(str(conf_dir()), version_base="1.3"):
            config = compose("index", overrides=[f"data/augmentation={path.stem}"])
        nodes[path.stem] = OmegaConf.to_container(config.data.augmentation, resolve=True)
    return nodes


def write_crops(folder: Path, *, num_frames: int, size: int) -> list[list[Path]]:
    clips = []
    for person in range(NUM_PEOPLE):
        paths = []
        for number, image in enumerate(face_clip(person, num_frames=num_frames, size=size)):
            paths.append(folder / f"{person}_{number}.jpg")
            bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
            cv2.imwrite(str(paths[-1]), bgr, [cv2.IMWRITE_JPEG_QUALITY, 95])
        clips.append(paths)
    return clips


def milliseconds(work: Callable[[int], object], count: int) -> float:
    """Return the mean processor time of one call."""
    start = time.process_time()
    for number in range(count):
        work(number)
    return 1000 * (time.process_time() - start) / count


def measure(arguments: argparse.Namespace, folder: Path) -> dict[str, dict[str, float]]:
    paths = write_crops(folder, num_frames=arguments.frames, size=arguments.size)
    clips = [
        torch.stack(
            [torch.from_numpy(read_crop(path, arguments.size)).permute(2, 0, 1) for path in clip]
        ).contiguous()
        for clip in paths
    ]

    def read(number: int) -> object:
        return [read_crop(path, arguments.size) for path in paths[number % NUM_PEOPLE]]

    works: dict[str, Callable[[int], object]] = {"read": read}
    for name, node in augmentation_nodes().items():
        augmentation = build(node)
        works[name] = lambda number, augmentation=augmentation: augment_with_seed(
            augmentation, clips[number % NUM_PEOPLE], number
        )
        for part, transform in build(node["transforms"]).items() if arguments.parts else ():
            works[f"{name}.{part}"] = lambda number, transform=transform: augment_with_seed(
                transform, clips[number % NUM_PEOPLE], number
            )
    for name, pair in PEERS.items() if arguments.parts else ():
        for maker, transform in zip(("ours", "torchvision"), pair, strict=True):
            works[f"{name} by {maker}"] = lambda number, transform=transform: augment_with_seed(
                transform, clips[number % NUM_PEOPLE], number
            )
    times: dict[str, list[float]] = {name: [] for name in works}
    for work in works.values():
        milliseconds(work, 4)
    for _ in range(arguments.repeats):
        for name, work in works.items():
            times[name].append(milliseconds(work, arguments.clips))
    medians = {name: statistics.median(values) for name, values in times.items()}
    return {
        name: {
            "ms_per_clip": round(median, 2),
            "lowest": round(min(times[name]), 2),
            "highest": round(max(times[name]), 2),
            "clips_per_second": round(1000 / median, 1),
            "reading_and_this_over_reading": round(
                (medians["read"] + (median if name != "read" else 0)) / medians["read"], 2
            ),
        }
        for name, median in medians.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=40, help="per repeat")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--frames", type=int, default=10, help="of a clip")
    parser.add_argument("--size", type=int, default=224, help="side of a frame in pixels")
    parser.add_argument(
        "--parts", action="store_true", help="each transform, and torchvision's, too"
    )
    arguments = parser.parse_args()
    # Of torchvision's JPEG, which is deprecated.
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    print(f"{available_cores()} cores, load {os.getloadavg()[0]:.1f} at the start", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, figures in measure(arguments, Path(folder)).items():
            print(f"{name:24}", json.dumps(figures), flush=True)
    print(f"load {os.getloadavg()[0]:.1f} at the end")


if __name__ == "__main__":
    main()
