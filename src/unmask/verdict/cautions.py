"""Why a verdict may be worth less: what the file shows, and what the models have seen."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from unmask.data.caps import MeanFramesCap
from unmask.evaluation.verdicts import Band
from unmask.faces.extract import FaceExtractor
from unmask.training.model_card import SYNTHETIC_ONLY
from unmask.verdict.evidence import Caution, Track
from unmask.verdict.faces import FoundFaces
from unmask.verdict.member import Member
from unmask.verdict.source import Source
from unmask.video.compression import bits_per_pixel, jpeg_quality
from unmask.video.frames import list_frames

# Shorter side of a face in pixels of the file, below which a crop of 224 px with a margin of 1.3 is
# enlarged more than twice, so that most of it is interpolated.
SMALL_FACE_PX: Final = 86
# Variance of the Laplacian at 224 px, see unmask.faces.quality. Of 22 photographs and films of real
# faces, 21 have more; blurred by a Gaussian of 3 px, all of them have less.
BLURRED: Final = 5.0
# Share of the frames in which a person must be seen not to be called rare.
FEW_FRAMES_SHARE: Final = 0.5
FEW_FRAMES: Final = 3
# Bits per pixel and frame; films of faces as they are passed on (H.264, 256 px) had 0.036 to 0.076.
LOW_BITS: Final = 0.02
LOW_JPEG_QUALITY: Final = 50


def cautions_of(
    source: Source,
    found: FoundFaces,
    tracks: Sequence[Track],
    members: Sequence[Member],
    band: Band,
    extractor: FaceExtractor,
) -> tuple[Caution, ...]:
    """List what a reader of a verdict must know.

    Args:
        source: The input, still open.
        found: What was found in it.
        band: Thresholds of the verdict.
        extractor: How the file was looked at.
    """
    return (
        *_of_models(members, band),
        *_of_look(members, extractor, num_frames=len(found.frames)),
        *(caution for track in tracks if track.decides for caution in _of_track(track, found)),
        *_of_others(tracks),
        *_of_compression(source, found),
    )


def _of_models(members: Sequence[Member], band: Band) -> list[Caution]:
    cautions = []
    for member in members:
        if member.card is None:
            sentence = (
                f"'{member.name}' has no model card: on what it was trained and how often it errs "
                "is not known."
            )
            cautions.append(Caution("no_card", sentence))
        elif member.card["is_synthetic"]:
            cautions.append(Caution("synthetic_only", f"'{member.name}': {SYNTHETIC_ONLY}"))
        if not member.recipe.is_current:
            sentence = (
                f"'{member.name}' was trained on crops of an earlier version, which differ a "
                "little from those cut here."
            )
            cautions.append(Caution("other_crops", sentence))
        if isinstance(member.recipe.layout.cap, MeanFramesCap):
            sentence = (
                f"'{member.name}' was trained on as many faces of a person as its data set has on "
                "average; here the average is the file's own."
            )
            cautions.append(Caution("other_cap", sentence))
    if band.caution():
        cautions.append(Caution("thresholds", band.caution()))
    return cautions


def _of_look(
    members: Sequence[Member], extractor: FaceExtractor, *, num_frames: int
) -> list[Caution]:
    """Describe where a file was looked at otherwise than the videos that fixed the thresholds."""
    ways = set()
    for member in members:
        trained = member.recipe.extractor
        if num_frames == 1 < member.recipe.layout.num_frames:
            ways.add(f"one frame in the place of clips of {member.recipe.layout.num_frames}")
        elif extractor.sampling != trained.sampling:
            ways.add("other frames")
        if least_face_probs(extractor) != least_face_probs(trained):
            ways.add("another least probability of a face")
    if not ways:
        return []
    sentence = (
        f"It was looked at otherwise than the validation videos ({', '.join(sorted(ways))}), so "
        "what they promise of thresholds and probabilities is not known to hold."
    )
    return [Caution("other_look", sentence)]


def least_face_probs(extractor: FaceExtractor) -> tuple[float | None, float | None]:
    """Return the least probabilities of a face in a frame and in its crop; None where unknown."""
    return (
        getattr(extractor.detector, "min_prob", None),
        getattr(extractor.verifier, "min_prob", None),
    )


def _of_track(track: Track, found: FoundFaces) -> list[Caution]:
    cautions = []
    sides = [min(f.box[2] - f.box[0], f.box[3] - f.box[1]) for f in track.faces]
    side, sharp = float(np.median(sides)), float(np.median([f.sharpness for f in track.faces]))
    if side < SMALL_FACE_PX:
        sentence = (
            f"The face of {track.name} is small: {side:.0f} px, less than {SMALL_FACE_PX} px; its "
            "crop is mostly interpolation."
        )
        cautions.append(Caution("small_faces", sentence))
    num_seen = len({face.frame for face in track.faces})
    if len(found.frames) > 1 and (
        num_seen < FEW_FRAMES or num_seen < FEW_FRAMES_SHARE * len(found.frames)
    ):
        sentence = (
            f"The face of {track.name} was found in {num_seen} of {len(found.frames)} frames only."
            if num_seen < len(found.frames)
            else f"Only {num_seen} frames were looked at, however often {track.name} is seen."
        )
        cautions.append(Caution("few_faces", sentence))
    if sharp < BLURRED:
        sentence = (
            f"The face of {track.name} is blurred: the variance of the Laplacian is {sharp:.1f}, "
            f"less than {BLURRED:g}."
        )
        cautions.append(Caution("blurred", sentence))
    return cautions


def _of_others(tracks: Sequence[Track]) -> list[Caution]:
    """Point at people who do not decide, but whose verdict is fake."""
    return [
        Caution(
            "brief_fake",
            f"{track.name.capitalize()} is seen too briefly to decide, but is called fake.",
        )
        for track in tracks
        if not track.decides and track.verdict == "fake"
    ]


def _of_compression(source: Source, found: FoundFaces) -> list[Caution]:
    if source.read_as == "video":
        bits = bits_per_pixel(source.path, found.timeline)
        if bits >= LOW_BITS:
            return []
        detail = f"it spends {bits:.3f} bits on a pixel, less than {LOW_BITS}"
    else:
        first = list_frames(source.path)[0] if source.read_as == "frames" else Path(source.path)
        quality = jpeg_quality(first)
        if quality is None or quality >= LOW_JPEG_QUALITY:
            return []
        detail = f"its JPEG quality is about {quality}, less than {LOW_JPEG_QUALITY}"
    sentence = f"The file is strongly compressed ({detail}), which hides and imitates traces."
    return [Caution("compression", sentence)]
