"""Fixtures that several folders of tests share."""

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import settings
from playwright.sync_api import BrowserContext, sync_playwright

from unmask.data.manifest import FACES, write_table
from unmask.data.store import FaceStore

# How long anything takes depends on what else the machine does; speed belongs to benchmarks/.
settings.register_profile("fast", deadline=None, max_examples=20)
settings.register_profile("thorough", deadline=None, max_examples=100)
settings.load_profile("fast")  # `make test-slow` draws thoroughly

StoreMaker = Callable[..., FaceStore]


@pytest.hookimpl(tryfirst=True)  # before -m selects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what ``one_in`` does not keep fast."""
    counts: Counter[str] = Counter()
    for item in items:
        for marker in item.iter_markers("one_in"):
            name = item.nodeid.partition("[")[0]
            if counts[name] % marker.args[0]:
                item.add_marker(pytest.mark.slow)
            counts[name] += 1


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


@pytest.fixture(scope="module")
def browser() -> Iterator[BrowserContext]:
    """Return one browser for all tests of a module, which keeps scripts from test to test."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("needs Chromium (apt-get install chromium)")
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=program, args=["--no-sandbox"])
        context = chromium.new_context()
        context.set_default_timeout(0)  # what hangs, pytest ends
        yield context
        chromium.close()


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


@pytest.fixture(scope="session")
def plant_photos() -> Callable[[Path], dict[str, int]]:
    """Return a function that makes an OpenForensics tree with pictures.

    Each of 6 photographs of each part shows two real faces, green, and a fake one, red, of any size
    and partly beyond the border. It returns the label of every ``video_id``.
    """
    return _plant_photos


def _plant_photos(root: Path) -> dict[str, int]:
    labels, random = {}, np.random.default_rng(0)
    for part in ("Train", "Val", "Test-Dev"):
        images, annotations = [], []
        for number in range(6):
            name, photo = f"{part.lower()}{number}", random.integers(0, 60, (96, 192, 3), np.uint8)
            images.append(
                {"id": number, "file_name": f"Images/{part}/{name}.png", "width": 192, "height": 96}
            )
            for column in range(3):
                x, y, side = 64 * column, int(random.integers(-8, 40)), int(random.integers(24, 60))
                label = int(column == number % 3)
                _paint_face(photo, x, y, side, label, random)
                annotation = {"id": len(annotations), "image_id": number, "category_id": label,
                              "bbox": [x, y, side, side], "iscrowd": 0}  # fmt: skip
                annotations.append(annotation)
                labels[f"openforensics/{part}/{name}/{annotation['id']}"] = label
            (root / part).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(root / part / f"{name}.png"), photo[:, :, ::-1])
        categories = [{"id": 0, "name": "Real"}, {"id": 1, "name": "Fake"}]
        content = {"categories": categories, "images": images, "annotations": annotations}
        (root / f"{part}_poly.json").write_text(json.dumps(content))
    return labels


def _paint_face(
    photo: np.ndarray, x: int, y: int, side: int, label: int, random: np.random.Generator
) -> None:
    """Paint a pattern of its own, so that no two faces look alike."""
    pattern = cv2.resize(
        random.uniform(0, 100, (8, 8)), (side, side), interpolation=cv2.INTER_NEAREST
    )
    visible = photo[max(y, 0) : y + side, x : x + side]
    shown = pattern[max(-y, 0) :][: len(visible), : visible.shape[1]]
    visible[:] = 0
    visible[..., 1 - label] = 150 + shown
