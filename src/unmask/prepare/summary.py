"""What a call of prepare did, for a person."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class PrepareSummary:
    """What a store holds, or a shard's part of it while others are at work.

    Args:
        num_videos: Videos and images asked for.
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
