"""A detector that answers for files: opened once, asked many times."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import unmask.verdict.page  # noqa: F401 - shows evidence in a notebook
from unmask.core.reproducibility import package_versions
from unmask.core.voting import VotingRule
from unmask.evaluation.verdicts import Verdict
from unmask.faces.device import resolved_device
from unmask.training.release import card_hash
from unmask.verdict.cautions import cautions_of, least_face_probs
from unmask.verdict.evidence import (
    Evidence,
    EvidencePicture,
    FrameSeen,
    HeatMaps,
    Input,
    Model,
    Track,
)
from unmask.verdict.faces import Cut, FoundFaces, find_faces
from unmask.verdict.heat import draw_heat_maps
from unmask.verdict.member import Member, cuts_of, open_members
from unmask.verdict.pictures import crop_pictures, frame_pictures
from unmask.verdict.progress import OnStage, ShouldStop, Watch
from unmask.verdict.scores import MemberScores, score_faces
from unmask.verdict.source import InputLimits, Source, duration, opened
from unmask.verdict.tracks import joint_score, make_tracks
from unmask.verdict.voting import Voting, make_voting
from unmask.video.sampling import RateSampling, SamplingPolicy, UniformSampling

# From the least to the most suspicious.
_SUSPICION: tuple[Verdict, ...] = ("no_face", "real", "uncertain", "fake")


class Predictor:
    """Answer for files with one model or several.

    Args:
        checkpoints: Files, or folders of runs.
        voting: How several models are combined; see :mod:`unmask.evaluation.ensemble`.
        sampling: Which frames to look at; None for those of the training.
        min_face_prob: Least probability of a face; None for that of the training, usually 0.9.
        device: ``"auto"`` takes a GPU when there is one.
        heat_maps: Draw where the first model looks, over the clip that decided.

    Attributes:
        voting: The rule with what was fitted for it.

    Raises:
        CheckpointError: If a checkpoint cannot be used.
        ConfigError: If models cannot vote together.
    """

    def __init__(
        self,
        checkpoints: Sequence[Path | str],
        *,
        voting: VotingRule = "soft",
        sampling: SamplingPolicy | None = None,
        min_face_prob: float | None = None,
        device: str = "auto",
        limits: InputLimits | None = None,
        heat_maps: bool = False,
    ) -> None:
        self.members = open_members(checkpoints, device=resolved_device(device))
        self.voting: Voting = make_voting({one.name: one.card for one in self.members}, voting)
        self.sampling = sampling
        self.min_face_prob = min_face_prob
        self.limits = limits or InputLimits()
        self.heat_maps = heat_maps
        # Models that cannot look together are refused before the first file.
        cuts_of(self.members, sampling=sampling, min_face_prob=min_face_prob)

    def predict(
        self,
        path: Path | str,
        *,
        num_frames: int | None = None,
        min_face_prob: float | None = None,
        on_stage: OnStage | None = None,
        should_stop: ShouldStop | None = None,
    ) -> Evidence:
        """Answer for one file.

        Args:
            path: A video, an image, a folder of images or a zip of them.
            num_frames: Frames to look at, spread over the whole video, in place of the sampling.
            min_face_prob: Least probability of a face, instead of the predictor's.
            on_stage: Told of progress; see :class:`~unmask.verdict.progress.Watch`.
            should_stop: Asked often whether to give up.

        Raises:
            VideoError: If the file cannot be used; a file without a face is no error.
            CancelledError: If ``should_stop`` said so.
        """
        watch = Watch(on_stage, should_stop)
        sampling = UniformSampling(num_frames) if num_frames is not None else self.sampling
        cuts, places = cuts_of(
            self.members,
            sampling=sampling,
            min_face_prob=self.min_face_prob if min_face_prob is None else min_face_prob,
        )
        cuts = [
            replace(cut, extractor=self.limits.apply(cut.extractor, ask=watch.check))
            for cut in cuts
        ]
        with opened(Path(path), self.limits) as source:
            found = find_faces(source, cuts, limits=self.limits, watch=watch)
            spread = _spread(sampling, self.members[0], found)
            scores = [
                score_faces(member, found.faces[place], spread=spread, watch=watch)
                for member, place in zip(self.members, places, strict=True)
            ]
            tracks = make_tracks(self.members, scores, found, places, self.voting)
            watch.at("pictures", 0.95)
            with watch.timing("pictures"):
                heat, hot = self._heat_maps(found, tracks, scores[0], places[0])
                marked = frame_pictures(found.thumbnails, tracks)
                pictures = (*marked, *crop_pictures(found.faces[0], tracks), *hot)
            evidence = self._evidence(source, found, tracks, scores, cuts[0], watch)
            evidence = replace(evidence, heat_maps=heat, pictures=pictures)
        watch.at("done", 1.0)
        return evidence

    def _evidence(
        self,
        source: Source,
        found: FoundFaces,
        tracks: tuple[Track, ...],
        scores: Sequence[MemberScores],
        cut: Cut,
        watch: Watch,
    ) -> Evidence:
        decider = most_suspicious(tracks)
        video = [score.video for score in scores]
        return Evidence(
            verdict=decider.verdict if decider else "no_face",
            reason=_reason(decider, tracks, found),
            score=decider.score if decider else None,
            probability=decider.probability if decider else None,
            video_score=joint_score(self.voting, video),
            input=_input_of(source, found),
            frames=tuple(FrameSeen(*frame) for frame in found.frames),
            tracks=tracks,
            models=tuple(map(_model, self.members, self.voting.weights)),
            voting=self.voting.rule,
            band=self.voting.band,
            cautions=cautions_of(
                source, found, tracks, self.members, self.voting.band, cut.extractor
            ),
            settings=_settings(cut, self.members[0]),
            versions=package_versions(),
            seconds={part: round(value, 3) for part, value in watch.seconds.items()},
        )

    def _heat_maps(
        self, found: FoundFaces, tracks: tuple[Track, ...], scores: MemberScores, place: int
    ) -> tuple[HeatMaps | None, list[EvidencePicture]]:
        """Explain the most suspicious clip of the person who decided, by the first model."""
        decider = most_suspicious(tracks)
        if not self.heat_maps or decider is None:
            return None, []
        own = [clip for clip in scores.clips if clip.track_id == decider.track_id]
        if not own:
            return None, []
        clip = max(own, key=lambda one: one.score)
        faces = [found.faces[place][index] for index in clip.places]
        return draw_heat_maps(self.members[0], faces, decider)


def load_detector(checkpoint: Path | str, **options: Any) -> Predictor:  # noqa: ANN401 - Predictor's
    """Open a checkpoint to ask it about files.

    Args:
        checkpoint: A ``.ckpt`` file, or the folder of a run.
        options: Options of :class:`Predictor`.

    Raises:
        CheckpointError: If it cannot be used.
    """
    return Predictor([checkpoint], **options)


def most_suspicious(tracks: Sequence[Track]) -> Track | None:
    """Return the person whose verdict is the file's, of those who decide; None without any."""
    deciding = [track for track in tracks if track.decides]
    return max(deciding, key=lambda t: (_SUSPICION.index(t.verdict), t.score), default=None)


def _spread(sampling: SamplingPolicy | None, member: Member, found: FoundFaces) -> str | None:
    """Describe how clips are cut where other frames than the training's were asked for."""
    if sampling is None or sampling == member.recipe.extractor.sampling or len(found.frames) == 1:
        return None
    return "windows" if isinstance(sampling, RateSampling) else "whole"


def _reason(decider: Track | None, tracks: Sequence[Track], found: FoundFaces) -> str:
    if decider is None:
        num_found = sum(count for _, _, count in found.frames)
        frames = f"{len(found.frames)} frame{'s' * (len(found.frames) != 1)}"
        if not num_found:
            return f"No face was found in {frames}."
        return f"None of {num_found} faces found in {frames} was found again in its crop."
    if len(tracks) == 1:
        return decider.reason
    return f"{decider.name.capitalize()} of {len(tracks)} decides. {decider.reason}"


def _input_of(source: Source, found: FoundFaces) -> Input:
    timeline = found.timeline
    return Input(
        name=source.name,
        kind=source.kind,
        sha256=source.sha256,
        num_bytes=source.num_bytes,
        width=timeline.width,
        height=timeline.height,
        num_frames=len(timeline.pts),
        seconds=duration(timeline) if source.read_as == "video" else 0.0,
    )


def _model(member: Member, weight: float) -> Model:
    card = member.card or {}
    return Model(
        name=member.name,
        sha256=member.sha256,
        card_sha256=card_hash(card) if card else None,
        weight=weight,
        card={key: value for key, value in card.items() if key != "validation"},
    )


def _settings(cut: Cut, member: Member) -> dict[str, Any]:
    """Describe how the file was looked at; the rest stands in the models' cards."""
    extractor = cut.extractor
    return {
        "sampling": {"policy": type(extractor.sampling).__name__, **vars(extractor.sampling)},
        "min_face_prob": least_face_probs(extractor)[0],
        "trained_sampling": extractor.sampling == member.recipe.extractor.sampling,
    }
