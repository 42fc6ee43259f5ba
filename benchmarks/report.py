"""How long does the report of many predictions take, and how much memory?

    python benchmarks/report.py --clips 1000000

Clips of `--videos` videos of `--groups` people are made up, written as a finished run, and reported
by `unmask.report.write.report_runs`, as `unmask report` does: all metrics, intervals from 1,000
resamples, pictures, and the overview of the one run.
The work runs in a process of its own, whose peak of resident memory counts the libraries too. The
time counts reading the tables to the last page written, and not the start of Python. Ends with exit
code 1 where a limit is missed.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from unmask.core.files import write_json
from unmask.evaluation.predictions import empty_unscored, write_predictions, write_unscored
from unmask.report.write import report_runs

LIMIT_SECONDS, LIMIT_GIB = 20.0, 2.0


def make_predictions(*, num_clips: int, num_videos: int, num_groups: int) -> pd.DataFrame:
    """Return scores without ties: a fifth of the videos real, half of them validation."""
    generator = np.random.default_rng(0)
    video = np.sort(np.arange(num_clips) % num_videos)
    group = np.arange(num_videos) % num_groups
    is_val = group < num_groups // 2
    method = np.arange(num_videos) // num_groups % 5
    label = (method > 0).astype(int)
    shift = generator.normal(0, 0.5, num_groups)[group] + generator.normal(0, 0.5, num_videos)
    logits = (label * 1.5 - 0.75 + shift)[video] + generator.normal(0, 1, num_clips)
    names = np.array(["youtube", "Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures"])
    of_video = pd.DataFrame(
        {
            "dataset": "big",
            "video_id": [f"big/{names[one]}/{index}" for index, one in enumerate(method)],
            "label": label,
            "method": names[method],
            "group": np.char.add("person", group.astype(str)),
            "split": np.where(is_val, "val", "test"),
        }
    )
    clips = of_video.iloc[video].reset_index(drop=True)
    first_of_video = np.searchsorted(video, np.arange(num_videos))
    return clips.assign(
        track_id=0,
        clip_index=np.arange(num_clips) - first_of_video[video],
        score=1 / (1 + np.exp(-logits)),
        num_frames=16,
        example_crop="",
    )


def write_run(run_dir: Path, predictions: pd.DataFrame) -> None:
    write_predictions(run_dir / "predictions.parquet", predictions)
    write_unscored(run_dir / "unscored.parquet", empty_unscored())
    write_json(run_dir / "run.json", {"name": "big", "source_dataset": "big"})


def measure(run_dir: Path) -> dict[str, float]:
    """Report a run and write its overview here and now, and say what that took of this process."""
    start = time.perf_counter()
    report_runs([run_dir], out_dir=run_dir)
    seconds = time.perf_counter() - start
    # Linux counts in KiB.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {"seconds": round(seconds, 2), "peak_gib": round(peak, 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=1_000_000)
    parser.add_argument("--videos", type=int, default=50_000)
    parser.add_argument("--groups", type=int, default=5_000)
    parser.add_argument("--run", type=Path, help="report this run in this process and print")
    arguments = parser.parse_args()
    if arguments.run:
        print(json.dumps(measure(arguments.run)))
        return
    with tempfile.TemporaryDirectory() as folder:
        run_dir = Path(folder)
        write_run(
            run_dir,
            make_predictions(
                num_clips=arguments.clips,
                num_videos=arguments.videos,
                num_groups=arguments.groups,
            ),
        )
        command = [sys.executable, __file__, "--run", str(run_dir)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout)
    sizes = {name: getattr(arguments, name) for name in ("clips", "videos", "groups")}
    print(json.dumps({**sizes, **found, "limits": [LIMIT_SECONDS, LIMIT_GIB]}))
    if found["seconds"] > LIMIT_SECONDS or found["peak_gib"] > LIMIT_GIB:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
