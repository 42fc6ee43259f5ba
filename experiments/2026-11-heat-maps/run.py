"""Train small detectors on an artefact whose place is known, and measure their heat maps.

    python experiments/2026-11-heat-maps/run.py [--detectors cnn_mean cnn_lstm vit_mean] [--seed 0]
        [--picture docs/images/explain.png]

Prints a row of the table for each detector and way to explain. The people are invented, and
none who is measured was trained on.
"""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from rich.console import Console
from torch import Tensor, nn

from unmask.demo.clip import PlantedClip, planted_clip
from unmask.evaluation.metrics import roc_auc
from unmask.explain.clip import HeatMaps
from unmask.explain.grad_cam import grad_cam
from unmask.explain.occlusion import occlusion
from unmask.explain.overlay import colour_scale, overlay
from unmask.explain.quality import deletion, insertion, pointing, randomisation_check
from unmask.explain.rollout import attention_rollout
from unmask.models.backbone import TimmBackbone
from unmask.models.detector import Detector, fake_scores
from unmask.models.heads.pooling import MeanHead
from unmask.models.heads.recurrent import LSTMHead
from unmask.models.plain_cnn import PlainCNN

SIZE, NUM_FRAMES = 96, 4
NUM_TRAIN, NUM_TEST = 160, 24
FIRST_TEST_SEED = 10_000
BATCH_SIZE = 16

Explainer = Callable[[Detector, Tensor, Tensor], HeatMaps]
Clips = list[PlantedClip]


def cnn() -> PlainCNN:
    """Return a backbone whose last feature map has 12 x 12 cells."""
    return PlainCNN((16, 32, 64, 64), image_size=SIZE, dropout=0.0)


DETECTORS: dict[str, tuple[Callable[[], Detector], int, float]] = {
    "cnn_mean": (lambda: Detector(cnn(), MeanHead), 12, 2e-3),
    "cnn_lstm": (lambda: Detector(cnn(), partial(LSTMHead, hidden_size=64)), 12, 2e-3),
    "vit_mean": (
        lambda: Detector(
            TimmBackbone("test_vit", image_size=SIZE, pretrained=False), MeanHead
        ),
        60, 1e-3,
    ),
}  # fmt: skip
"""How to build each, epochs, learning rate."""


def batch(clips: Clips) -> tuple[Tensor, Tensor]:
    """Return frames of all real and all forged clips, and their labels."""
    images = np.stack([clip.real for clip in clips] + [clip.forged for clip in clips])
    labels = torch.tensor([0] * len(clips) + [1] * len(clips))
    return torch.from_numpy(images).permute(0, 1, 4, 2, 3).contiguous(), labels


def fit(name: str, clips: Clips, *, seed: int) -> Detector:
    """Train a detector from nothing."""
    build, epochs, learning_rate = DETECTORS[name]
    torch.manual_seed(seed)
    detector = build().train()
    optimizer = torch.optim.AdamW(detector.parameters(), lr=learning_rate)
    frames, labels = batch(clips)
    is_frame = torch.ones(BATCH_SIZE, NUM_FRAMES, dtype=torch.bool)
    num_steps = epochs * (len(labels) // BATCH_SIZE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, num_steps)
    for _ in range(epochs):
        order = torch.randperm(len(labels))
        for some in order.split(BATCH_SIZE):
            if len(some) < BATCH_SIZE:
                continue
            loss = nn.functional.cross_entropy(detector(frames[some], is_frame), labels[some])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return detector.eval()


@torch.no_grad()
def scores_of(detector: Detector, frames: Tensor) -> np.ndarray:
    """Return the scores of clips."""
    is_frame = torch.ones(1, frames.shape[1], dtype=torch.bool)
    scores = [float(fake_scores(detector(clip[None], is_frame))) for clip in frames]
    return np.array(scores)


def centred(_detector: Detector, frames: Tensor, _is_frame: Tensor) -> HeatMaps:
    """Return what somebody would draw who knows where faces are and nothing else."""
    axis = torch.linspace(-1, 1, SIZE)
    hill = torch.exp(-(axis[:, None] ** 2 + axis[None] ** 2) / (2 * 0.4**2))
    return HeatMaps(hill.repeat(frames.shape[1], 1, 1).numpy(), 1.0, "")


def random_hills(_detector: Detector, frames: Tensor, _is_frame: Tensor) -> HeatMaps:
    """Return smooth noise, another one for each clip."""
    generator = torch.Generator().manual_seed(int(frames.long().sum()))
    cells = torch.rand(frames.shape[1], 1, 12, 12, generator=generator)
    wide = nn.functional.interpolate(cells, size=SIZE, mode="bilinear")[:, 0]
    return HeatMaps(wide.numpy(), 1.0, "")


def ways_of(name: str) -> dict[str, Explainer]:
    """Return the ways to explain a detector, and what they must beat."""
    ways: dict[str, Explainer] = {
        "Grad-CAM": grad_cam,
        "occlusion": partial(occlusion, patch_fraction=0.2),
    }
    if name.startswith("vit"):
        ways["rollout"] = attention_rollout
    return ways | {"centred hill": centred, "random hills": random_hills}


def measure(detector: Detector, clips: Clips, explainer: Explainer) -> list[float]:
    """Return the means of a row: pointing, deletion, insertion, sanity."""
    is_frame = torch.ones(1, NUM_FRAMES, dtype=torch.bool)
    rows = []
    for clip in clips:
        frames = torch.from_numpy(clip.forged).permute(0, 3, 1, 2)[None].contiguous()
        maps = explainer(detector, frames, is_frame).maps
        found = pointing(maps, clip.masks)
        areas = [curve(detector, frames, is_frame, maps).area for curve in (deletion, insertion)]
        rows.append([found.energy_inside, found.area, found.hit_fraction, *areas])
    first = torch.from_numpy(clips[0].forged).permute(0, 3, 1, 2)[None].contiguous()
    similar = randomisation_check(detector, first, is_frame, explainer)
    return [*np.nanmean(rows, axis=0).tolist(), similar["head"], similar["everything"]]


def draw(detector: Detector, clips: Clips, path: Path) -> None:
    """Write a picture: forged crops, where the artefact is, Grad-CAM, occlusion; a scale below.

    Of each clip the frame with the hottest place is shown.
    """
    is_frame = torch.ones(1, NUM_FRAMES, dtype=torch.bool)
    columns = []
    for clip in clips:
        frames = torch.from_numpy(clip.forged).permute(0, 3, 1, 2)[None].contiguous()
        by_gradient = grad_cam(detector, frames, is_frame).maps
        by_patch = occlusion(detector, frames, is_frame, patch_fraction=0.2).maps
        hot = int(by_gradient.max(axis=(1, 2)).argmax())
        crop = clip.forged[hot : hot + 1]
        maps = [
            one[hot : hot + 1] for one in (clip.masks.astype(np.float32), by_gradient, by_patch)
        ]
        shown = [crop, *(overlay(crop, one) for one in maps)]
        columns.append(np.concatenate([one[0] for one in shown], axis=0))
    picture = np.concatenate(columns, axis=1)
    scale = colour_scale(12, picture.shape[1])
    whole = np.concatenate((picture, np.full((4, *scale.shape[1:]), 255, np.uint8), scale))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(whole).quantize(256, kmeans=1, dither=Image.Dither.NONE).save(
        path, optimize=True
    )


def main() -> None:
    """Train the detectors asked for and print their rows, or write the picture."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--detectors", nargs="+", choices=list(DETECTORS), default=list(DETECTORS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--picture", type=Path, help="of the first detector's maps")
    args = parser.parse_args()
    make = partial(planted_clip, num_frames=NUM_FRAMES, size=SIZE)
    train = [make(seed) for seed in range(NUM_TRAIN)]
    test = [make(FIRST_TEST_SEED + seed) for seed in range(NUM_TEST)]
    show = partial(Console().print, markup=False, highlight=False, soft_wrap=True)
    for name in args.detectors:
        detector = fit(name, train, seed=args.seed)
        frames, labels = batch(test)
        scores = scores_of(detector, frames)
        called = [clip for clip, score in zip(test, scores[NUM_TEST:], strict=True) if score > 0.5]
        auc = roc_auc(labels.numpy(), scores)
        show(f"{name}: AUC {auc:.3f}, {len(called)} of {NUM_TEST} forged clips are called fake")
        if not called:
            show(f"{name} calls nothing fake, so there is nothing to explain.")
            continue
        if args.picture is not None:
            draw(detector, called[:4], args.picture)
            args.picture = None  # of the first detector
        for way, explainer in ways_of(name).items():
            inside, area, *others = measure(detector, called, explainer)
            cells = [inside, area, inside / area, *others]
            show(f"| `{name}` | {way} | {' | '.join(f'{cell:.2f}' for cell in cells)} |")


if __name__ == "__main__":
    main()
