"""Where metrics are logged."""

import logging
import netrc
import os
from argparse import Namespace
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlparse

from lightning.pytorch.loggers import Logger, WandbLogger

WANDB_HOST = "https://api.wandb.ai"

_log = logging.getLogger(__name__)


class TolerantWandbLogger(WandbLogger):
    """A Weights & Biases logger that never ends a run.

    What it cannot log it gives up with one warning: an hour of training is worth more than its
    curve on a page, and ``metrics.csv`` has the curve.

    Args:
        save_dir: The run's folder, whose name the run gets and where its files are kept.
        project: Project to log to.
        entity: User or team; None is the account's default.
        group: Runs of one sweep share a group.
        tags: Labels to find the run by.
        mode: ``"auto"`` is online where a key is configured, else offline: a first run needs no
            account, and ``wandb sync`` uploads it later.
        settings: Further keywords of Lightning's logger and of ``wandb.init``.
    """

    has_failed = False

    def __init__(
        self,
        save_dir: str,
        *,
        project: str = "unmask",
        entity: str | None = None,
        group: str | None = None,
        tags: list[str] | None = None,
        mode: Literal["auto", "online", "offline", "disabled"] = "auto",
        **settings: Any,  # noqa: ANN401 - of Lightning's logger and of wandb.init
    ) -> None:
        if mode == "auto":
            mode = "online" if has_wandb_key() else "offline"
        usual: dict[str, Any] = {"name": Path(save_dir).name, "log_model": False}
        super().__init__(
            save_dir=save_dir, project=project, entity=entity, group=group, tags=tags, mode=mode,
            **usual | settings,
        )  # fmt: skip

    def attempt(self, log: Callable[[], object]) -> None:
        """Log something, or warn once and log nothing from then on."""
        if self.has_failed:
            return
        try:
            log()
        except Exception as error:  # noqa: BLE001 - of a network, a service and a library's choice
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        if not self.has_failed:
            _log.warning(
                "Weights & Biases failed, so nothing more is logged to it; the run goes on. (%s)",
                f"{type(error).__name__}: {error}",
            )
        self.has_failed = True

    def log_hyperparams(self, params: dict[str, Any] | Namespace) -> None:
        """Log a configuration."""
        self.attempt(lambda: super(TolerantWandbLogger, self).log_hyperparams(params))

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log a point of each curve."""
        self.attempt(lambda: super(TolerantWandbLogger, self).log_metrics(metrics, step))

    def finish(self) -> None:
        """End the run, if one was started; also one that failed, so that the next can start."""
        experiment, self._experiment = self._experiment, None
        try:
            if experiment is not None:
                experiment.finish()
        except Exception as error:  # noqa: BLE001 - as in `attempt`
            self._give_up(error)


def close_loggers(loggers: list[Logger]) -> None:
    """End what a run logged to, so that the next run of a sweep starts its own.

    Args:
        loggers: Loggers of a run that has ended, well or not.
    """
    for logger in loggers:
        if isinstance(logger, TolerantWandbLogger):
            logger.finish()


def has_wandb_key() -> bool:
    """Return whether Weights & Biases would find a key: in the environment or in ``~/.netrc``."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    host = urlparse(os.environ.get("WANDB_BASE_URL", WANDB_HOST)).hostname or ""
    try:
        return netrc.netrc().authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False
