"""`unmask app`: the page that gives verdicts in a browser."""

import logging
import signal
import threading
from importlib.util import find_spec

from unmask.cli.hydra import Call, console, run_verb
from unmask.config.schema import AppConfig
from unmask.core.errors import CheckpointError, ConfigError
from unmask.verdict import InputLimits
from unmask.verdict.models import LocalModel, find_checkpoints, list_models, open_models
from unmask.video.archive import ArchiveLimits

MIB = 2**20


def app(arguments: list[str]) -> None:
    """Serve the page until somebody stops it."""
    run_verb("app", _app, arguments)


def _app(call: Call) -> None:
    if find_spec("gradio") is None:
        raise ConfigError("The page needs Gradio: install it with `pip install 'unmask[app]'`.")
    from unmask.app.html import name_of
    from unmask.app.models import Question
    from unmask.app.server import Serving, served

    config: AppConfig = call.config
    logging.getLogger("httpx").setLevel(logging.WARNING)  # Gradio's requests to itself
    models = _models(config)
    serving = Serving(
        host=config.host,
        port=config.port,
        device=config.device,
        queue_limit=config.queue_limit,
        keep_seconds=config.keep_seconds,
        flagged_dir=config.flagged_dir,
        max_flagged_bytes=int(config.max_flagged_mib * MIB),
        examples=config.examples,
    )
    defaults = Question(
        (name_of(models[0]),), config.voting, config.num_frames or 0,
        config.min_face_prob or 0.0, config.heat_maps,
    )  # fmt: skip
    with served(models, defaults=defaults, limits=_limits(config), serving=serving) as url:
        console.print(f"The page is at {url} (stop it with Ctrl+C).", highlight=False)
        if config.host not in ("127.0.0.1", "localhost", "::1"):
            console.print(
                "It answers whoever reaches this address: there is no password.", style="yellow"
            )
        _wait()


def _wait() -> None:
    """Wait for somebody who stops the server; a service manager does so with SIGTERM."""
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    while not stopped.wait(1):
        pass
    console.print("Stopped.")


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
