"""A slice of the videos, for one of several machines."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True)
class Shard:
    """The ``number``-th of ``count`` slices, counted from 1.

    Args:
        number: Which slice, in ``[1, count]``.
        count: How many slices there are, at least 1.
    """

    number: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise ValueError(
                f"shard={self.number}/{self.count} names no slice: it must be i/n with i in "
                f"[1, n], such as 1/{max(self.count, 1)} for the first."
            )

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Read ``"i/n"``.

        Raises:
            ValueError: If the text has another form or ``i`` is not in ``[1, n]``.

        Example:
            >>> Shard.parse("2/8")
            Shard(number=2, count=8)
        """
        found = re.fullmatch(r"\s*(\d+)\s*/\s*(\d+)\s*", text)
        if found is None:
            raise ValueError(
                f"shard must be i/n with i in [1, n], such as 1/8 for the first of eight, "
                f"got {text!r}."
            )
        return cls(int(found[1]), int(found[2]))

    def of(self, items: Sequence[Item]) -> list[Item]:
        """Take every ``count``-th item, so that neighbours, often alike in size, are spread.

        Example:
            >>> Shard(2, 3).of("abcdefgh")
            ['b', 'e', 'h']
        """
        return list(items[self.number - 1 :: self.count])
