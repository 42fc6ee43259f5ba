"""Where metrics are logged."""

import netrc
import os
from pathlib import Path
from typing import Literal
from urllib.parse import urlparse

from lightning.pytorch.loggers import CSVLogger, Logger, WandbLogger

WANDB_HOST = "https://api.wandb.ai"


def make_csv_logger(*, run_dir: Path) -> CSVLogger:
    """Build a logger that keeps ``metrics.csv`` in the run's folder."""
    return CSVLogger(save_dir=run_dir.parent, name=run_dir.name, version="")


def make_wandb_logger(
    *,
    run_dir: Path,
    project: str = "unmask",
    entity: str | None = None,
    group: str | None = None,
    tags: list[str] | None = None,
    mode: Literal["auto", "online", "offline", "disabled"] = "auto",
) -> WandbLogger:
    """Build a logger to Weights & Biases.

    Args:
        run_dir: The run's folder, whose name the run gets and where its files are kept.
        project: Project to log to.
        entity: User or team; None is the account's default.
        group: Runs of one sweep share a group.
        tags: Labels to find the run by.
        mode: ``"auto"`` is online where a key is configured, else offline: a first run needs no
            account, and ``wandb sync`` uploads it later.
    """
    if mode == "auto":
        mode = "online" if has_wandb_key() else "offline"
    return WandbLogger(
        name=run_dir.name, save_dir=run_dir, project=project, entity=entity, group=group,
        tags=tags, mode=mode, log_model=False,
    )  # fmt: skip


def close_loggers(loggers: list[Logger]) -> None:
    """End what a run logged to, so that the next run of a sweep starts its own.

    Args:
        loggers: Of a run that has ended, well or not.
    """
    for logger in loggers:
        if isinstance(logger, WandbLogger):
            logger.experiment.finish()


def has_wandb_key() -> bool:
    """Say whether Weights & Biases would find a key: in the environment or in ``~/.netrc``."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    host = urlparse(os.environ.get("WANDB_BASE_URL", WANDB_HOST)).hostname or ""
    try:
        return netrc.netrc().authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False
