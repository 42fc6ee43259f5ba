"""`unmask index`."""

from unmask.cli.hydra import Call, console, run_verb
from unmask.cli.objects import make_dataset
from unmask.config.schema import sets_of
from unmask.prepare.datasets import index_dataset
from unmask.prepare.index import summary_table


def index(arguments: list[str]) -> None:
    """Index a data set's folder."""
    run_verb("index", _index, arguments)


def _index(call: Call) -> None:
    for dataset in sets_of(call.config.data):
        summary = index_dataset(make_dataset(dataset), call.config.paths.data_dir)
        console.print(summary_table(summary))
        for note in summary.notes:
            console.print(f"Note: {note}", highlight=False, soft_wrap=True)
        if summary.num_ignored:
            ignored = f"Ignored {summary.num_ignored} files; index.json names each."
            console.print(ignored, soft_wrap=True)
        console.print(f"Manifest: {summary.videos_path}", soft_wrap=True)
