"""Clips that tell heads that see time from heads that do not: four families of invented people.

A person leans towards the camera or away from it, steadily, while talking. From this one take come:

* ``real``: the frames in their order.
* ``spatial``: every frame carries the same grid on the face, as upsampling in generators leaves
  (Odena et al., "Deconvolution and Checkerboard Artifacts", Distill 2016).
* ``temporal``: *the very files of* ``real``, in an order in which no frame keeps a neighbour. Each
  frame alone, and all of them as a heap, are those of a real clip.
* ``both``: the files of ``spatial`` in the order of ``temporal``.

The fourth family, compression alone, is ``real`` at one quality of JPEG against ``real`` at a
lower one.
All methods come at the same qualities, so that a quality says nothing about the label.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from unmask.core.files import write_bytes
from unmask.core.labels import FAKE, REAL
from unmask.core.reproducibility import derive_seed
from unmask.data.manifest import FACES, FAILURES, write_table
from unmask.data.store import FaceStore
from unmask.demo.motion import Performance, make_performance
from unmask.demo.people import make_person
from unmask.demo.production import make_set
from unmask.demo.relief import Map, as_map, blurred
from unmask.demo.scene import make_camera, make_light
from unmask.demo.take import Footage, film, make_take

DATASET: Final = "temporal_truth"
METHODS: Final = {"real": REAL, "spatial": FAKE, "temporal": FAKE, "both": FAKE}
# Head sizes between which a person leans, as fractions of the picture's height.
FAR: Final = (0.20, 0.24)
NEAR: Final = (0.42, 0.48)


@dataclass(frozen=True)
class TemporalTruth:
    """What the four families hold.

    Attributes:
        seed: Names the people and everything they do.
        num_train: People of the training split; nobody is in two splits.
        num_val: People of the validation split.
        num_test: People of the test split.
        num_frames: Frames of a clip, at least 6, so that they can be put in a wrong order.
        image_px: Side of a frame in pixels.
        qualities: Qualities of the JPEG files, the better one first, in validation and test.
        train_qualities: Lowest and highest quality in training.
        grid_strength: Height of the grid over the picture, as displayed, in [0, 1].
    """

    seed: int = 0
    num_train: int = 160
    num_val: int = 32
    num_test: int = 100
    num_frames: int = 8
    image_px: int = 48
    qualities: tuple[int, int] = (90, 75)
    train_qualities: tuple[int, int] = (50, 95)
    grid_strength: float = 0.09

    def __post_init__(self) -> None:
        if self.num_frames < 6:
            raise ValueError(f"num_frames must be at least 6, got {self.num_frames}.")

    def people(self) -> Iterator[tuple[str, str, tuple[int, ...]]]:
        """Yield the split and the name of each person, and the qualities of the person's files.

        Each person to train on has one of his own, so that a network meets many; all others have
        both of :attr:`qualities`.

        Example:
            >>> list(TemporalTruth(num_train=1, num_val=0, num_test=1).people())
            [('train', 'train000', (56,)), ('test', 'test000', (90, 75))]
        """
        counts = {"train": self.num_train, "val": self.num_val, "test": self.num_test}
        for split, count in counts.items():
            for number in range(count):
                name = f"{split}{number:03d}"
                rng = np.random.default_rng(derive_seed(self.seed, DATASET, name, "quality"))
                own = (int(rng.integers(*self.train_qualities, endpoint=True)),)
                yield split, name, own if split == "train" else self.qualities


def make_temporal_truth(
    folder: Path, settings: TemporalTruth, *, num_workers: int = 2
) -> FaceStore:
    """Write the four families as a store of face crops, unless it is there already.

    Raises:
        DataError: If ``folder`` holds something else.
    """
    jobs = [partial(_film_person, folder, settings, name, qualities)
            for _, name, qualities in settings.people()]  # fmt: skip
    # As JSON reads it back, where tuples are lists.
    described = json.loads(json.dumps({"kind": DATASET, **asdict(settings)}))
    jobs.append(partial(_write_tables, folder, settings))
    make_set(folder, settings=described, jobs=jobs, num_workers=num_workers)
    return FaceStore.open(folder)


def wrong_order(rng: np.random.Generator, num_frames: int) -> NDArray[np.int64]:
    """Draw an order in which no two frames that were neighbours still are.

    Args:
        num_frames: Frames to put in order, at least 4; fewer have no such order.

    Example:
        >>> wrong_order(np.random.default_rng(0), 6).tolist()
        [5, 3, 0, 2, 4, 1]
    """
    while True:
        order = rng.permutation(num_frames)
        if (np.abs(np.diff(order)) > 1).all():
            return order


def _film_person(
    folder: Path, settings: TemporalTruth, name: str, qualities: tuple[int, ...]
) -> None:
    seed = derive_seed(settings.seed, DATASET, name)
    rng = np.random.default_rng(derive_seed(seed, "take"))
    size = settings.image_px
    take = make_take(
        make_person(seed), _leaning(rng, settings.num_frames),
        light=make_light(rng), rng=rng, height=size, width=size,
    )  # fmt: skip
    camera = make_camera(rng, noise_level=0.012, blur_px=(0.35, 0.6))
    footage = film(take)
    clean = {
        "real": footage.frames,
        "spatial": with_grid(footage, strength=settings.grid_strength),
    }
    for method, frames in clean.items():
        # The same noise for both, so that they differ by the grid alone.
        shot = camera.shoot(frames, np.random.default_rng(derive_seed(seed, "noise")))
        for quality in qualities:
            for index, image in enumerate(shot):
                path = folder / _crop_path(name, method, quality, index)
                _, content = cv2.imencode(
                    ".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality]
                )
                write_bytes(path, content.tobytes())


def _leaning(rng: np.random.Generator, num_frames: int) -> Performance:
    """Invent somebody who talks and leans steadily towards the camera or away from it."""
    talk = make_performance(rng, num_frames=num_frames, frames_per_second=8)
    first, last = rng.permutation([rng.uniform(*FAR), rng.uniform(*NEAR)]).tolist()
    scales = np.linspace(first, last, num_frames)
    poses = [replace(p, scale=float(s)) for p, s in zip(talk.poses, scales, strict=True)]
    return replace(talk, poses=tuple(poses))


def with_grid(footage: Footage, *, strength: float) -> list[Map]:
    """Lay the same grid of two-pixel cells on the inner face of every frame.

    Args:
        strength: Height of the grid, as displayed, in [0, 1].

    Returns:
        Forged pictures, in the footage's order.
    """
    forged = []
    for frame, marks in zip(footage.frames, footage.landmarks, strict=True):
        rows, columns = np.indices(frame.shape[:2])
        grid = np.where((rows // 2 + columns // 2) % 2 == 0, strength, -strength)
        mask = np.zeros(frame.shape[:2], dtype=np.uint8)
        cv2.fillPoly(mask, [np.rint(marks.outline).astype(np.int32)], 1)
        face = blurred(as_map(mask), 0.5)
        forged.append(as_map(np.clip(frame + (grid * face)[..., None], 0, 1)))
    return forged


def _crop_path(name: str, method: str, quality: int, index: int) -> str:
    return f"crops/{name}/{method}_q{quality}/{index}.jpg"


def _write_tables(folder: Path, settings: TemporalTruth) -> None:
    videos, faces = [], []
    for split, name, qualities in settings.people():
        rng = np.random.default_rng(derive_seed(settings.seed, DATASET, name, "order"))
        orders = {
            False: np.arange(settings.num_frames),
            True: wrong_order(rng, settings.num_frames),
        }
        for quality in qualities:
            for method in METHODS:
                video = _video_row(split, name, method, quality)
                videos.append(video)
                source = "real" if method in ("real", "temporal") else "spatial"
                faces += [
                    _face_row(video["video_id"], place, _crop_path(name, source, quality, frame))
                    for place, frame in enumerate(orders[method in ("temporal", "both")].tolist())
                ]
    write_table(folder / "videos.parquet", "videos", pd.DataFrame(videos))
    write_table(folder / "faces.parquet", "faces", pd.DataFrame(faces, columns=FACES.names))
    failures = pd.DataFrame(columns=FAILURES.names, dtype=str)
    write_table(folder / "failures.parquet", "failures", failures)


def _video_row(split: str, name: str, method: str, quality: int) -> dict[str, Any]:
    video_id = f"{DATASET}/{method}/{name}_q{quality}"
    return {
        "video_id": video_id, "dataset": DATASET, "path": f"{method}/{name}_q{quality}",
        "kind": "frames", "label": METHODS[method], "method": method, "compression": f"q{quality}",
        "group": f"{DATASET}/{name}", "identities": [name], "split": split,
        "original": "" if method == "real" else f"{DATASET}/real/{name}_q{quality}",
    }  # fmt: skip


def _face_row(video_id: str, place: int, crop_path: str) -> dict[str, Any]:
    # Nothing was detected: boxes, landmarks and probabilities are 0.
    numbers: dict[str, Any] = dict.fromkeys(FACES.names, 0)
    return numbers | {
        "video_id": video_id, "frame_index": place, "pts_seconds": place / 8,
        "crop_path": crop_path,
    }  # fmt: skip
