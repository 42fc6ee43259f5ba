"""`unmask prepare`."""

from unmask.cli.objects import make_dataset, make_preparation
from unmask.cli.run import Call, console, run_verb
from unmask.config.schema import sets_of
from unmask.pipelines.datasets import prepare_dataset
from unmask.pipelines.prepare import summary_table


def prepare(arguments: list[str]) -> None:
    """Cut the faces of a data set."""
    run_verb("prepare", _prepare, arguments)


def _prepare(call: Call) -> None:
    config = call.config
    preparation = make_preparation(config.prepare)
    for dataset in sets_of(config.data):
        summary = prepare_dataset(make_dataset(dataset), preparation, config.paths.data_dir)
        console.print(summary_table(summary))
