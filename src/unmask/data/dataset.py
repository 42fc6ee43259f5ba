"""Clips of one split, read from a store of face crops."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from einops import rearrange
from torch import Tensor
from torch.utils.data import Dataset

from unmask.core.errors import DataError
from unmask.data.batch import NOT_COUNTED, Clip
from unmask.data.caps import AllFaces, Cap
from unmask.data.store import FaceStore
from unmask.data.transforms import augment_with_seed
from unmask.video.sampling import uniform_frame_indices

# frames uint8 (frames, 3, height, width) -> the same shape and type, or fewer frames
Augmentation = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class ClipLayout:
    """How face tracks are cut into clips.

    Args:
        num_frames: Most frames in a clip; a shorter track gives a shorter clip.
        num_clips: Clips per track; each spans the whole track, their frames interleave.
        max_tracks: Face tracks per video, the largest faces first; None takes all of them.
        cap: Leaves out faces before tracks are cut.
    """

    num_frames: int = 10
    num_clips: int = 1
    max_tracks: int | None = 1
    cap: Cap = field(default_factory=AllFaces)

    def __post_init__(self) -> None:
        for name in ("num_frames", "num_clips", "max_tracks"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"clips.{name} must be at least 1, got {value}.")

    def cut(self, track_length: int) -> list[list[int]]:
        """Choose the frames of each clip of one track.

        Args:
            track_length: Crops in the track, at least 1.

        Returns:
            Indices into the track per clip, each in ascending order and without repeats. A track
            of fewer than ``num_clips`` crops gives fewer clips.

        Example:
            >>> ClipLayout(num_frames=2, num_clips=2).cut(8)
            [[1, 5], [3, 7]]
            >>> ClipLayout(num_frames=4).cut(3)
            [[0, 1, 2]]
        """
        wanted = min(self.num_frames * self.num_clips, track_length)
        indices = uniform_frame_indices(track_length, wanted)
        clips = (indices[start :: self.num_clips] for start in range(self.num_clips))
        return [clip for clip in clips if clip]


class ClipRequest(NamedTuple):
    """Which clip to load.

    Attributes:
        seed: Seed of its augmentation; None leaves the clip as it is.
        counts: False for a clip that only keeps a process busy while others have their last batch.
    """

    row: int
    seed: int | None
    counts: bool = True


class FaceClips(Dataset[Clip]):
    """The clips of one split of a store.

    Args:
        store: The prepared data set.
        split: ``"train"``, ``"val"`` or ``"test"``.
        layout: How tracks are cut into clips.
        image_size: Side in pixels that the detector takes; crops of another size are resized.
        augmentation: Changes the frames of a clip asked for by a :class:`ClipRequest`, with one
            draw for all of them; a clip asked for by number is never augmented.

    Attributes:
        clips: One row per clip: the prediction table's columns that do not depend on a network,
            ``original`` (see :data:`unmask.data.manifest.VIDEOS`), ``crop_paths`` (its crops, in
            order) and ``example_crop``.

    Raises:
        DataError: If the split has no usable face.
    """

    def __init__(
        self,
        store: FaceStore,
        split: str,
        *,
        layout: ClipLayout,
        image_size: int,
        augmentation: Augmentation | None = None,
    ) -> None:
        store.require_faces(split)
        self.folder = store.folder
        self.image_size = image_size
        self.augmentation = augmentation
        self.clips = _table_of_clips(store, split, layout)
        self._crop_paths: list[list[str]] = self.clips["crop_paths"].tolist()
        self._labels: list[int] = self.clips["label"].astype(int).tolist()

    @property
    def labels(self) -> list[int]:
        """The label of each clip."""
        return self._labels

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, request: int | ClipRequest) -> Clip:
        """Load a clip.

        Args:
            request: A clip's number, with a seed to have it augmented.

        Raises:
            DataError: If a crop is missing or unreadable, naming it.
        """
        row, seed = request[:2] if isinstance(request, ClipRequest) else (request, None)
        images = [
            read_crop(self.folder / crop_path, self.image_size)
            for crop_path in self._crop_paths[row]
        ]
        frames = rearrange(torch.from_numpy(np.stack(images)), "f h w c -> f c h w").contiguous()
        if self.augmentation is not None and seed is not None:
            frames = augment_with_seed(self.augmentation, frames, seed)
        return Clip(frames, self._labels[row], row)


class ClipTable(Protocol):
    """Clips with a table of them; see :class:`FaceClips`."""

    clips: pd.DataFrame

    @property
    def labels(self) -> list[int]:
        """The label of each clip."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, request: int | ClipRequest) -> Clip:
        """Load a clip; see :meth:`FaceClips.__getitem__`."""
        ...


class BlendedClips(Dataset[Clip]):
    """The clips of several data sets as one.

    Args:
        parts: At least one; each augments its own clips.

    Attributes:
        clips: The parts' rows, one part after the other.
    """

    def __init__(self, parts: Sequence[ClipTable]) -> None:
        self.parts = list(parts)
        self.clips = pd.concat([part.clips for part in self.parts], ignore_index=True)
        self._starts = np.cumsum([0, *(len(part) for part in self.parts)]).tolist()

    @property
    def labels(self) -> list[int]:
        """The label of each clip."""
        return [label for part in self.parts for label in part.labels]

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, request: int | ClipRequest) -> Clip:
        """Load a clip; see :meth:`FaceClips.__getitem__`. One that does not count has no row."""
        row = request.row if isinstance(request, ClipRequest) else request
        number = bisect_right(self._starts, row) - 1
        inside = row - self._starts[number]
        if not isinstance(request, ClipRequest):
            return self.parts[number][inside]._replace(row=row)
        clip = self.parts[number][request._replace(row=inside)]
        return clip._replace(row=row if request.counts else NOT_COUNTED)


def read_crop(path: Path, image_size: int) -> npt.NDArray[np.uint8]:
    """Read a face crop at the size that a detector takes.

    Args:
        path: A JPEG or PNG file.
        image_size: Side of the result in pixels.

    Returns:
        RGB, ``(image_size, image_size, 3)``, uint8.

    Raises:
        DataError: If the file is missing or not an image.
    """
    image = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB) if path.is_file() else None
    if image is None:
        state = "is not a readable image" if path.is_file() else "is missing"
        raise DataError(
            f"The crop {path} {state}. Delete the store that holds it and run `unmask prepare` "
            "again."
        )
    return _at_size(np.asarray(image, dtype=np.uint8), image_size)


def decode_crop(content: bytes, image_size: int) -> npt.NDArray[np.uint8]:
    """Decode a face crop that never was a file, as :func:`read_crop` reads one.

    Args:
        content: JPEG or PNG.
        image_size: Side of the result in pixels.

    Returns:
        RGB, ``(image_size, image_size, 3)``, uint8.
    """
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert image is not None
    return _at_size(np.asarray(image, dtype=np.uint8), image_size)


def _at_size(image: npt.NDArray[np.uint8], image_size: int) -> npt.NDArray[np.uint8]:
    if image.shape[:2] != (image_size, image_size):
        is_smaller = image_size < image.shape[0]
        interpolation = cv2.INTER_AREA if is_smaller else cv2.INTER_CUBIC
        resized = cv2.resize(image, (image_size, image_size), interpolation=interpolation)
        return np.asarray(resized, dtype=np.uint8)
    return image


def _table_of_clips(store: FaceStore, split: str, layout: ClipLayout) -> pd.DataFrame:
    columns = ["video_id", "dataset", "label", "method", "group", "split", "original"]
    videos = store.videos.loc[store.videos["split"] == split, columns].set_index("video_id")
    faces = layout.cap(store.faces)
    faces = faces[faces["video_id"].isin(videos.index)]
    if layout.max_tracks is not None:
        faces = faces[faces["track_id"] < layout.max_tracks]
    rows = []
    for (video_id, track_id), track in faces.groupby(["video_id", "track_id"], sort=True):
        crop_paths = track.sort_values("frame_index")["crop_path"].tolist()
        for clip_index, indices in enumerate(layout.cut(len(crop_paths))):
            chosen = [crop_paths[index] for index in indices]
            rows.append((video_id, track_id, clip_index, len(chosen), chosen))
    clips = pd.DataFrame(
        rows, columns=["video_id", "track_id", "clip_index", "num_frames", "crop_paths"]
    ).join(videos, on="video_id")
    return clips.assign(example_crop=[paths[len(paths) // 2] for paths in clips["crop_paths"]])
