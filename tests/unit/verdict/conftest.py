"""Small untrained models and files with drawn faces, for verdicts that cost little."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from unmask.config.build import build_untrained
from unmask.faces.extract import EXTRACTION_VERSION
from unmask.video.writer import write_video

Draw = Callable[..., np.ndarray]
SaveModel = Callable[..., Path]

MODEL = {
    "_target_": "unmask.models.detector.Detector",
    "backbone": {
        "_target_": "unmask.models.plain_cnn.PlainCNN",
        "filters": [4, 8],
        "image_size": 32,
        "dropout": 0.0,
    },
    "head": {"_target_": "unmask.models.heads.pooling.MeanHead", "_partial_": True},
}
CROPS: dict[str, Any] = {
    "reader": {"_target_": "unmask.video.reader.PyAVReader"},
    "sampling": {"_target_": "unmask.video.sampling.UniformSampling", "num_frames": 4},
    "detector": {"_target_": "unmask.faces.detect.MTCNNDetector", "device": "cpu"},
    "verifier": {"_target_": "unmask.faces.verify.MTCNNVerifier", "device": "cpu"},
    "tracker": {"_target_": "unmask.faces.track.IoUTracker"},
    "cropper": {"_target_": "unmask.faces.crop.SquareCropper", "crop_size": 112},
    "max_tracks": None,
    "image_format": "jpeg",
    "version": EXTRACTION_VERSION,
}
CLIPS = {"_target_": "unmask.data.dataset.ClipLayout", "num_frames": 2, "num_clips": 2}


def card_of(name: str, **changes: Any) -> dict[str, Any]:
    """Return the card of a model with twelve validation videos, well told apart."""
    rows = [
        [
            "toy",
            f"v{number}",
            number % 2,
            "swap" if number % 2 else "real",
            f"g{number}",
            0.2 + 0.5 * (number % 2) + 0.01 * number,
        ]
        for number in range(12)
    ]
    band = {"lower": 0.3, "upper": 0.72, "num_real": 6, "num_fake": 6, "source": "toy, val"}
    card = {
        "format": 1, "name": name, "model": "plain", "source_datasets": ["toy"], "metrics": [],
        "limits": ["None."], "licence": "None.", "is_synthetic": False,
        "video_score": {"how": "mean", "top_k": 3}, "threshold": 0.5, "band": band,
        "calibration": {"method": "temperature", "temperature": 2.0},
        "val_auc": 0.9, "val_accuracy": 0.8,
        "validation": {
            "columns": ["dataset", "video_id", "label", "method", "group", "score"],
            "split": "val", "rows": rows,
        },
    }  # fmt: skip
    return card | changes


@pytest.fixture(name="card_of")
def card_of_fixture() -> Callable[..., dict[str, Any]]:
    return card_of


@pytest.fixture
def save_model(tmp_path: Path) -> SaveModel:
    """Return a function that writes an untrained model, of weights that ``seed`` decides."""

    def save(
        name: str = "plain",
        *,
        seed: int = 0,
        card: dict[str, Any] | None = None,
        clips: dict[str, Any] = CLIPS,
        **crops: Any,
    ) -> Path:
        torch.manual_seed(seed)
        detector = build_untrained(MODEL)
        for parameter in detector.head.parameters():
            parameter.data.mul_(8)  # scores away from 0.5
        recipe_crops = copy.deepcopy(CROPS)
        for part, changes in crops.items():
            if isinstance(changes, dict):
                recipe_crops[part] |= changes
            else:
                recipe_crops[part] = changes
        facts: dict[str, Any] = {
            "format": 1, "model": MODEL, "dataset": "toy", "seed": seed,
            "recipe": {"crops": recipe_crops, "clips": clips},
        }  # fmt: skip
        if card is not None:
            facts["card"] = card
        path = tmp_path / f"{name}.ckpt"
        state = {f"detector.{key}": value for key, value in detector.state_dict().items()}
        torch.save({"unmask": facts, "state_dict": state}, path)
        return path

    return save


@pytest.fixture(scope="session")
def one_person(tmp_path_factory: pytest.TempPathFactory, draw_faces: Draw) -> Path:
    """One person in 24 frames at 6 per second."""
    path = tmp_path_factory.mktemp("people") / "one.mp4"
    frames = [draw_faces([(160, 110 + index // 2)], size=130) for index in range(24)]
    write_video(path, frames, fps=6, crf=10)
    return path
