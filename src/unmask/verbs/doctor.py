"""The data sets that lie in a folder, what is wrong with them, and how to go on."""

import os
import re
import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import pandas as pd

from unmask.core.errors import DataError
from unmask.core.labels import CLASS_NAMES
from unmask.data.probe import FileFault, find_faults, find_identical
from unmask.data.sources.known import recognise
from unmask.data.sources.source import (
    IndexedVideos,
    Recognised,
    SplitKind,
    count_notes,
    describe_entries,
)
from unmask.data.splits import (
    IdentitySplit,
    OfficialSplit,
    OfficialTestSplit,
    SplitRule,
    TestOnlySplit,
)

HEALTHY: Final = 0
USABLE_WITH_GAPS: Final = 1
NOT_USABLE: Final = 2

RULES: Final[dict[SplitKind, SplitRule]] = {
    "official": OfficialSplit(),
    "official_test": OfficialTestSplit(),
    "test_only": TestOnlySplit(),
    "identity": IdentitySplit(),
}
PARTIAL: Final = re.compile(r"\.(part|partial|crdownload|download|tmp|aria2|filepart)'", re.I)
# In what Hydra takes as one unquoted word.
PLAIN_WORD: Final = re.compile(r"[A-Za-z0-9_./:+-]+")


@dataclass(frozen=True)
class Part:
    """A method or class of a data set.

    Args:
        found: Videos or images here.
        published: The same as released; None where that is not known.
    """

    name: str
    found: int
    published: int | None


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """The state of one data set.

    Args:
        title: Its name for a person.
        data: Its file in ``conf/data``.
        root: Where its layout starts.
        parts: What is there, beside what is published.
        missing: Parts that are published, but not here.
        split_lists: Whether the split lists are the official ones; "" where there are none to have.
        labels: How the data set itself writes labels, where that misleads.
        gaps: What keeps it from being the data set as published.
        suspicions: What makes a number misleading.
        faults: Files that cannot be used.
        num_opened: Files that were opened to find those.
        ignored: How many files were met and not indexed, for each reason.
        problem: Why it cannot be used; "" where it can.
        command: How to go on; "" where it cannot be used.
    """

    title: str
    data: str
    root: str
    parts: tuple[Part, ...] = ()
    missing: tuple[str, ...] = ()
    split_lists: str = ""
    labels: str = ""
    gaps: tuple[str, ...] = ()
    suspicions: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    faults: tuple[FileFault, ...] = ()
    num_opened: int = 0
    ignored: dict[str, int]
    problem: str = ""
    command: str = ""

    @property
    def state(self) -> int:
        """Return :data:`HEALTHY`, :data:`USABLE_WITH_GAPS` or :data:`NOT_USABLE`."""
        if self.problem:
            return NOT_USABLE
        faulty = self.missing or self.gaps or self.suspicions or self.faults
        return USABLE_WITH_GAPS if faulty else HEALTHY


@dataclass(frozen=True)
class Checkup:
    """What a folder holds.

    Args:
        diagnoses: Diagnoses of each data set in it.
        suspicions: What concerns several of them.
        problem: Why there is none; "" where there is one.
    """

    path: str
    diagnoses: tuple[Diagnosis, ...]
    suspicions: tuple[str, ...] = ()
    problem: str = ""

    @property
    def exit_code(self) -> int:
        """Return the worst state of all; without a data set, :data:`NOT_USABLE`."""
        if not self.diagnoses:
            return NOT_USABLE
        worst = max(diagnosis.state for diagnosis in self.diagnoses)
        return max(worst, USABLE_WITH_GAPS if self.suspicions else HEALTHY)

    def to_json(self) -> dict[str, Any]:
        """Return the same as plain values, the state of each diagnosis included."""
        content = asdict(self)
        for plain, diagnosis in zip(content["diagnoses"], self.diagnoses, strict=True):
            plain["state"] = diagnosis.state
        return {**content, "exit_code": self.exit_code}


@dataclass(frozen=True)
class _Indexed:
    """A recognised data set with its rows and the sizes of their files."""

    match: Recognised
    found: IndexedVideos
    sizes: dict[str, int]


def doctor(path: Path) -> Checkup:
    """Examine a folder without changing anything in it.

    Every data set that is recognised is indexed; few of its files are opened.

    Returns:
        What is there. A folder that holds no data set is an answer and no error.

    Raises:
        DataError: If there is no such folder.
    """
    if not path.is_dir():
        what = "is a file" if path.exists() else "does not exist"
        raise DataError(f"{path} {what}; `unmask doctor` examines a folder.")
    try:
        matches = recognise(path)
    except (DataError, OSError) as error:
        return Checkup(str(path), (), problem=str(error))
    if not matches:
        return Checkup(str(path), (), problem=_nothing_known(path))
    diagnoses, indexed = [], []
    for match in matches:
        diagnosis, rows = _diagnose(match)
        diagnoses.append(diagnosis)
        indexed += [rows] if rows else []
    return Checkup(str(path), tuple(diagnoses), tuple(_duplicates(indexed)))


def _nothing_known(path: Path) -> str:
    return (
        f"No data set is recognised in {path}; found {describe_entries(path)}. Files of your own "
        "need a folder 'real' and a folder 'fake', or a CSV that lists them (data=folder)."
    )


def _diagnose(match: Recognised) -> tuple[Diagnosis, _Indexed | None]:
    base = Diagnosis(
        title=match.title,
        data=match.data,
        root=str(match.root),
        missing=match.missing,
        split_lists=match.split_lists,
        labels=match.labels,
        suspicions=match.suspicions,
        ignored={},
    )
    try:
        found = match.source.index(match.root)
    except (DataError, OSError) as error:
        return replace(base, problem=str(error)), None
    videos = found.videos
    sizes = _sizes(match.root, videos)
    files = zip(videos["path"], videos["kind"], strict=True)
    faults, num_opened = find_faults(match.root, dict(files).items(), sizes=sizes)
    parts = _parts(videos, match)
    absent = (
        [f"Listed, but not or not wholly on disk: {found.num_absent}."] if found.num_absent else []
    )
    gaps = [*_count_gaps(parts), *absent, *_list_gaps(match), *_partial_files(found.ignored)]
    counted = {part.name: part.found for part in parts}
    said = {*count_notes(counted, match.published), *gaps}
    overrides, split_gaps, problem = _split(videos, match.split)
    full = replace(
        base,
        parts=parts,
        gaps=(*gaps, *split_gaps),
        notes=tuple(note for note in found.notes if note not in said),
        faults=tuple(faults),
        num_opened=num_opened,
        ignored=dict(Counter(line.rpartition(": ")[2] for line in found.ignored)),
        problem=problem,
        command="" if problem else _command(match, overrides),
    )
    return full, _Indexed(match, found, sizes)


def _sizes(root: Path, videos: pd.DataFrame) -> dict[str, int]:
    files = videos.loc[videos["kind"] != "frames", "path"].unique()
    # Without a Path for each, because there can be 100,000.
    return {path: os.stat(f"{root}/{path}").st_size for path in files}  # noqa: PTH116


def _parts(videos: pd.DataFrame, match: Recognised) -> tuple[Part, ...]:
    """Count rows by method, or by class where only that is published."""
    by_class = set(match.published) and set(match.published) <= set(CLASS_NAMES)
    names = videos["label"].map(dict(enumerate(CLASS_NAMES))) if by_class else videos["method"]
    counts = Counter(names.tolist())
    return tuple(
        Part(name, counts.get(name, 0), match.published.get(name))
        for name in dict.fromkeys([*match.published, *sorted(counts)])
    )


def _count_gaps(parts: Sequence[Part]) -> list[str]:
    return [
        f"{part.name}: {part.found} of {part.published} are here."
        for part in parts
        if part.published is not None and part.found != part.published
    ]


def _list_gaps(match: Recognised) -> list[str]:
    return [] if match.has_official_lists else [match.split_lists]


def _partial_files(ignored: Sequence[str]) -> list[str]:
    partial = [line for line in ignored if PARTIAL.search(line)]
    if not partial:
        return []
    name = partial[0].partition(":")[0]
    return [f"Unfinished downloads: {len(partial)}, for example {name}."]


def _split(videos: pd.DataFrame, kind: SplitKind) -> tuple[list[str], list[str], str]:
    """Try the split of ``conf/data``; where it cannot be made, split by identity.

    Returns:
        Overrides, gaps, and why there can be no split at all.
    """
    if videos["label"].nunique() < len(CLASS_NAMES):
        only = CLASS_NAMES[int(videos["label"].iloc[0])]
        return [], [], f"All {len(videos)} videos are {only}; nothing can be learned or measured."
    try:
        RULES[kind](videos)
    except DataError as official:
        try:
            IdentitySplit()(videos)
        except DataError as error:
            return [], [], str(error)
        override = "data/split=identity"
        return [override], [f"{official} The command below splits by identity."], ""
    return [], [], ""


def _command(match: Recognised, overrides: Sequence[str]) -> str:
    settings = [f"data.source.{name}={_value(value)}" for name, value in match.settings.items()]
    words = [f"data={match.data}", f"data.root={_value(str(match.root.resolve()))}"]
    return shlex.join(["unmask", "prepare", *words, *settings, *overrides])


def _value(value: object) -> str:
    """Write a value as Hydra reads it.

    Example:
        >>> _value(["a", "b c"])
        "[a,'b c']"
    """
    if isinstance(value, list | tuple):
        return f"[{','.join(map(_value, value))}]"
    text = str(value)
    if PLAIN_WORD.fullmatch(text):
        return text
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _duplicates(indexed: Sequence[_Indexed]) -> list[str]:
    """Compare the files of all data sets; copies within one class of one split harm nobody."""
    places: dict[str, tuple[str, str, str]] = {}
    sizes: dict[str, int] = {}
    for one in indexed:
        columns = (one.found.videos[name] for name in ("path", "label", "split"))
        for path, label, split in zip(*columns, strict=True):
            if path in one.sizes:
                file = f"{one.match.root}/{path}"
                places[file] = (one.match.title, CLASS_NAMES[label], split)
                sizes[file] = one.sizes[path]
    groups = find_identical(sizes)
    return _duplicate_sentences(groups, places)


def _duplicate_sentences(
    groups: Sequence[Sequence[str]], places: dict[str, tuple[str, str, str]]
) -> list[str]:
    sentences = []
    for position, what in enumerate(("data sets", "classes", "splits")):
        crossing = [g for g in groups if len({places[file][position] for file in g}) > 1]
        if crossing:
            first, other = _differing(crossing[0], places, position)
            sentences.append(
                f"Files of identical content in different {what}: {len(crossing)} groups, for "
                f"example {first} and {other}."
            )
    return sentences


def _differing(
    group: Sequence[str], places: dict[str, tuple[str, str, str]], position: int
) -> tuple[str, str]:
    other = next(f for f in group if places[f][position] != places[group[0]][position])
    return group[0], other
