"""A model that takes part in a verdict, as its checkpoint describes it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from unmask.core.errors import CheckpointError, ConfigError
from unmask.core.files import sha256_of_file
from unmask.models.detector import ClipDetector
from unmask.runs.files import BEST_FILE, CHECKPOINTS_DIR, MODEL_FILE
from unmask.training.card_file import card_of
from unmask.training.checkpoint import read_checkpoint, read_detector
from unmask.training.release import ClipRecipe, clip_recipe
from unmask.verdict.faces import Cut
from unmask.video.sampling import SamplingPolicy

# What must be equal for one search of the frames to serve two models.
_SHARED: Final = ("detector",)


@dataclass(frozen=True, eq=False)
class Member:
    """One model.

    Args:
        name: Its run's name, or its file's; distinct among the members.
        recipe: How the clips of its training were cut.
        card: Its model card; None where it has none.
    """

    name: str
    sha256: str
    detector: ClipDetector
    recipe: ClipRecipe
    card: dict[str, Any] | None


def open_members(checkpoints: Sequence[Path | str], *, device: str) -> list[Member]:
    """Open checkpoints.

    Args:
        checkpoints: Files or folders of runs, at least one.
        device: Where the networks run.

    Raises:
        CheckpointError: If one cannot be used.
        ConfigError: If there is none, or one is named twice.
    """
    paths = [_file_of(Path(one)) for one in checkpoints]
    if not paths:
        raise ConfigError("A verdict needs at least one checkpoint, but none was given.")
    twice = {path for path in paths if paths.count(path) > 1}
    if twice:
        raise ConfigError(
            # A server hands the sentence on, so it says nothing of where the file lies.
            f"The checkpoint {min(twice).name} is named twice; an ensemble counts it once."
        )
    members: list[Member] = []
    for path in paths:
        member = _open(path, device)
        taken = {one.name for one in members}
        number = 2
        name = member.name
        while name in taken:
            name = f"{member.name} ({number})"
            number += 1
        members.append(replace(member, name=name))
    return members


def cuts_of(
    members: Sequence[Member], *, sampling: SamplingPolicy | None, min_face_prob: float | None
) -> tuple[list[Cut], list[int]]:
    """Group members by how their crops are cut.

    Args:
        members: At least one.
        sampling: Which frames to look at; None for those of the training.
        min_face_prob: Least probability of a face, in the frame and in its crop; None for those of
            the training.

    Returns:
        The ways to cut, and for each member the place of its own.

    Raises:
        ConfigError: If two members look at different frames or look for faces in different ways.
    """
    for part in (*_SHARED, *(("sampling",) if sampling is None else ())):
        _require_same(members, part)
    cuts: dict[str, Cut] = {}
    places = []
    for member in members:
        crops = member.recipe.crops
        key = json.dumps([crops[p] for p in ("cropper", "verifier", "tracker", "image_format")])
        extractor = member.recipe.extractor
        cuts.setdefault(
            key,
            Cut(
                replace(
                    extractor,
                    sampling=sampling or extractor.sampling,
                    detector=_with_min_prob(extractor.detector, min_face_prob),
                    verifier=_with_min_prob(extractor.verifier, min_face_prob),
                ),
                member.recipe.image_format,
            ),
        )
        places.append(list(cuts).index(key))
    return list(cuts.values()), places


def _file_of(path: Path) -> Path:
    """Return a checkpoint, or that of a run's folder."""
    if not path.is_dir():
        return path
    for file in (path / MODEL_FILE, path / CHECKPOINTS_DIR / BEST_FILE):
        if file.is_file():
            return file
    raise CheckpointError(
        f"The folder {path} holds neither {MODEL_FILE} nor {CHECKPOINTS_DIR}/{BEST_FILE}; give a "
        "checkpoint, or the folder of a run that `unmask train` wrote."
    )


def _open(path: Path, device: str) -> Member:
    checkpoint = read_checkpoint(path)
    card = card_of(checkpoint["unmask"], path)
    return Member(
        name=str(card["name"]) if card else path.stem,
        sha256=sha256_of_file(path),
        detector=read_detector(path).to(device),
        recipe=clip_recipe(checkpoint, path),
        card=card,
    )


def _require_same(members: Sequence[Member], part: str) -> None:
    first = members[0]
    for other in members[1:]:
        here, there = first.recipe.crops[part], other.recipe.crops[part]
        if here == there:
            continue
        differing = ", ".join(
            f"{key}={here.get(key)} there, {there.get(key)} here"
            for key in sorted({*here, *there})
            if here.get(key) != there.get(key) and key != "_target_"
        )
        advice = (
            "choose one for all with sampling=uniform, first or rate"
            if part == "sampling"
            else "ask them one by one"
        )
        raise ConfigError(
            f"'{first.name}' and '{other.name}' were trained with another {part} "
            f"({differing or here.get('_target_')}), so one look does not serve both; {advice}."
        )


def _with_min_prob(part: Any, min_prob: float | None) -> Any:  # noqa: ANN401 - detector or verifier
    if part is None or min_prob is None:
        return part
    return replace(part, min_prob=min_prob)
