"""How fast is `unmask prepare`, beside the naive pipeline and beside the limit?

    python benchmarks/prepare.py --clips 4 --repeats 3

For each size of clip, in turn and as often as asked for, on the same files:

* unmask: all of `prepare` as configured by default (detection, crops, verification, tables), with
  a worker per core. Only importing the libraries, once per call, is left out.
* naive: what the pipelines of student systems do: read every frame with OpenCV, keep the wanted
  ones, one call of facenet-pytorch's MTCNN per frame at full size with its defaults, and a second
  one on each crop. It uses the threads that its libraries choose.
* limit: in the same workers, decode the wanted frames and run the networks of the detector and of
  the verifier on exactly the tensors that they see in `prepare`, and nothing else.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import facenet_pytorch
import numpy as np
import pandas as pd
import torch
from clips import make_clip
from PIL import Image

from unmask.data.manifest import read_table
from unmask.faces.boxes import iou
from unmask.faces.extract import FaceExtractor
from unmask.faces.mtcnn import cascade
from unmask.pipelines.prepare import prepare
from unmask.pipelines.workers import available_cores, run_in_workers
from unmask.video.reader import PyAVReader
from unmask.video.sampling import UniformSampling

SIZES = {"640x480": (640, 480), "1920x1080": (1920, 1080)}


def videos_table(paths: list[Path], root: Path) -> pd.DataFrame:
    rows = [
        {
            "video_id": f"clips/{path.stem}", "dataset": "clips",
            "path": path.relative_to(root).as_posix(), "kind": "video", "label": 0,
            "method": "real", "compression": "", "group": path.stem, "identities": [],
            "original": "", "split": "",
        }
        for path in paths
    ]  # fmt: skip
    return pd.DataFrame(rows)


def wanted(path: Path, num_frames: int) -> tuple[Any, list[int]]:
    timeline = PyAVReader().timeline(path)
    return timeline, UniformSampling(num_frames)(timeline.pts, timeline.time_base)


# --- unmask


def run_unmask(paths: list[Path], root: Path, num_frames: int) -> tuple[float, pd.DataFrame]:
    extractor = FaceExtractor(sampling=UniformSampling(num_frames))
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        prepare(videos_table(paths, root), root=root, store_dir=Path(folder), extractor=extractor)
        seconds = time.perf_counter() - start
        return seconds, read_table(Path(folder) / "faces.parquet", "faces")


def start_server(root: Path) -> None:
    """Let the server of workers import everything; it lives as long as this process."""
    make_clip(root / "first.mp4", seed=0, width=320, height=240, seconds=1, gop=30)
    run_unmask([root / "first.mp4"], root, 1)


# --- naive


def run_naive(paths: list[Path], num_frames: int) -> tuple[dict[str, float], dict[str, Any]]:
    network = facenet_pytorch.MTCNN(keep_all=True)
    seconds = {"read": 0.0, "detect": 0.0, "verify": 0.0}
    boxes = {}
    for path in paths:
        _, indices = wanted(path, num_frames)
        start = time.perf_counter()
        frames, capture = [], cv2.VideoCapture(str(path))
        while True:
            is_read, frame = capture.read()
            if not is_read:
                break
            frames.append(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB))
        chosen = {index: frames[index] for index in indices}
        del frames
        seconds["read"] += time.perf_counter() - start
        for index, frame in chosen.items():
            start = time.perf_counter()
            found, probs = network.detect(Image.fromarray(frame))
            seconds["detect"] += time.perf_counter() - start
            start = time.perf_counter()
            kept = []
            for box, prob in zip([] if found is None else found, probs, strict=False):
                x1, y1, x2, y2 = (max(int(value), 0) for value in box)
                crop = Image.fromarray(frame[y1:y2, x1:x2]).resize((224, 224))
                if prob >= 0.9 and network.detect(crop)[0] is not None:
                    kept.append(box)
            boxes[f"clips/{path.stem}", index] = np.reshape(kept, (-1, 4))
            seconds["verify"] += time.perf_counter() - start
    return seconds, boxes


# --- limit


def record_passes(path: Path, num_frames: int, folder: Path) -> None:
    """Save every tensor that a network of the cascade sees while one video is prepared."""
    passes: list[tuple[int, torch.Tensor]] = []
    hooks = [
        network.register_forward_pre_hook(
            lambda _, inputs, which=which: passes.append((which, inputs[0].clone()))
        )
        for which, network in enumerate(cascade("cpu"))
    ]
    FaceExtractor(sampling=UniformSampling(num_frames)).extract(path, "video")
    for hook in hooks:
        hook.remove()
    torch.save(passes, folder / f"{path.stem}.pt")


def decode_and_run(num_frames: int, folder: Path, path: Path) -> float:
    """Return the seconds of one video, without loading the recorded tensors."""
    passes = torch.load(folder / f"{path.stem}.pt", weights_only=True)
    networks = cascade("cpu")
    start = time.perf_counter()
    timeline, indices = wanted(path, num_frames)
    for _ in PyAVReader().read(path, timeline, indices):
        pass
    with torch.inference_mode():
        for which, pixels in passes:
            networks[which](pixels.contiguous(memory_format=torch.channels_last))
    return time.perf_counter() - start


def in_workers(function: Callable[[Path], float], paths: list[Path]) -> float:
    """Return the seconds that the videos take when every core has a worker."""
    cores = available_cores()
    outcomes = dict(run_in_workers(function, paths, num_workers=cores, time_limit_seconds=600))
    return sum(outcomes.values()) / cores


# --- all together


def same_faces(faces: pd.DataFrame, naive: dict[Any, Any], smallest: float) -> dict[str, float]:
    """Match the faces of the naive pipeline with ours, largest overlap of each."""
    ours = {
        key: rows[["box_x1", "box_y1", "box_x2", "box_y2"]].to_numpy()
        for key, rows in faces.groupby(["video_id", "frame_index"])
    }
    overlaps, num_small = [], 0
    for key, boxes in naive.items():
        for box in boxes:
            if max(box[2] - box[0], box[3] - box[1]) < smallest:
                num_small += 1
                continue
            others = ours.get(key, np.zeros((0, 4)))
            overlaps.append(float(iou(box[None], others).max(initial=0)))
    return {
        "faces": len(overlaps),
        "iou_at_least_0.8": float(np.mean(np.array(overlaps) >= 0.8)),
        "mean_iou": float(np.mean(overlaps)),
        "small_not_looked_for": num_small,
        "ours": len(faces),
    }


def benchmark(name: str, arguments: argparse.Namespace, root: Path) -> dict[str, Any]:
    width, height = SIZES[name]
    paths = [root / f"{name}_{arguments.seconds}s_gop{arguments.gop}_{seed}.mp4"
             for seed in range(arguments.clips)]  # fmt: skip
    for seed, path in enumerate(paths):
        make_clip(
            path, seed=seed, width=width, height=height, seconds=arguments.seconds,
            gop=arguments.gop,
        )  # fmt: skip
    count, times = (
        len(paths),
        {"unmask": [], "naive": [], "naive_without_verifier": [], "limit": []},
    )
    faces, naive_boxes = pd.DataFrame(), {}
    with tempfile.TemporaryDirectory() as folder:
        for path in paths:
            record_passes(path, arguments.frames, Path(folder))
        limit = partial(decode_and_run, arguments.frames, Path(folder))
        for _ in range(arguments.repeats):
            seconds, faces = run_unmask(paths, root, arguments.frames)
            times["unmask"].append(seconds / count)
            times["limit"].append(in_workers(limit, paths) / count)
            parts, naive_boxes = run_naive(paths, arguments.frames)
            times["naive"].append(sum(parts.values()) / count)
            times["naive_without_verifier"].append((parts["read"] + parts["detect"]) / count)
    medians = {what: statistics.median(values) for what, values in times.items()}
    return {
        "clip": f"{name}, {arguments.seconds} s, GOP {arguments.gop}, {arguments.frames} frames",
        "seconds_per_video": medians,
        "videos_per_second": {what: 1 / value for what, value in medians.items()},
        "all_seconds_per_video": times,
        "naive_over_unmask": medians["naive"] / medians["unmask"],
        "naive_without_verifier_over_unmask": medians["naive_without_verifier"] / medians["unmask"],
        "unmask_over_limit": medians["unmask"] / medians["limit"],
        "same_faces": same_faces(faces, naive_boxes, max(width, height) * 60 / 640),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--clips", type=int, default=4)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--gop", type=int, default=250)
    parser.add_argument("--frames", type=int, default=30)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--root", type=Path, default=Path("data/benchmark"))
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    print(f"{available_cores()} cores, load {os.getloadavg()[0]:.1f} at the start", flush=True)
    start_server(arguments.root)
    for name in arguments.sizes:
        print(json.dumps(benchmark(name, arguments, arguments.root), indent=2), flush=True)
    print(f"load {os.getloadavg()[0]:.1f} at the end")


if __name__ == "__main__":
    main()
