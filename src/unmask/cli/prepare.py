"""`unmask prepare`."""

from unmask.cli.hydra import Call, console, run_verb
from unmask.cli.objects import make_dataset, make_preparation
from unmask.config.schema import sets_of
from unmask.core.errors import ConfigError
from unmask.prepare import Shard, summary_table
from unmask.prepare.datasets import prepare_dataset


def prepare(arguments: list[str]) -> None:
    """Cut the faces of a data set."""
    run_verb("prepare", _prepare, arguments)


def _prepare(call: Call) -> None:
    config = call.config
    preparation, shard = make_preparation(config.prepare), _shard(config.shard)
    for dataset in sets_of(config.data):
        summary = prepare_dataset(
            make_dataset(dataset), preparation, config.paths.data_dir, shard=shard
        )
        console.print(summary_table(summary))


def _shard(text: str | None) -> Shard | None:
    try:
        return None if text is None else Shard.parse(text)
    except ValueError as error:
        raise ConfigError(str(error)) from error
