"""One video: from a file to its crops and a few plain values, in any process."""

import logging
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from unmask.core.errors import VideoError
from unmask.core.files import sha256_of_json, write_bytes
from unmask.faces.annotated import BOX_REASONS, AnnotatedBox, cut_annotated
from unmask.faces.extract import FaceCrop
from unmask.faces.mask import cut_masks
from unmask.prepare.preparation import Preparation

logger = logging.getLogger(__name__)

SUFFIXES = {"jpeg": ".jpg", "png": ".png"}
# Where a video stopped that could be decoded; the others stopped there.
STAGES: Final = {
    "no_face": "detect",
    "no_verified_face": "detect",
    **dict.fromkeys(BOX_REASONS, "box"),
}
# Longer side of the picture of a video without crops.
PREVIEW_PX = 320


@dataclass(frozen=True)
class Video:
    """One row of ``videos.parquet``, as far as a worker needs it.

    Args:
        video_id: Names its folder of crops.
        path: POSIX path below the data set's root.
        kind: ``"video"`` or ``"image"``.
        mask_path: Path of its mask below the same root; "" where it has none.
        box: Where its face is, if the data set says so; None to look for faces.
    """

    video_id: str
    path: str
    kind: str
    mask_path: str = ""
    box: AnnotatedBox | None = None

    @property
    def part_name(self) -> str:
        """A short file name for an id of any length, which also changes with the file's path."""
        values: list[Any] = [self.video_id, self.path, self.kind]
        if self.mask_path:
            values.append(self.mask_path)
        if self.box is not None:
            values.append(astuple(self.box))
        return f"{sha256_of_json(values)[:32]}.json"


@dataclass(frozen=True)
class Work:
    """What is the same for every video; it can be pickled."""

    root: Path
    store_dir: Path
    preparation: Preparation


@dataclass(frozen=True)
class Part:
    """What became of one video: rows of ``faces.parquet`` or one of ``failures.parquet``.

    Attributes:
        faces: A row for each crop.
        failure: Why there is none.
        source: Hash of the content that the crops were cut from; "" where it is not known.
    """

    faces: list[list[Any]]
    failure: list[str] | None
    source: str = ""


def prepare_video(work: Work, video: Video) -> Part:
    """Extract one video and write its crops; the body of a worker.

    The function takes and returns plain data and writes files whole or not at all, so any engine
    that runs functions on many machines can call it.

    Args:
        work: What is the same for every video.

    Returns:
        The video's rows; a fault of the video is a row, too, and not raised.
    """
    remove_files(work.store_dir, video)
    crops: list[FaceCrop] = []
    try:
        crops = _crops(work, video)
        masks = _masks(work, video, crops)
    except VideoError as error:
        if error.reason in STAGES:
            _write_preview(work, video)
        stage = "mask" if crops else STAGES.get(error.reason, "decode")
        return failed(video, stage, error.reason, str(error))
    # The boundary of a worker: a file that breaks a library must not stop the others.
    except MemoryError as error:
        return failed(video, "worker", "out_of_memory", f"It needs too much memory. {error}")
    except Exception as error:
        logger.exception("%s cannot be prepared.", video.path)
        return failed(video, "worker", "internal_error", f"{type(error).__name__}: {error}")
    return Part(_write(work, video, crops, masks), None)


def failed(video: Video, stage: str, reason: str, detail: str) -> Part:
    """Return the part of a video without crops."""
    return Part([], [video.video_id, video.path, stage, reason, detail])


def files_of(store_dir: Path, video: Video) -> list[Path]:
    """Return the crops, the masks and the face video of a video, as far as they are there."""
    # Other videos may lie below: "a" and "a/b" are both good ids.
    found = [
        path
        for folder in ("crops", "masks")
        for path in sorted((store_dir / folder / video.video_id).glob("*"))
    ]
    return [path for path in (*found, _face_video_path(store_dir, video)) if path.is_file()]


def remove_files(store_dir: Path, video: Video) -> None:
    """Delete what an earlier attempt left of a video."""
    for path in files_of(store_dir, video):
        path.unlink()
    for path in (_face_video_path(store_dir, video), preview_path(store_dir, video.video_id)):
        path.unlink(missing_ok=True)
        for leftover in path.parent.glob(f".{path.stem[:40]}-*"):
            leftover.unlink(missing_ok=True)


def preview_path(store_dir: Path, video_id: str) -> Path:
    """Return where the middle frame of a video without crops lies."""
    return store_dir / "failures" / f"{video_id}.jpg"


def _face_video_path(store_dir: Path, video: Video) -> Path:
    return store_dir / "face_videos" / f"{video.video_id}.mp4"


def _crops(work: Work, video: Video) -> list[FaceCrop]:
    path, extractor = work.root / video.path, work.preparation.extractor
    if video.box is None:
        return extractor.extract(path, video.kind)
    reader = extractor.reader_of(video.kind)
    return [cut_annotated(path, video.box, reader=reader, cropper=extractor.cropper)]


def _masks(work: Work, video: Video, crops: Sequence[FaceCrop]) -> list[NDArray[np.uint8]]:
    if not video.mask_path:
        return []
    extractor = work.preparation.extractor
    return cut_masks(
        work.root / video.mask_path,
        crops,
        reader=extractor.reader_of(video.kind),
        cropper=extractor.cropper,
    )


def _write(
    work: Work, video: Video, crops: Sequence[FaceCrop], masks: Sequence[NDArray[np.uint8]]
) -> list[list[Any]]:
    """Write crops and what goes with them; return their rows."""
    suffix, rows = SUFFIXES[work.preparation.image_format], []
    for crop in crops:
        crop_path = f"crops/{video.video_id}/{crop.track_id}_{crop.frame_index}{suffix}"
        write_bytes(work.store_dir / crop_path, encoded(crop.image, suffix))
        rows.append(_face_row(video, crop, crop_path))
    for crop, mask in zip(crops, masks, strict=bool(masks)):
        mask_path = f"masks/{video.video_id}/{crop.track_id}_{crop.frame_index}.png"
        write_bytes(work.store_dir / mask_path, encoded(mask, ".png"))
    face_video = work.preparation.face_video
    if face_video is not None:
        face_video.write(_face_video_path(work.store_dir, video), crops)
    return rows


def encoded(image: NDArray[np.uint8], suffix: str) -> bytes:
    """Encode a picture as JPEG (quality 95, 4:4:4) or PNG.

    Args:
        image: RGB ``(height, width, 3)`` or grey ``(height, width)``, uint8.
        suffix: ``".jpg"`` or ``".png"``.
    """
    options = [
        *(cv2.IMWRITE_JPEG_QUALITY, 95),
        *(cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
    ]
    is_encoded, content = cv2.imencode(
        suffix, image[:, :, ::-1] if image.ndim == 3 else image, options if suffix == ".jpg" else []
    )
    assert is_encoded
    data: bytes = content.tobytes()
    return data


def _write_preview(work: Work, video: Video) -> None:
    """Keep the middle frame of a video without crops, for the contact sheet."""
    try:
        frame = work.preparation.extractor.middle_frame(work.root / video.path, video.kind)
    except VideoError:
        return
    factor = min(PREVIEW_PX / max(frame.shape[:2]), 1.0)
    size = (max(round(frame.shape[1] * factor), 1), max(round(frame.shape[0] * factor), 1))
    small = np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    write_bytes(preview_path(work.store_dir, video.video_id), encoded(small, ".jpg"))


def _face_row(video: Video, crop: FaceCrop, crop_path: str) -> list[Any]:
    """Return the values of one face in the order of the table's columns."""
    return [
        video.video_id,
        crop.track_id,
        crop.frame_index,
        crop.pts_seconds,
        *crop.face.box.tolist(),
        *crop.face.landmarks.ravel().tolist(),
        crop.face.prob,
        crop.verifier_prob,
        *crop.crop_box,
        crop_path,
    ]
