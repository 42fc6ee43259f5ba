"""From a model and the crops of a file to the scores of its clips, its people and the file."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

import numpy as np
import pandas as pd
import torch
from einops import rearrange
from torch import Tensor

from unmask.data.dataset import ClipLayout, decode_crop
from unmask.evaluation.aggregate import TOP_K, video_scores
from unmask.models.detector import FrameDetector, fake_scores
from unmask.verdict.faces import KeptFace
from unmask.verdict.member import Member
from unmask.verdict.progress import Watch

# Given the length of a track, the places of each clip's crops in it.
Layout = Callable[[int], list[list[int]]]
_FILE: Final = "file"


@dataclass(frozen=True)
class ScoredClip:
    """One clip.

    Args:
        index: Its place among the clips of the track.
        places: Places of its crops among all faces of the file.
        score: Probability of fake.
        frame_scores: The head's scores of each frame alone; empty for networks that have none.
    """

    track_id: int
    index: int
    places: tuple[int, ...]
    score: float
    frame_scores: tuple[float, ...]


@dataclass(frozen=True)
class MemberScores:
    """One model's scores of a file.

    Args:
        clips: In the order of tracks and clips.
        tracks: Track -> score.
        video: Score of the file, as ``unmask evaluate`` has it.
    """

    clips: tuple[ScoredClip, ...]
    tracks: dict[int, float]
    video: float | None


def score_faces(
    member: Member, faces: Sequence[KeptFace], *, spread: str | None, watch: Watch
) -> MemberScores:
    """Score every person of a file with one model.

    Args:
        faces: Faces of the member's own cut, in order of time.
        spread: None cuts clips as in training. ``"whole"``, for more frames than it had, makes as
            many clips as use every crop, each spanning the whole track; ``"windows"``, for long
            videos, cuts a track into consecutive pieces.
    """
    table = _table(faces)
    if spread is None:
        table = member.recipe.layout.cap(table)
    clips = []
    requests = list(_requests(table, member.recipe.layout, spread))
    for number, (track_id, index, places) in enumerate(requests):
        with watch.timing("network"):
            clips.append(_scored(member, faces, track_id, index, places))
        watch.at("scores", 0.7 + 0.25 * (number + 1) / len(requests))
    return MemberScores(tuple(clips), *_aggregated(member, clips))


def _table(faces: Sequence[KeptFace]) -> pd.DataFrame:
    """List the faces as ``faces.parquet`` does, as far as layouts and caps look at them."""
    rows = [(_FILE, f.crop.track_id, f.crop.frame_index, place) for place, f in enumerate(faces)]
    return pd.DataFrame(rows, columns=["video_id", "track_id", "frame_index", "place"])


def _requests(
    table: pd.DataFrame, layout: ClipLayout, spread: str | None
) -> Iterator[tuple[int, int, tuple[int, ...]]]:
    """Yield track, clip and the places of its crops."""
    for track_id, track in table.groupby("track_id", sort=True):
        places = track.sort_values("frame_index")["place"].tolist()
        for index, chosen in enumerate(_layout_of(layout, spread)(len(places))):
            yield int(str(track_id)), index, tuple(places[place] for place in chosen)


def _layout_of(layout: ClipLayout, spread: str | None) -> Layout:
    if spread is None:
        return layout.cut

    def pieces(length: int) -> list[list[int]]:
        count = max(ceil(length / layout.num_frames), 1)
        if spread == "windows":
            return [part.tolist() for part in np.array_split(np.arange(length), count)]
        return ClipLayout(layout.num_frames, num_clips=count).cut(length)

    return pieces


def _scored(
    member: Member, faces: Sequence[KeptFace], track_id: int, index: int, places: tuple[int, ...]
) -> ScoredClip:
    frames = clip_frames(member, [faces[place] for place in places])
    score, frame_scores = _network(member, frames)
    return ScoredClip(track_id, index, places, score, frame_scores)


def clip_frames(member: Member, faces: Sequence[KeptFace]) -> Tensor:
    """Decode crops at the size of a model, ``(frames, 3, height, width)``, uint8."""
    images = [decode_crop(face.content, member.detector.image_size) for face in faces]
    stacked = torch.from_numpy(np.stack(images))
    return rearrange(stacked, "f h w c -> f c h w").contiguous()


@torch.inference_mode()
def _network(member: Member, frames: Tensor) -> tuple[float, tuple[float, ...]]:
    """Score one clip and, from the same features, each of its frames alone."""
    detector = member.detector
    batch = frames[None].to(next(detector.buffers()).device)
    is_frame = torch.ones(batch.shape[:2], dtype=torch.bool, device=batch.device)
    if not isinstance(detector, FrameDetector):
        return _plain(fake_scores(detector(batch, is_frame)))[0], ()
    features = detector.encode(batch, is_frame)
    score = _plain(fake_scores(detector.classify(features, is_frame)))[0]
    alone = rearrange(features, "1 frames d -> frames 1 d")
    each = detector.classify(alone, rearrange(is_frame, "1 frames -> frames 1"))
    return score, _plain(fake_scores(each))


def _plain(scores: Tensor) -> tuple[float, ...]:
    # The softmax of float32 can end a rounding error outside of [0, 1] once it is widened.
    return tuple(scores.double().clamp(0, 1).cpu().tolist())


def _aggregated(
    member: Member, clips: Sequence[ScoredClip]
) -> tuple[dict[int, float], float | None]:
    """Give people and the file one score each, with the arithmetic of the evaluation."""
    how = (member.card or {}).get("video_score", {"how": "mean", "top_k": TOP_K})
    rows = [(_FILE, str(clip.track_id), clip.track_id, clip.index, clip.score) for clip in clips]
    table = pd.DataFrame(
        rows, columns=["dataset", "video_id", "track_id", "clip_index", "score"]
    ).assign(label=0, method="", group="", split="")
    if table.empty:
        return {}, None
    by_track = video_scores(table, how["how"], top_k=how["top_k"])
    tracks = {
        int(name): float(score)
        for name, score in zip(by_track["video_id"], by_track["score"], strict=True)
    }
    most = member.recipe.max_tracks
    scored = table if most is None else table[table["track_id"] < most]
    whole = video_scores(scored.assign(video_id=_FILE), how["how"], top_k=how["top_k"])
    return tracks, float(whole["score"].iloc[0]) if len(whole) else None
