"""Keeping the epoch that validation chose and the latest one, also across an interruption."""

import shutil
from pathlib import Path, PurePath
from typing import Any, Literal

from lightning.pytorch.callbacks import ModelCheckpoint

from unmask.core.errors import CheckpointError
from unmask.training.ranks import is_rank_zero


class BestCheckpoint(ModelCheckpoint):
    """Keep the best epoch as ``best.ckpt``.

    Lightning forgets the best score so far when a run is resumed in another folder, and would then
    call a later, worse epoch the best. This one brings the best checkpoint along.

    Args:
        monitor: Name of the metric that chooses; never one of a test set.
        mode: Whether larger or smaller is better.
    """

    def __init__(self, monitor: str = "val/video_auc", mode: Literal["max", "min"] = "max") -> None:
        super().__init__(monitor=monitor, mode=mode, filename="best", enable_version_counter=False)
        self._best_so_far: Path | None = None

    def continue_from(self, resume: Path, checkpoint: dict[str, Any]) -> None:
        """Find the best epoch so far beside the checkpoint that a run is resumed from.

        Its path in the checkpoint is of the machine and folder where the run was; a run that was
        moved or copied is resumed from where it lies now.

        Args:
            resume: The checkpoint to continue from.

        Raises:
            CheckpointError: If the best epoch so far is missing.
        """
        state = checkpoint.get("callbacks", {}).get(self.state_key, {})
        if not state.get("best_model_path"):
            return
        self._best_so_far = resume.parent / PurePath(state["best_model_path"]).name
        if not self._best_so_far.is_file():
            raise CheckpointError(
                f"{resume} cannot be continued, because the best epoch so far is missing: there is "
                f"no {self._best_so_far}. Copy {self._best_so_far.name} from the checkpoints "
                "folder of the interrupted run to there."
            )

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the state of the interrupted run and copy its best checkpoint."""
        assert self.dirpath is not None
        if self._best_so_far is None:
            super().load_state_dict(state_dict | {"dirpath": self.dirpath})
            return
        folder = Path(self.dirpath)
        here = folder / self._best_so_far.name
        if is_rank_zero() and self._best_so_far.resolve() != here.resolve():
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self._best_so_far, here)
        places = {
            "dirpath": self.dirpath,
            "best_model_path": str(here),
            "kth_best_model_path": str(here),
            "best_k_models": {str(here): state_dict["best_model_score"]},
        }
        super().load_state_dict(state_dict | places)


class LatestCheckpoint(ModelCheckpoint):
    """Keep the latest epoch as ``last.ckpt``, to resume from.

    Lightning's own ``save_last`` writes only when an epoch is the best so far.
    """

    def __init__(self) -> None:
        super().__init__(filename="last", enable_version_counter=False)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take nothing over: the next epoch writes the file anew."""
