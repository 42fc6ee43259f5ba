"""`unmask prepare`."""

from unmask.cli.objects import make_dataset, make_preparation
from unmask.cli.run import Call, console, run_verb
from unmask.core.errors import ConfigError
from unmask.pipelines.datasets import prepare_dataset
from unmask.pipelines.prepare import Shard, summary_table


def prepare(arguments: list[str]) -> None:
    """Cut the faces of a data set."""
    run_verb("prepare", _prepare, arguments)


def _prepare(call: Call) -> None:
    config = call.config
    summary = prepare_dataset(
        make_dataset(config.data),
        make_preparation(config.prepare),
        config.paths.data_dir,
        shard=_shard(config.shard),
    )
    console.print(summary_table(summary))


def _shard(text: str | None) -> Shard | None:
    try:
        return None if text is None else Shard.parse(text)
    except ValueError as error:
        raise ConfigError(str(error)) from error
