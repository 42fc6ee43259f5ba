"""`unmask predict PATH…`: a verdict on each file, with its evidence."""

import re
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Final

from rich.markup import escape
from rich.table import Column, Table
from rich.text import Text

from unmask.cli.hydra import EXIT_BAD_INPUT, Call, console, print_error, run_verb
from unmask.config.schema import PredictConfig
from unmask.core.errors import ConfigError, UnmaskError, VideoError
from unmask.core.files import write_json, write_text
from unmask.verdict import Evidence, Predictor, render_html
from unmask.verdict.models import find_checkpoints, newest_demo
from unmask.verdict.page import WORDS, vote_table
from unmask.video.kinds import files_to_judge
from unmask.video.sampling import FirstSampling, RateSampling, SamplingPolicy, UniformSampling

_COLOURS = {"real": "blue", "fake": "red", "uncertain": "yellow", "no_face": "bright_black"}
_SETTING: Final = re.compile(r"-|[+~]{0,2}[A-Za-z_][\w./@]*=")
# Of Hydra; the word behind is no file of ours.
_FLAGS_WITH_VALUE: Final = frozenset(
    {"--config-dir", "-cd", "--config-name", "-cn", "--config-path", "-cp", "--package", "-p"}
)
_UNIFORM_FRAMES, _FIRST_FRAMES = 30, 100
# Names of files and models are text, whatever brackets they hold.
_say = partial(console.print, highlight=False, soft_wrap=True, markup=False)


def predict(arguments: list[str]) -> None:
    """Answer for every file that the command line names; exits with code 2 if one is unusable."""
    paths, words = split_words(arguments)
    run_verb("predict", partial(_predict, paths=paths), words)


def split_words(arguments: Sequence[str]) -> tuple[list[Path], list[str]]:
    """Tell files from settings: a word is a setting if it is a flag or ``key=value`` and no file.

    Example:
        >>> split_words(["clip.mp4", "voting=hard", "--html"])
        ([PosixPath('clip.mp4')], ['voting=hard', 'html=true'])
    """
    paths: list[Path] = []
    words: list[str] = []
    for before, word in pairwise(["", *arguments]):
        if word == "--html":
            words.append("html=true")
        elif before in _FLAGS_WITH_VALUE or (_SETTING.match(word) and not Path(word).exists()):
            words.append(word)
        else:
            paths.append(Path(word))
    return paths, words


def _predict(call: Call, *, paths: Sequence[Path]) -> None:
    config: PredictConfig = call.config
    if not paths:
        raise ConfigError("Name at least one file, for example `unmask predict clip.mp4`.")
    call.save_config()
    predictor = _predictor(config)
    files, num_failed = _files(paths)
    folders = _folders(call.run_dir, files)
    for file, folder in zip(files, folders, strict=True):
        try:
            evidence = predictor.predict(file)
        except UnmaskError as error:
            # A sentence of a video names the file alone; several files may share a name.
            print_error(f"{file}: {error}" if isinstance(error, VideoError) else str(error))
            num_failed += 1
            continue
        write_json(folder / "evidence.json", evidence.to_json())
        if config.html:
            write_text(folder / "verdict.html", render_html(evidence))
        _show(file, evidence, folder, html=config.html)
    if num_failed:
        if len(files) > 1 or num_failed > 1:
            print_error(f"{num_failed} of the inputs could not be used.")
        raise SystemExit(EXIT_BAD_INPUT)


def _files(paths: Sequence[Path]) -> tuple[list[Path], int]:
    """List the files that paths stand for, and count the paths that cannot be used."""
    files, num_failed = [], 0
    for path in paths:
        try:
            files += files_to_judge(path)
        except (VideoError, OSError) as error:  # the latter of a path that cannot be looked at
            print_error(str(error))
            num_failed += 1
    return files, num_failed


def _folders(out: Path, files: Sequence[Path]) -> list[Path]:
    """Give the evidence of each file a folder of its own; a single file needs none."""
    if len(files) == 1:
        return [out]
    digits = len(str(len(files)))
    return [out / f"{number:0{digits}}_{file.stem}" for number, file in enumerate(files, start=1)]


def _predictor(config: PredictConfig) -> Predictor:
    if config.checkpoint is None:
        path = newest_demo(config.paths.outputs_dir, config.paths.models_dir)
        _say(
            f"No checkpoint was named, so the demo model {path} answers. It has only ever seen "
            "synthetic people: what it says of real ones means nothing.",
            style="yellow",
        )
        checkpoints = [path]
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


def _show(file: Path, evidence: Evidence, folder: Path, *, html: bool) -> None:
    word, colour = WORDS[evidence.verdict], _COLOURS[evidence.verdict]
    _say(Text.assemble("\n", (word, f"bold {colour}"), f": {file}"))
    _say(evidence.reason)
    if evidence.tracks:
        head, rows = vote_table(evidence)
        table = Table(*(Column(name, overflow="fold") for name in head))
        for row in rows:
            table.add_row(*map(escape, row))
        console.print(table)
    for caution in evidence.cautions:
        _say(f"  ! {caution.sentence}")
    _say(f"Evidence: {folder / 'evidence.json'}")
    if html:
        _say(f"Page: {folder / 'verdict.html'}")
