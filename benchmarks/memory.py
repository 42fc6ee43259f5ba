"""How much memory does one training step take, with and without gradient checkpointing?

    python benchmarks/memory.py --model resnext50_lstm --frames 30 --batch-size 4

Each case runs in a process of its own: one step of AdamW in float32 on random tensors. On a GPU
the peak of the device's allocator is printed, on a CPU by how much the process grew at its largest.
"""

import argparse
import json
import resource
import subprocess
import sys

import torch
from hydra import compose, initialize_config_dir
from torch import nn

from unmask.config.build import build
from unmask.config.location import conf_dir
from unmask.config.schema import TrainConfig
from unmask.config.validate import typed

CASES = {"plain": "false", "grad_checkpointing": "true"}


def one_step(options: argparse.Namespace) -> float:
    """Return the peak memory of one step in GiB."""
    overrides = [
        f"model={options.model}", "model.backbone.pretrained=false",
        f"model.backbone.grad_checkpointing={CASES[options.case]}",
    ]  # fmt: skip
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        config: TrainConfig = typed("train", compose("train", overrides=overrides))
    device = "cuda" if torch.cuda.is_available() else "cpu"
    detector = build(config.model).to(device)
    side = detector.image_size
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    frames = torch.randint(
        0, 256, (options.batch_size, options.frames, 3, side, side), dtype=torch.uint8
    ).to(device)
    is_frame = torch.ones(frames.shape[:2], dtype=torch.bool, device=device)
    labels = torch.arange(options.batch_size, device=device) % 2
    optimizer = torch.optim.AdamW(detector.parameters(), lr=1e-4)
    with torch.autocast(device, torch.bfloat16, enabled=options.mixed):
        loss = nn.functional.cross_entropy(detector(frames, is_frame), labels)
    loss.backward()
    optimizer.step()
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20 - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="resnext50_lstm")
    parser.add_argument("--frames", type=int, default=30)
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--mixed", action="store_true", help="bfloat16 where it is safe")
    parser.add_argument("--case", choices=CASES, help="only this one, in this process")
    options = parser.parse_args()
    if options.case:
        print(round(one_step(options), 2))
        return
    peaks = {}
    for case in CASES:
        done = subprocess.run(
            [sys.executable, __file__, *sys.argv[1:], "--case", case],
            stdout=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
        peaks[case] = float(done.stdout) if done.returncode == 0 else f"exit {done.returncode}"
    print(json.dumps(vars(options) | {"peak_GiB": peaks}, indent=2))


if __name__ == "__main__":
    main()
