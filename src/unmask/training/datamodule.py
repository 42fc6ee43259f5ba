"""The loaders of a training run."""

import lightning as L  # noqa: N812 - the library's own convention
from torch.utils.data import DataLoader

from unmask.data.batch import Clip, collate_clips
from unmask.data.dataset import Augmentation, ClipLayout, FaceClips, ShuffledRequests
from unmask.data.splits import check_splits, require_both_classes, require_split
from unmask.data.store import FaceStore


class ClipDataModule(L.LightningDataModule):
    """Training and validation clips of one prepared data set. There is no test loader on purpose.

    Args:
        store: The prepared data set.
        layout: How tracks are cut into clips.
        image_size: Side in pixels that the detector takes.
        augmentation: Changes training clips; None leaves them as they are.
        batch_size: Clips per step and device.
        num_workers: Loader processes; 0 loads in the main process.
        seed: The run's seed, for order and draws.
        allow_leak: Go on although splits share a video or an identity group.

    Raises:
        DataError: If a split is missing, has one class, or shares videos or groups with another.
    """

    def __init__(
        self,
        store: FaceStore,
        *,
        layout: ClipLayout,
        image_size: int,
        augmentation: Augmentation | None,
        batch_size: int,
        num_workers: int,
        seed: int,
        allow_leak: bool = False,
    ) -> None:
        super().__init__()
        check_splits(store.videos, allow_leak=allow_leak)
        for split in ("train", "val"):
            require_split(store.videos, split)
            require_both_classes(store.videos, split)
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.seed = seed
        self.train_clips = FaceClips(
            store, "train", layout=layout, image_size=image_size, augmentation=augmentation
        )
        self.val_clips = FaceClips(store, "val", layout=layout, image_size=image_size)

    def train_dataloader(self) -> DataLoader[Clip]:
        """Return shuffled, augmented training clips."""
        return make_loader(
            self.train_clips,
            batch_size=self.batch_size,
            num_workers=self.num_workers,
            sampler=ShuffledRequests(len(self.train_clips), seed=self.seed),
        )

    def val_dataloader(self) -> DataLoader[Clip]:
        """Return validation clips in order."""
        return make_loader(self.val_clips, batch_size=self.batch_size, num_workers=self.num_workers)


def make_loader(
    clips: FaceClips,
    *,
    batch_size: int,
    num_workers: int,
    sampler: ShuffledRequests | None = None,
) -> DataLoader[Clip]:
    """Build a loader of :class:`~unmask.data.batch.ClipBatch`.

    Args:
        clips: What to load.
        batch_size: Clips per batch; the last batch may be smaller.
        num_workers: Loader processes.
        sampler: The order; None takes the clips as they stand.
    """
    return DataLoader(
        clips,
        batch_size=batch_size,
        sampler=sampler,
        num_workers=num_workers,
        collate_fn=collate_clips,
        # Start-up costs seconds; the sampler, in the main process, carries the epoch's seeds.
        persistent_workers=num_workers > 0,
        # A forked worker inherits locked OpenCV and OpenMP threads.
        multiprocessing_context="forkserver" if num_workers > 0 else None,
        pin_memory=False,
    )
