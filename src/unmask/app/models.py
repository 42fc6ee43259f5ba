"""Ask local models, by their names, about a file."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self, cast, get_args

from unmask.app.html import name_of
from unmask.core.errors import ConfigError, did_you_mean
from unmask.core.voting import VotingRule
from unmask.verdict.evidence import Evidence
from unmask.verdict.models import LocalModel
from unmask.verdict.predictor import Predictor
from unmask.verdict.progress import OnStage, ShouldStop
from unmask.verdict.source import InputLimits
from unmask.video.sampling import UniformSampling

RULES: Final[tuple[VotingRule, ...]] = get_args(VotingRule)
MAX_OPEN_PREDICTORS: Final = 3
MAX_NUM_FRAMES: Final = 100


@dataclass(frozen=True)
class Question:
    """How a file is to be looked at.

    Args:
        models: Names of local models; several vote.
        num_frames: Spread over the whole file; 0 for those of the training.
        min_face_prob: Least probability of a face, in the frame and in its crop; 0 for those of the
            training, usually 0.9.
        heat_maps: Whether to draw where the first model looks.
    """

    models: tuple[str, ...]
    voting: str = "soft"
    num_frames: int = 0
    min_face_prob: float = 0.0
    heat_maps: bool = False

    def __post_init__(self) -> None:
        if not self.models:
            raise ConfigError("Choose at least one model.")
        twice = [name for name in self.models if self.models.count(name) > 1]
        if twice:
            raise ConfigError(f"The model '{twice[0][:100]}' is chosen twice; it votes once.")
        if self.voting not in RULES:
            raise ConfigError(f"There is no voting rule '{self.voting}'; take {', '.join(RULES)}.")
        if not 0 <= self.num_frames <= MAX_NUM_FRAMES:
            raise ConfigError(
                f"The number of frames must lie between 1 and {MAX_NUM_FRAMES}, or be 0 for that "
                f"of the training, but it is {self.num_frames}."
            )
        if not 0 <= self.min_face_prob <= 1:
            raise ConfigError(
                f"The least probability of a face must lie in [0, 1], got {self.min_face_prob:g}."
            )

    @classmethod
    def of(
        cls,
        models: object,
        voting: object,
        num_frames: object,
        min_face_prob: object,
        heat_maps: object,
    ) -> Self:
        """Make a question from what a page or a client sends.

        Raises:
            ConfigError: If something is not what it should be.
        """
        chosen = models if isinstance(models, list | tuple) else [models] if models else []
        try:
            count, least = float(str(num_frames or 0)), float(str(min_face_prob or 0))
            whole = int(count)
        except (ValueError, OverflowError) as error:
            raise ConfigError(
                "The number of frames and the least probability of a face must be numbers, got "
                f"{str(num_frames)[:40]!r} and {str(min_face_prob)[:40]!r}."
            ) from error
        if whole != count:
            raise ConfigError(f"The number of frames must be whole, got {count:g}.")
        return cls(
            models=tuple(map(str, chosen)),
            voting=str(voting)[:40],
            num_frames=whole,
            min_face_prob=least,
            heat_maps=bool(heat_maps),
        )


class ModelPool:
    """Local models behind names; the last few combinations stay open.

    Args:
        models: Those offered, at least one; equal names are told apart by a number.
        device: Where the networks run.

    Attributes:
        models: Name -> model.
    """

    def __init__(
        self,
        models: Sequence[LocalModel],
        *,
        limits: InputLimits,
        device: str = "auto",
    ) -> None:
        self.models = _named(models)
        self._limits, self._device = limits, device
        self._open: OrderedDict[tuple[object, ...], Predictor] = OrderedDict()
        self._lock = threading.Lock()

    def predict(
        self,
        file: Path,
        question: Question,
        *,
        on_stage: OnStage | None = None,
        should_stop: ShouldStop | None = None,
    ) -> Evidence:
        """Give a verdict on a file.

        Raises:
            ConfigError: If a model is unknown, or those chosen cannot vote together.
            VideoError: If the file cannot be used.
            CancelledError: If ``should_stop`` said so.
        """
        return self._predictor(question).predict(
            file,
            min_face_prob=question.min_face_prob or None,
            on_stage=on_stage,
            should_stop=should_stop,
        )

    def _predictor(self, question: Question) -> Predictor:
        unknown = [name for name in question.models if name not in self.models]
        if unknown:
            near = did_you_mean(unknown[0], self.models)
            raise ConfigError(f"There is no model '{unknown[0][:100]}' here{near}")
        key = (question.models, question.voting, question.num_frames, question.heat_maps)
        with self._lock:
            if key not in self._open:
                self._open[key] = Predictor(
                    [self.models[name].path for name in question.models],
                    voting=cast("VotingRule", question.voting),  # checked by Question
                    sampling=UniformSampling(question.num_frames) if question.num_frames else None,
                    device=self._device,
                    limits=self._limits,
                    heat_maps=question.heat_maps,
                )
                while len(self._open) > MAX_OPEN_PREDICTORS:
                    self._open.popitem(last=False)
            self._open.move_to_end(key)
            return self._open[key]


def _named(models: Sequence[LocalModel]) -> dict[str, LocalModel]:
    named: dict[str, LocalModel] = {}
    for model in models:
        if model.problem:
            continue
        name, number = name_of(model), 2
        while name in named:
            name, number = f"{name_of(model)} ({number})", number + 1
        named[name] = model
    return named
