"""The scores of a run, kept by what decides them, so that nothing is scored twice.

``<run>/scores/`` holds one file for each split that was ever scored, named by a hash of the
checkpoint, the clips and everything else that decides a score. ``predictions.parquet`` is put
together from them.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import lightning as L  # noqa: N812 - the library's own convention
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from unmask.core.errors import DataError, PredictionsError
from unmask.core.files import read_parquet, sha256_of_json, write_parquet
from unmask.data.dataset import FaceClips
from unmask.evaluation.embeddings import embeddings_table, read_embeddings
from unmask.evaluation.predictions import check_predictions, predictions_table
from unmask.models.detector import ClipDetector
from unmask.runs.files import SCORES_DIR
from unmask.training.callbacks.speed import ChannelsLast, CompileBackbone
from unmask.training.scoring import ScoredClips

# Raised when a change of the program changes scores.
VERSION: Final = 1
_FACTS: Final = b"unmask"


@dataclass(frozen=True)
class KeptScores:
    """What was kept of a split.

    Attributes:
        predictions: Checked predictions.
        embeddings: As :data:`unmask.evaluation.embeddings.EMBEDDINGS`, or None.
    """

    predictions: pd.DataFrame
    embeddings: pd.DataFrame | None


def deciding_facts(
    detector: ClipDetector, clips: FaceClips, *, checkpoint_hash: str, trainer: L.Trainer
) -> dict[str, Any]:
    """Return the facts that decide the scores of a split.

    Left out is the batch size, which can move the last bits but not a decision: training and
    evaluation rarely use the same.

    Args:
        checkpoint_hash: SHA-256 of the file of its weights.
        trainer: Says on which device and in which precision.
    """
    speed = [type(one).__name__ for one in _callbacks(trainer)]
    return {
        "version": VERSION,
        "checkpoint": checkpoint_hash,
        "clips": _hash_of_clips(clips),
        "crops": _hash_of_crops(clips),
        "image_size": detector.image_size,
        "device": trainer.strategy.root_device.type,
        "precision": str(trainer.precision),
        "speed": sorted(set(speed)),
    }


class ScoreFile:
    """Where the scores of one split are kept.

    Args:
        facts: As :func:`deciding_facts` gives them.
    """

    def __init__(self, run_dir: Path, dataset: str, split: str, facts: dict[str, Any]) -> None:
        self._facts = facts
        self._folder = run_dir / SCORES_DIR
        self._split = f"{dataset}-{split}-"
        name = f"{self._split}{sha256_of_json(facts)[:16]}"
        self._path = self._folder / f"{name}.parquet"
        self._embeddings_path = self._folder / f"{name}.embeddings.parquet"

    def read(self) -> KeptScores | None:
        """Return what was kept; None where there is nothing or it is damaged."""
        if not self._path.is_file() or _facts_of(self._path) != self._facts:
            return None
        try:
            predictions = check_predictions(read_parquet(self._path).to_pandas())
            has_embeddings = self._embeddings_path.is_file()
            embeddings = read_embeddings(self._embeddings_path) if has_embeddings else None
        except (DataError, PredictionsError):
            return None  # it is made anew
        return KeptScores(predictions, embeddings)

    def write(self, scored: ScoredClips) -> KeptScores:
        """Keep scores, whole or not at all.

        Raises:
            PredictionsError: If the scores break the tables' schemas.
        """
        kept = KeptScores(check_predictions(scored.predictions), scored.embeddings)
        # First the part that the other one vouches for.
        if scored.embeddings is not None:
            write_parquet(self._embeddings_path, embeddings_table(scored.embeddings))
        table = predictions_table(kept.predictions)
        write_parquet(
            self._path, table.replace_schema_metadata({_FACTS: json.dumps(self._facts).encode()})
        )
        return kept

    def why_anew(self) -> list[str]:
        """Name what has changed since the split was last scored; empty where it never was."""
        others = [
            path
            for path in self._folder.glob(f"{self._split}*.parquet")
            if path != self._path and not path.name.endswith(".embeddings.parquet")
        ]
        if not others:
            return []
        last = _facts_of(max(others, key=lambda path: path.stat().st_mtime_ns)) or {}
        return [name for name, value in self._facts.items() if last.get(name) != value]


def _facts_of(path: Path) -> dict[str, Any] | None:
    try:
        metadata = pq.read_schema(path).metadata or {}
        facts = json.loads(metadata.get(_FACTS, b"null"))
    except (pa.ArrowInvalid, OSError, ValueError):
        return None
    return facts if isinstance(facts, dict) else None


def _callbacks(trainer: L.Trainer) -> list[Any]:
    callbacks: list[Any] = getattr(trainer, "callbacks", [])
    return [one for one in callbacks if isinstance(one, ChannelsLast | CompileBackbone)]


def _hash_of_clips(clips: FaceClips) -> str:
    """Hash the table of clips: ids, labels, splits, and the crops of each clip in order."""
    table = clips.clips
    columns = {name: table[name].tolist() for name in sorted(table.columns) if name != "crop_paths"}
    return sha256_of_json({**columns, "crop_paths": [list(x) for x in table["crop_paths"]]})


def _hash_of_crops(clips: FaceClips) -> str:
    """Hash where the crops lie, their sizes and when they were written, without reading them."""
    paths = sorted({path for paths in clips.clips["crop_paths"] for path in paths})
    with ThreadPoolExecutor() as pool:  # a network's file system answers slowly
        states = list(pool.map(lambda path: _state_of(clips.folder / path), paths))
    return sha256_of_json([clips.folder.name, *zip(paths, states, strict=True)])


def _state_of(path: Path) -> tuple[int, int] | None:
    try:
        state = path.stat()
    except OSError:
        return None  # scoring will name the crop that is missing
    return state.st_size, state.st_mtime_ns
