"""`unmask predict`: a verdict on each file, with its evidence."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from unmask.config.schema import PredictConfig
from unmask.core.errors import ConfigError, UnmaskError, VideoError
from unmask.core.files import write_json, write_text
from unmask.verbs.listener import Listener, ignore
from unmask.verdict.evidence import Evidence
from unmask.verdict.models import find_checkpoints, newest_demo
from unmask.verdict.page import render_html
from unmask.verdict.predictor import Predictor
from unmask.video.kinds import files_to_judge
from unmask.video.sampling import FirstSampling, RateSampling, SamplingPolicy, UniformSampling

_UNIFORM_FRAMES, _FIRST_FRAMES = 30, 100


@dataclass(frozen=True)
class DemoAnswers:
    """No checkpoint was named, so that a model of synthetic people answers."""

    checkpoint: Path


@dataclass(frozen=True)
class Judged:
    """A file with its verdict.

    Attributes:
        evidence: The verdict and what it rests on.
        json: Where the evidence is.
        page: The same as a page; None where none was asked for.
    """

    file: Path
    evidence: Evidence
    json: Path
    page: Path | None


@dataclass(frozen=True)
class NotJudged:
    """An input that could not be used."""

    path: Path
    problem: str


def predict(
    config: PredictConfig, folder: Path, paths: Sequence[Path], *, listener: Listener = ignore
) -> list[Judged | NotJudged]:
    """Judge every file that paths stand for.

    Args:
        folder: Where the evidence goes, in a folder for each of several files.
        paths: Videos, images, archives, and folders of them; at least one.
        listener: Hears each answer as it is found, and :class:`DemoAnswers` before all of them.

    Returns:
        An answer for each file, in order.

    Raises:
        CheckpointError: If a checkpoint cannot be opened.
        ConfigError: If ``paths`` is empty.
    """
    if not paths:
        raise ConfigError("Name at least one file, for example `unmask predict clip.mp4`.")
    config.save(folder)
    predictor = _predictor(config, listener)
    answers: list[Judged | NotJudged] = []
    for answer in _answers(predictor, paths, folder, html=config.html):
        answers.append(answer)
        listener(answer)
    return answers


def _answers(
    predictor: Predictor, paths: Sequence[Path], out: Path, *, html: bool
) -> Iterator[Judged | NotJudged]:
    files = []
    for path in paths:
        try:
            files += files_to_judge(path)
        except (VideoError, OSError) as error:  # the latter of a path that cannot be looked at
            yield NotJudged(path, str(error))
    for file, folder in zip(files, _folders(out, files), strict=True):
        yield _answer(predictor, file, folder, html=html)


def _answer(predictor: Predictor, file: Path, folder: Path, *, html: bool) -> Judged | NotJudged:
    try:
        evidence = predictor.predict(file)
    except VideoError as error:
        # The sentence names the file alone; several files may share a name.
        return NotJudged(file, f"{file}: {error}")
    except UnmaskError as error:
        return NotJudged(file, str(error))
    json, page = folder / "evidence.json", folder / "verdict.html"
    write_json(json, evidence.to_json())
    if html:
        write_text(page, render_html(evidence))
    return Judged(file, evidence, json, page if html else None)


def _folders(out: Path, files: Sequence[Path]) -> list[Path]:
    """Give the evidence of each file a folder of its own; a single file needs none."""
    if len(files) == 1:
        return [out]
    digits = len(str(len(files)))
    return [out / f"{number:0{digits}}_{file.stem}" for number, file in enumerate(files, start=1)]


def _predictor(config: PredictConfig, listener: Listener) -> Predictor:
    if config.checkpoint is None:
        checkpoints = [newest_demo(config.paths.outputs_dir, config.paths.models_dir)]
        listener(DemoAnswers(checkpoints[0]))
    else:
        checkpoints = find_checkpoints(config.checkpoint)
    return Predictor(
        checkpoints,
        voting=config.voting,
        sampling=_sampling(config),
        min_face_prob=config.min_face_prob,
        device=config.device,
        heat_maps=config.heat_maps,
    )


def _sampling(config: PredictConfig) -> SamplingPolicy | None:
    if config.sampling == "rate":
        return RateSampling(config.frames_per_second)
    if config.sampling == "first":
        return FirstSampling(config.num_frames or _FIRST_FRAMES)
    if config.sampling == "uniform" or config.num_frames is not None:
        return UniformSampling(config.num_frames or _UNIFORM_FRAMES)
    return None
