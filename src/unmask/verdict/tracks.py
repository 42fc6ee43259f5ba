"""From the scores of several models to a verdict for every person."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from unmask.verdict.evidence import ClipScore, FaceSeen, Track, Vote
from unmask.verdict.faces import FoundFaces, KeptFace
from unmask.verdict.member import Member
from unmask.verdict.scores import MemberScores
from unmask.verdict.voting import Voting, calibrated_score, calibration_in

# Share of the frames with any face in which a person must be seen to decide the file's verdict; the
# largest face always does.
DECIDING_SHARE: Final = 0.2


def make_tracks(
    members: Sequence[Member],
    scores: Sequence[MemberScores],
    found: FoundFaces,
    places: Sequence[int],
    voting: Voting,
) -> tuple[Track, ...]:
    """Join the models' scores of each person.

    Args:
        scores: One per model.
        places: For each model, the place of its cut in ``found.faces``.

    Returns:
        The people, the largest face first.
    """
    faces = found.faces[0]
    num_with_face = len({face.crop.frame_index for face in faces})
    by_frame = _frame_scores(scores, [found.faces[place] for place in places])
    tracks = []
    for track_id in sorted({face.crop.track_id for face in faces}):
        own = [face for face in faces if face.crop.track_id == track_id]
        score = joint_score(voting, [one.tracks.get(track_id) for one in scores])
        if score is None:
            continue  # no model has a clip of this person, e.g. behind a cap
        share = len({face.crop.frame_index for face in own}) / num_with_face
        tracks.append(
            Track(
                track_id=track_id,
                verdict=voting.band.verdict(score),
                reason=voting.band.reason(score),
                score=score,
                probability=voting.probability(score),
                decides=track_id == 0 or share >= DECIDING_SHARE,
                votes=_votes(members, scores, track_id, voting),
                faces=tuple(_seen(face, by_frame.get(_place(face))) for face in own),
                clips=_clips(members, scores, found, places, track_id),
            )
        )
    return tuple(tracks)


def joint_score(voting: Voting, scores: Sequence[float | None]) -> float | None:
    """Combine the models' scores of one thing; None where no model has one.

    A model whose own cut has lost this person is given the others' mean, so that it does not count.
    """
    known = [score for score in scores if score is not None]
    if not known:
        return None
    mean = float(np.mean(known))
    return voting.combine([mean if score is None else score for score in scores])


def _votes(
    members: Sequence[Member], scores: Sequence[MemberScores], track_id: int, voting: Voting
) -> tuple[Vote, ...]:
    votes = []
    for member, one, threshold in zip(members, scores, voting.thresholds, strict=True):
        score = one.tracks.get(track_id)
        if score is None:
            continue
        votes.append(
            Vote(
                model=member.name,
                score=score,
                probability=calibrated_score(calibration_in(member.card), score),
                threshold=threshold,
                says="fake" if score >= threshold else "real",
            )
        )
    return tuple(votes)


def _clips(
    members: Sequence[Member],
    scores: Sequence[MemberScores],
    found: FoundFaces,
    places: Sequence[int],
    track_id: int,
) -> tuple[ClipScore, ...]:
    clips = []
    for member, one, place in zip(members, scores, places, strict=True):
        for clip in (clip for clip in one.clips if clip.track_id == track_id):
            crops = [found.faces[place][index].crop for index in clip.places]
            clips.append(
                ClipScore(
                    model=member.name,
                    index=clip.index,
                    frames=tuple(crop.frame_index for crop in crops),
                    start_seconds=crops[0].pts_seconds,
                    end_seconds=crops[-1].pts_seconds,
                    score=clip.score,
                )
            )
    return tuple(clips)


def _frame_scores(
    scores: Sequence[MemberScores], faces_of: Sequence[Sequence[KeptFace]]
) -> dict[tuple[int, int], float]:
    """Return, by track and frame, the mean of the models' scores of that frame alone."""
    said: dict[tuple[int, int], list[float]] = {}
    for one, faces in zip(scores, faces_of, strict=True):
        for clip in one.clips:
            for place, score in zip(clip.places, clip.frame_scores, strict=False):
                said.setdefault(_place(faces[place]), []).append(score)
    return {key: float(np.mean(values)) for key, values in said.items()}


def _place(face: KeptFace) -> tuple[int, int]:
    return face.crop.track_id, face.crop.frame_index


def _seen(face: KeptFace, score: float | None) -> FaceSeen:
    crop = face.crop
    x1, y1, x2, y2 = (float(end) for end in crop.face.box)
    return FaceSeen(
        frame=crop.frame_index,
        seconds=crop.pts_seconds,
        box=(x1, y1, x2, y2),
        detector_prob=crop.face.prob,
        verifier_prob=crop.verifier_prob,
        sharpness=round(face.sharpness, 2),
        score=score,
    )
