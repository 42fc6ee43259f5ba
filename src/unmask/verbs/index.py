"""`unmask index`: what is in a data set's folder."""

from unmask.config.schema import IndexConfig, sets_of
from unmask.prepare.datasets import index_dataset
from unmask.prepare.index import IndexSummary
from unmask.verbs.listener import Listener, ignore
from unmask.verbs.objects import make_dataset


def index(config: IndexConfig, *, listener: Listener = ignore) -> list[IndexSummary]:
    """List the videos of each data set with label, method, group and split.

    Args:
        listener: Hears each summary as it is made.

    Raises:
        DataError: If a folder does not hold its data set, or cannot be split.
    """
    summaries = []
    for dataset in sets_of(config.data):
        summaries.append(index_dataset(make_dataset(dataset), config.paths.data_dir))
        listener(summaries[-1])
    return summaries
