"""`unmask app`: the page that gives verdicts in a browser."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Final

from unmask.config.schema import AppConfig
from unmask.core.errors import CheckpointError, ConfigError
from unmask.verdict.models import LocalModel, find_checkpoints, list_models, open_models
from unmask.verdict.source import InputLimits
from unmask.video.archive import ArchiveLimits

MIB: Final = 2**20


@contextmanager
def serve(config: AppConfig) -> Iterator[str]:
    """Serve the page while the block runs.

    Yields:
        The page's address.

    Raises:
        CheckpointError: If there is no model that can be used.
        ConfigError: If Gradio is not installed, or the port is taken.
    """
    if find_spec("gradio") is None:
        raise ConfigError("The page needs Gradio: install it with `pip install 'unmask[app]'`.")
    from unmask.app.html import name_of
    from unmask.app.models import Question
    from unmask.app.server import served

    logging.getLogger("httpx").setLevel(logging.WARNING)  # Gradio's requests to itself
    models = _models(config)
    defaults = Question(
        (name_of(models[0]),), config.voting, config.num_frames or 0,
        config.min_face_prob or 0.0, config.heat_maps,
    )  # fmt: skip
    with served(models, config, defaults=defaults, limits=_limits(config)) as url:
        yield url


def _models(config: AppConfig) -> list[LocalModel]:
    if config.checkpoint is None:
        found = list_models(config.paths.outputs_dir, config.paths.models_dir)
    else:
        found = open_models(find_checkpoints(config.checkpoint))
    usable = [model for model in found if not model.problem]
    if usable:
        return usable
    if found:
        raise CheckpointError(found[0].problem)
    raise CheckpointError(
        f"There is no model below {config.paths.outputs_dir} or {config.paths.models_dir}. Name "
        "one with checkpoint=<file or run folder>, or make one with `make demo`."
    )


def _limits(config: AppConfig) -> InputLimits:
    return InputLimits(
        max_bytes=int(config.max_mib * MIB),
        max_seconds=config.max_seconds,
        max_pixels=int(config.max_megapixels * 1e6),
        max_frames=config.max_frames,
        archive=ArchiveLimits(
            max_files=config.max_zip_files,
            max_bytes=int(config.max_unpacked_mib * MIB),
            max_file_bytes=int(min(config.max_unpacked_mib, 64) * MIB),
        ),
    )
