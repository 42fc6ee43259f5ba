"""Fixtures that several folders of tests share."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import settings

from unmask.data.manifest import FACES, write_table
from unmask.data.store import FaceStore

# How long an example takes depends on what else the machine does; speed belongs to benchmarks/.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")

StoreMaker = Callable[..., FaceStore]


@pytest.fixture
def make_store(tmp_path: Path) -> StoreMaker:
    """Return a function that writes a store of small crops, whose fakes are brighter."""

    def make(
        *,
        name: str = "toy",
        videos_per_class: dict[str, int] | None = None,
        num_frames: int = 3,
        crop_size: int = 32,
        brightness: tuple[int, int] = (90, 150),
    ) -> FaceStore:
        folder = tmp_path / f"store-{name}"
        counts = {"train": 6, "val": 4, "test": 4} if videos_per_class is None else videos_per_class
        videos, faces = [], []
        random = np.random.default_rng(0)
        for split, count in counts.items():
            for label, method in enumerate(("original", "swap")):
                for number in range(count):
                    video_id = f"{name}/{method}/{split}{number}"
                    videos.append(_video_row(name, video_id, label, method, split, number))
                    for frame in range(num_frames):
                        crop_path = f"crops/{video_id}/0_{frame}.png"
                        noise = random.normal(0, 8, (crop_size, crop_size, 3))
                        image = np.clip(brightness[label] + noise, 0, 255).astype(np.uint8)
                        (folder / crop_path).parent.mkdir(parents=True, exist_ok=True)
                        cv2.imwrite(str(folder / crop_path), image)
                        faces.append(_face_row(video_id, frame, crop_path))
        write_table(folder / "videos.parquet", "videos", pd.DataFrame(videos))
        write_table(folder / "faces.parquet", "faces", pd.DataFrame(faces, columns=FACES.names))
        failures = pd.DataFrame(
            columns=["video_id", "path", "stage", "reason", "detail"], dtype=str
        )
        write_table(folder / "failures.parquet", "failures", failures)
        return FaceStore.open(folder)

    return make


def _video_row(
    dataset: str, video_id: str, label: int, method: str, split: str, number: int
) -> dict[str, object]:
    return {
        "video_id": video_id, "dataset": dataset, "path": f"{video_id}.mp4", "kind": "video",
        "label": label, "method": method, "compression": "", "group": f"{dataset}/{split}{number}",
        "identities": [f"{split}{number}"], "original": "", "split": split,
    }  # fmt: skip


def _face_row(video_id: str, frame: int, crop_path: str) -> dict[str, object]:
    numbers = dict.fromkeys(FACES.names, 0)
    return numbers | {
        "video_id": video_id, "frame_index": frame, "pts_seconds": float(frame),
        "crop_path": crop_path,
    }  # fmt: skip
