"""How fast is `unmask prepare`, beside the naive pipeline and beside the limit?

    python benchmarks/prepare.py --clips 2 --copies 3 --repeats 3

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
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import cv2
import facenet_pytorch
import numpy as np
import pandas as pd
import torch
from clips import make_clip
from PIL import Image

from unmask.core.cores import available_cores
from unmask.data.manifest import read_table
from unmask.faces.boxes import iou
from unmask.faces.extract import FaceExtractor
from unmask.faces.mtcnn import cascade
from unmask.prepare.preparation import Preparation
from unmask.prepare.run import prepare
from unmask.prepare.workers import run_in_workers
from unmask.video.reader import PyAVReader
from unmask.video.sampling import UniformSampling

SIZES = {"640x480": (640, 480), "1920x1080": (1920, 1080)}


def videos_table(paths: list[Path], root: Path, copies: int = 1) -> pd.DataFrame:
    """List files as videos, each several times under its own id."""
    rows = [
        {
            "video_id": f"clips/{copy}/{path.stem}", "dataset": "clips",
            "path": path.relative_to(root).as_posix(), "kind": "video", "label": 0,
            "method": "real", "compression": "", "group": path.stem, "identities": [],
            "original": "", "split": "",
        }
        for path in paths
        for copy in range(copies)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def wanted(path: Path, num_frames: int) -> tuple[Any, list[int]]:
    timeline = PyAVReader().timeline(path)
    return timeline, UniformSampling(num_frames)(timeline.pts, timeline.time_base)


def cpu_seconds() -> float:
    """Return what this process and the workers that ended have used of all cores, in seconds.

    It depends less on what else the machine does than the time on the clock.
    """
    server = forkserver._forkserver._forkserver_pid  # noqa: SLF001 - there is no other way to ask
    fields = Path(f"/proc/{server}/stat").read_text().rsplit(")", 1)[1].split() if server else []
    of_children = sum(int(field) for field in fields[13:15]) / os.sysconf("SC_CLK_TCK")
    return time.process_time() + of_children


# --- unmask


def run_unmask(
    paths: list[Path], root: Path, num_frames: int, copies: int
) -> tuple[float, float, pd.DataFrame]:
    """Return the seconds on the clock, those of all cores together, and the faces."""
    extractor = FaceExtractor(sampling=UniformSampling(num_frames))
    with tempfile.TemporaryDirectory() as folder:
        start, cpu_start = time.perf_counter(), cpu_seconds()
        videos = videos_table(paths, root, copies)
        prepare(videos, Preparation(extractor), root=root, store_dir=Path(folder))
        seconds, cpu = time.perf_counter() - start, cpu_seconds() - cpu_start
        return seconds, cpu, read_table(Path(folder) / "faces.parquet", "faces")


def start_server(root: Path) -> None:
    """Let the server of workers import everything; it lives as long as this process."""
    make_clip(root / "first.mp4", seed=0, width=320, height=240, seconds=1, gop=30)
    run_unmask([root / "first.mp4"], root, 1, 1)


# --- naive


def run_naive(paths: list[Path], num_frames: int) -> tuple[dict[str, float], float, dict[Any, Any]]:
    network = facenet_pytorch.MTCNN(keep_all=True)
    seconds = {"read": 0.0, "detect": 0.0, "verify": 0.0}
    cpu_start = time.process_time()
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
            boxes[f"clips/0/{path.stem}", index] = np.array(kept, np.float64).reshape(-1, 4)
            seconds["verify"] += time.perf_counter() - start
    return seconds, time.process_time() - cpu_start, boxes


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


def decode_and_run(num_frames: int, folder: Path, path: Path) -> tuple[float, float]:
    """Return the seconds of one video, on the clock and of its core, without loading tensors."""
    passes = torch.load(folder / f"{path.stem}.pt", weights_only=True)
    networks = cascade("cpu")
    start, cpu_start = time.perf_counter(), time.process_time()
    timeline, indices = wanted(path, num_frames)
    for _ in PyAVReader().read(path, timeline, indices):
        pass
    with torch.inference_mode():
        for which, pixels in passes:
            networks[which](pixels.contiguous(memory_format=torch.channels_last))
    return time.perf_counter() - start, time.process_time() - cpu_start


def in_workers(
    function: Callable[[Path], tuple[float, float]], paths: list[Path]
) -> tuple[float, float]:
    """Return the seconds that the videos take when every core has a worker, and of all cores."""
    cores = available_cores()
    outcomes = run_in_workers(function, paths, num_workers=cores, time_limit_seconds=600)
    seconds = [found for _, found in outcomes if isinstance(found, tuple)]
    assert len(seconds) == len(paths)
    return sum(clock for clock, _ in seconds) / cores, sum(cpu for _, cpu in seconds)


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
        "ours": sum(len(ours.get(key, ())) for key in naive),
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
    times: dict[str, list[float]] = {}

    def note(what: str, seconds: float, count: int) -> None:
        times.setdefault(what, []).append(seconds / count)

    count = len(paths) * arguments.copies
    with tempfile.TemporaryDirectory() as folder:
        for path in paths:
            record_passes(path, arguments.frames, Path(folder))
        limit = partial(decode_and_run, arguments.frames, Path(folder))
        for repeat in range(arguments.repeats):
            clock, cpu, faces = run_unmask(paths, root, arguments.frames, arguments.copies)
            note("unmask", clock, count)
            note("unmask, all cores", cpu, count)
            clock, cpu = in_workers(limit, paths * arguments.copies)
            note("limit", clock, count)
            note("limit, all cores", cpu, count)
            if repeat < arguments.naive_repeats:
                parts, cpu, naive_boxes = run_naive(paths, arguments.frames)
                note("naive", sum(parts.values()), len(paths))
                note("naive, all cores", cpu, len(paths))
                note("naive without verifier", parts["read"] + parts["detect"], len(paths))
    medians = {what: statistics.median(values) for what, values in times.items()}
    ratios = {
        f"{one} / {other}": round(medians[one] / medians[other], 2)
        for one, other in (
            ("naive", "unmask"),
            ("naive without verifier", "unmask"),
            ("naive, all cores", "unmask, all cores"),
            ("unmask", "limit"),
            ("unmask, all cores", "limit, all cores"),
        )
    }
    return {
        "clip": f"{name}, {arguments.seconds} s, GOP {arguments.gop}, {arguments.frames} frames",
        "seconds_per_video": {what: round(value, 2) for what, value in medians.items()},
        "videos_per_second": round(1 / medians["unmask"], 3),
        "ratios": ratios,
        "same_faces": same_faces(faces, naive_boxes, max(width, height) * 60 / 640),
        "all_seconds_per_video": {
            what: [round(value, 2) for value in values] for what, values in times.items()
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--clips", type=int, default=2)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--gop", type=int, default=250)
    parser.add_argument("--frames", type=int, default=30)
    parser.add_argument("--copies", type=int, default=3, help="of each clip; once for naive")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--naive-repeats", type=int, default=3)
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
