"""Which weights may stand under a run's name: those that its own training left."""

from pathlib import Path
from typing import Any

import torch

from unmask.core.errors import CheckpointError
from unmask.core.files import sha256_of_file, sha256_of_json
from unmask.runs.card import RunCard
from unmask.runs.run import Run
from unmask.training.checkpoint import Provenance, differences, read_checkpoint
from unmask.training.release import weights_hash


def require_own_weights(path: Path, run: Run, *, model: dict[str, Any]) -> None:
    """Refuse to score a run with weights of another training.

    The leak audit, the threshold and the name of the numbers are all the run's. Any of its own
    checkpoints will do, and the model released from one.

    Args:
        model: Its ``model`` node, for a run whose own checkpoints have gone.

    Raises:
        CheckpointError: If it cannot be read, or comes from another model, data, seed or recipe.
    """
    best = run.best
    if path.resolve() == best.resolve():
        return
    found = {"leak_allowed": False} | read_checkpoint(path)["unmask"]
    if best.is_file():
        own = _own_provenance(best)
    else:
        own = _recorded_provenance(run.card, model, leak_allowed=found["leak_allowed"])
    differing = differences(found, own)
    if differing:
        raise CheckpointError(
            f"{path} is not of the run {run.folder}, because it was trained with another "
            f"{', '.join(differing)}; evaluate the run that it belongs to."
        )


def hash_of_weights(path: Path, best: Path) -> str:
    """Return what a run records as the SHA-256 of its scored weights.

    A released model counts as the checkpoint that its card names, so that nothing is scored again
    and validation's choice stays one; but never as the best where its weights are others.

    Args:
        best: The checkpoint that validation chose, where it still is.

    Raises:
        CheckpointError: If one cannot be read.
    """
    named = weights_hash(path)
    if path.resolve() == best.resolve() or not best.is_file() or named != sha256_of_file(best):
        return named
    own, other = (read_checkpoint(one)["state_dict"] for one in (path, best))
    is_same = own.keys() == other.keys() and all(torch.equal(own[k], other[k]) for k in own)
    return named if is_same else sha256_of_file(path)


def _own_provenance(best: Path) -> Provenance:
    content = read_checkpoint(best)["unmask"]
    names = Provenance.__dataclass_fields__
    return Provenance(**{name: value for name, value in content.items() if name in names})


def _recorded_provenance(card: RunCard, model: dict[str, Any], *, leak_allowed: bool) -> Provenance:
    """Put together from the card what its checkpoint would say, but for what evaluations change."""
    sources = card.sources
    hashes = {name: card.manifest_hashes.get(name, "") for name in sources}
    return Provenance(
        model=model,
        dataset=card.source_dataset,
        manifest_hash=sha256_of_json(hashes) if len(hashes) > 1 else hashes[sources[0]],
        seed=card.seed or 0,
        leak_allowed=leak_allowed,
    )
