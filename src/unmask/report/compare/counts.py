"""How many test videos are behind a number, and which numbers are of the same ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from unmask.report.compare.variants import ComparedRun

Videos = tuple[int, int, str]
"""Videos behind the numbers, videos without a usable face, and which they are."""


@dataclass(frozen=True)
class CountedVideos:
    """The test videos of one data set, as the runs of a comparison have scored them.

    Args:
        texts: What to write of each set of videos, e.g. ``"n=84"``, the largest first; more than
            one where runs under this name were tested on different videos.
    """

    name: str
    texts: Mapping[Videos, str]

    @property
    def heading(self) -> str:
        """The name of a column, with the count where all of its cells agree."""
        return f"{self.name} ({next(iter(self.texts.values()))})" if self.is_one else self.name

    @property
    def is_one(self) -> bool:
        """Whether all runs were tested on the same videos."""
        return len(self.texts) == 1

    def note(self, run: ComparedRun) -> str:
        """Return what stands in a cell: nothing where the heading says it."""
        return "" if self.is_one else self.texts[_videos(run, self.name)]

    def title(self, run: ComparedRun) -> str:
        """Return the name with the count, independent of the other runs."""
        return f"{self.name} ({self.texts[_videos(run, self.name)]})"


def count_videos(runs: Sequence[ComparedRun], name: str) -> CountedVideos:
    """Count the test videos of a data set in all runs that were tested on it.

    Sets of different videos are numbered, the largest first, because their counts may agree.
    """
    found = sorted(
        {_videos(run, name) for run in runs if name in run.tests},
        key=lambda one: (-one[0], one[1], one[2]),
    )
    numbers = {
        digest: number for number, digest in enumerate(dict.fromkeys(d for *_, d in found), 1)
    }
    texts = {}
    for count, unscored, digest in found:
        parts = [
            f"n={count}",
            *([f"{unscored} unscored"] if unscored else []),
            *([f"set {numbers[digest]}"] if len(numbers) > 1 else []),
        ]
        texts[count, unscored, digest] = ", ".join(parts)
    return CountedVideos(name, texts)


def several_sets(columns: Sequence[CountedVideos]) -> list[str]:
    """Return one sentence for each data set of which runs were tested on different videos."""
    return [
        f"Under the name {one.name} stand numbers of different videos or manifests "
        f"({'; '.join(one.texts.values())}). They are neither averaged nor ranked together."
        for one in columns
        if len({digest for *_, digest in one.texts}) > 1
    ]


def _videos(run: ComparedRun, name: str) -> Videos:
    content = run.tests[name].content
    return content["video"]["count"], content["unscored"]["count"], run.video_sets[name]
