"""Keeping the epoch that validation chose and the latest one, also across an interruption."""

import shutil
from pathlib import Path
from typing import Any, Literal

from lightning.pytorch.callbacks import ModelCheckpoint

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

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the state of the interrupted run and copy its best checkpoint."""
        assert self.dirpath is not None
        source, folder = Path(state_dict["best_model_path"]), Path(self.dirpath)
        moved = folder / source.name
        if is_rank_zero() and source.is_file() and source.resolve() != moved.resolve():
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, moved)
        places = {
            "dirpath": self.dirpath,
            "best_model_path": str(moved),
            "kth_best_model_path": str(moved),
            "best_k_models": {str(moved): state_dict["best_model_score"]},
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
