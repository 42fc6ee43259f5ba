"""What a call of prepare did, for a person."""

from dataclasses import dataclass
from pathlib import Path

from rich.table import Table


@dataclass(frozen=True)
class PrepareSummary:
    """What a store holds, or a shard's part of it while others are at work.

    Args:
        store_dir: The store.
        num_videos: Videos and images asked for.
        num_faces: Crops.
        num_failures: Videos without a crop.
        reasons: How many videos failed for each reason, by name.
        num_waiting: Videos that other shards have still to do; the tables are there when it is 0.
    """

    store_dir: Path
    num_videos: int
    num_faces: int
    num_failures: int
    reasons: dict[str, int]
    num_waiting: int = 0


def summary_table(summary: PrepareSummary) -> Table:
    """Show what a store holds, with the failures by reason."""
    title = "Prepared a shard of" if summary.num_waiting else "Prepared"
    table = Table(title=f"{title} {summary.store_dir}", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_row("videos and images", f"{summary.num_videos:,}")
    table.add_row("face crops", f"{summary.num_faces:,}")
    table.add_row("without a face crop", f"{summary.num_failures:,}")
    for reason, count in summary.reasons.items():
        table.add_row(f"  {reason}", f"{count:,}")
    captions = []
    if summary.num_waiting:
        table.add_row("left to other shards", f"{summary.num_waiting:,}")
        captions.append("The last shard writes the tables; without `shard`, this call does.")
    else:
        captions.append("prepare.html shows the faces.")
        if summary.num_failures:
            captions.append("failures.parquet says what was wrong with each.")
    table.caption = " ".join(captions)
    return table
