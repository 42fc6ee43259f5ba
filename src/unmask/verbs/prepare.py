"""`unmask prepare`: videos and images to face crops."""

from unmask.config.schema import PrepareVerbConfig, sets_of
from unmask.core.errors import ConfigError
from unmask.prepare.datasets import prepare_dataset
from unmask.prepare.shard import Shard
from unmask.prepare.summary import PrepareSummary
from unmask.verbs.listener import Listener, ignore
from unmask.verbs.objects import make_dataset, make_preparation


def prepare(config: PrepareVerbConfig, *, listener: Listener = ignore) -> list[PrepareSummary]:
    """Find and cut the faces of each data set, doing only what was not done before.

    Args:
        listener: Hears each summary as it is made.

    Raises:
        ConfigError: If ``shard`` names no slice.
        DataError: If a folder does not hold its data set, or cannot be split.
    """
    preparation, shard = make_preparation(config.prepare), _shard(config.shard)
    summaries = []
    for dataset in sets_of(config.data):
        summaries.append(
            prepare_dataset(make_dataset(dataset), preparation, config.paths.data_dir, shard=shard)
        )
        listener(summaries[-1])
    return summaries


def _shard(text: str | None) -> Shard | None:
    try:
        return None if text is None else Shard.parse(text)
    except ValueError as error:
        raise ConfigError(str(error)) from error
