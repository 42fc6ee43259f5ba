"""Which clips a process asks for, in which order, and with which seeds of their augmentation.

In a run over several devices each process takes its share of every batch, and the shares together
are the batches of one process.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from torch.utils.data import DistributedSampler

from unmask.core.reproducibility import derive_seed
from unmask.data.dataset import ClipRequest
from unmask.data.samplers import EpochPlan


@dataclass(frozen=True)
class Share:
    """The places of a sequence that one rank takes.

    The sequence falls into global batches of ``num_ranks * batch_size`` places. Each rank takes its
    part of every one, so that the ranks together see at step k what one process with the global
    batch size would. Only the last global batch may be smaller; it is shared out as evenly as its
    groups allow.

    Args:
        batch_size: Places per rank in a batch, a multiple of ``together``.
        rank: From 0.
        num_ranks: Processes of the run.
        together: So many consecutive places stay on one rank.
    """

    batch_size: int
    rank: int = 0
    num_ranks: int = 1
    together: int = 1

    def places(self, length: int) -> Iterator[tuple[int, bool]]:
        """Yield the rank's places, in order.

        Yields:
            A place, and whether it counts. Each place counts on one rank. A rank without a part in
            the last batch, which would keep the others waiting, gets the batch's first group, and
            that does not count there.

        Example:
            >>> [place for place, _ in Share(batch_size=2, rank=0, num_ranks=2).places(7)]
            [0, 1, 4]
            >>> [place for place, _ in Share(batch_size=2, rank=1, num_ranks=2).places(7)]
            [2, 3, 5, 6]
            >>> list(Share(batch_size=2, rank=0, num_ranks=2).places(5))
            [(0, True), (1, True), (4, False)]
        """
        step = self.num_ranks * self.batch_size
        for start in range(0, length, step):
            inside = min(step, length - start)
            num_groups = -(-inside // self.together)
            first, last = (
                min(num_groups * rank // self.num_ranks * self.together, inside)
                for rank in (self.rank, self.rank + 1)
            )
            if first < last:
                yield from ((place, True) for place in range(start + first, start + last))
            else:
                group = min(self.together, inside)
                yield from ((place, False) for place in range(start, start + group))

    def num_places(self, length: int) -> int:
        """Return how many places of a sequence the rank takes, those that do not count included."""
        step = self.num_ranks * self.batch_size
        num_whole, rest = divmod(length, step)
        return num_whole * self.batch_size + sum(1 for _ in self.places(rest))


class _SharedRequests(DistributedSampler[ClipRequest]):
    """A sampler that Lightning leaves as it is, because it shares out by itself.

    Args:
        length: Clips that all ranks ask for together.
    """

    def __init__(self, length: int, share: Share) -> None:
        everything: Any = range(length)
        super().__init__(everything, num_replicas=share.num_ranks, rank=share.rank, shuffle=False)
        self.length = length
        self.share = share

    def __len__(self) -> int:
        return self.share.num_places(self.length)


class PlannedRequests(_SharedRequests):
    """Ask for the clips of a plan, with draws that the epoch alone decides.

    A run that resumes at epoch 7 therefore sees what an uninterrupted run saw there, for any
    number of loader workers; and a clip is augmented in one way, whichever rank asks for it.

    Args:
        plan: Which clips each epoch holds.
        share: Which of them this rank asks for; None asks for all.
    """

    def __init__(self, plan: EpochPlan, *, seed: int, share: Share | None = None) -> None:
        super().__init__(plan.num_rows, share or Share(batch_size=plan.together))
        self.plan = plan
        self.run_seed = seed

    def __iter__(self) -> Iterator[ClipRequest]:
        requests = self._of_all_ranks(self.plan.rows_of(self.epoch).tolist())
        for place, counts in self.share.places(self.length):
            yield requests[place]._replace(counts=counts)

    def _of_all_ranks(self, rows: Sequence[int]) -> list[ClipRequest]:
        times_asked: Counter[int] = Counter()
        requests = []
        for row in rows:
            # A clip that comes again in one epoch is augmented in another way.
            again = (times_asked[row],) if times_asked[row] else ()
            times_asked[row] += 1
            seed = derive_seed(self.run_seed, "augmentation", self.epoch, row, *again)
            requests.append(ClipRequest(row, seed))
        return requests


class RequestsInOrder(_SharedRequests):
    """Ask for a rank's share of clips as they stand, without augmentation."""

    def __iter__(self) -> Iterator[ClipRequest]:
        for place, counts in self.share.places(self.length):
            yield ClipRequest(place, None, counts)
