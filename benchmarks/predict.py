"""What does a verdict cost?

    python benchmarks/predict.py               # 10 s of 1080p, 30 frames: one model and three
    python benchmarks/predict.py --hour        # an hour of 270p, one frame per second: memory

The clip is a synthetic person at 1920x1080 (H.264, crf 23). The models are `effb0_lstm`,
`xception_mean` and `resnext50_lstm` with random weights, which cost what trained ones do. Each case
runs in a process of its own, so that its peak of memory is its own. Before the clock starts, the
libraries are imported and the models opened. The share of each stage is what the evidence reports.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from clips import FRAMES_PER_SECOND, make_clip
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from unmask.config.build import build_untrained
from unmask.config.location import conf_dir
from unmask.config.validate import typed
from unmask.verbs.objects import recipe_settings
from unmask.verdict.predictor import Predictor
from unmask.video.reader import PyAVReader
from unmask.video.sampling import RateSampling
from unmask.video.writer import write_video

MODELS = ("effb0_lstm", "xception_mean", "resnext50_lstm")
NUM_FRAMES = 30
# Of the whole process above its size before the first frame, for an hour at one frame per second.
HOUR_BOUND_MIB = 512


def save_model(path: Path, model: str) -> None:
    """Write an untrained model as a run would; nothing if it is there."""
    if path.exists():
        return
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        node = compose("train", overrides=[f"model={model}", "hydra.mode=RUN"])
    config = typed("train", OmegaConf.masked_copy(node, [k for k in node if k != "hydra"]))
    detector = build_untrained(config.model)
    state = {f"detector.{name}": tensor for name, tensor in detector.state_dict().items()}
    facts = {"format": 1, "model": config.model, "dataset": "none", "seed": 0,
             "recipe": recipe_settings(config)}  # fmt: skip
    torch.save({"unmask": facts, "state_dict": state}, path)


def make_hour(path: Path, clip: Path) -> None:
    """Repeat a clip to an hour at 10 frames per second."""
    if path.exists():
        return
    reader = PyAVReader()
    timeline = reader.timeline(clip)
    frames = [frame.image for frame in reader.read(clip, timeline, range(len(timeline.pts)))]
    length = 3600 * 10
    write_video(path, (frames[n % len(frames)] for n in range(length)), fps=10, preset="ultrafast")


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(clip: Path, models: list[Path], *, rate: bool) -> dict[str, Any]:
    """Ask once; the body of a process of its own."""
    sampling = RateSampling(1.0) if rate else None
    predictor = Predictor(models, sampling=sampling, device="cpu")
    before, start = peak_mib(), time.perf_counter()
    evidence = predictor.predict(clip, num_frames=None if rate else NUM_FRAMES)
    seconds = time.perf_counter() - start
    return {
        "seconds": seconds,
        "before_mib": before,
        "peak_mib": peak_mib(),
        "parts": dict(evidence.seconds),
        "frames": len(evidence.frames),
        "faces": sum(len(track.faces) for track in evidence.tracks),
        "scores": [vote.score for track in evidence.tracks[:1] for vote in track.votes],
    }


def ask(clip: Path, models: list[Path], *, rate: bool = False) -> dict[str, Any]:
    command = [sys.executable, __file__, "--child", str(clip), *map(str, models)]
    done = subprocess.run(
        [*command, *(["--rate"] if rate else [])], check=True, capture_output=True, text=True
    )
    content: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return content


def show(name: str, found: dict[str, Any]) -> None:
    parts = found["parts"]
    shares = ", ".join(
        f"{part} {seconds:.2f} s ({100 * seconds / found['seconds']:.0f} %)"
        for part, seconds in parts.items()
    )
    print(
        f"{name}: {found['seconds']:.2f} s, peak {found['peak_mib']:.0f} MiB "
        f"(+{found['peak_mib'] - found['before_mib']:.0f}), {found['frames']} frames, "
        f"{found['faces']} faces: {shares}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "unmask-bench")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--hour", action="store_true")
    parser.add_argument("--child", nargs="+", type=Path)
    parser.add_argument("--rate", action="store_true")
    flags = parser.parse_args()
    if flags.child:
        print(json.dumps(measure(flags.child[0], flags.child[1:], rate=flags.rate)))
        return
    flags.folder.mkdir(parents=True, exist_ok=True)
    models = [flags.folder / f"{name}.ckpt" for name in MODELS]
    for path, name in zip(models, MODELS, strict=True):
        save_model(path, name)
    if flags.hour:
        small = flags.folder / "small.mp4"
        make_clip(small, seed=1, width=480, height=270, seconds=10, gop=FRAMES_PER_SECOND)
        make_hour(flags.folder / "hour.mp4", small)
        found = ask(flags.folder / "hour.mp4", models[:1], rate=True)
        show("an hour at 1 frame per second, one model", found)
        grown = found["peak_mib"] - found["before_mib"]
        print(f"grown by {grown:.0f} MiB (bound: {HOUR_BOUND_MIB} MiB)")
        raise SystemExit(grown > HOUR_BOUND_MIB)
    clip = flags.folder / "clip1080.mp4"
    make_clip(clip, seed=1, width=1920, height=1080, seconds=10, gop=250)
    for repeat in range(flags.repeats):
        one, three = ask(clip, models[:1]), ask(clip, models)
        show(f"{repeat + 1}: one model", one)
        show(f"{repeat + 1}: three models", three)
        assert one["scores"][0] == three["scores"][0], "an ensemble must not change its members"


if __name__ == "__main__":
    main()
