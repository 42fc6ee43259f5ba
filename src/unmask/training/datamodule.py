"""The loaders of a training run."""

from collections.abc import Sequence
from dataclasses import dataclass

import lightning as L  # noqa: N812 - the library's own convention
import pandas as pd
from torch.utils.data import DataLoader, Dataset, Sampler, Subset

from unmask.core.errors import ConfigError, DataError
from unmask.data.batch import Clip, collate_clips
from unmask.data.dataset import (
    Augmentation,
    BlendedClips,
    ClipLayout,
    ClipRequest,
    FaceClips,
)
from unmask.data.features import FeatureClips, FeatureTable
from unmask.data.requests import PlannedRequests, RequestsInOrder, Share
from unmask.data.samplers import SamplingPolicy
from unmask.data.splits import check_splits, require_both_classes
from unmask.data.store import FaceStore
from unmask.training.loader_processes import Workers, loader_processes


@dataclass(frozen=True)
class TrainingSet:
    """A prepared data set to train on.

    Attributes:
        augmentation: Changes its training clips; None leaves them as they are.
        features: A frozen backbone's features of its crops, to train a head on; None gives frames.
    """

    store: FaceStore
    augmentation: Augmentation | None = None
    features: FeatureTable | None = None


class ClipDataModule(L.LightningDataModule):
    """Training and validation clips of one or more data sets. There is no test loader on purpose.

    Args:
        sets: What to train on, at least one; several are blended.
        layout: How tracks are cut into clips.
        image_size: Side in pixels that the detector takes.
        sampling: Which training clips each epoch holds.
        batch_size: Clips per step and device.
        num_workers: Loader processes, or ``"auto"``; see
            :func:`~unmask.training.loader_processes.loader_processes`.
        seed: The run's seed, for order and draws.
        allow_leak: Go on although splits share a video or an identity group.

    Raises:
        ConfigError: If the batch size would part clips that belong together.
        DataError: If a split is missing, has one class, or shares videos or groups with another.
    """

    def __init__(
        self,
        sets: Sequence[TrainingSet],
        *,
        layout: ClipLayout,
        image_size: int,
        sampling: SamplingPolicy,
        batch_size: int,
        num_workers: Workers,
        seed: int,
        allow_leak: bool = False,
    ) -> None:
        super().__init__()
        _require_different_names(sets)
        videos = pd.concat([one.store.videos for one in sets], ignore_index=True)
        check_splits(videos, allow_leak=allow_leak)
        for split in ("train", "val"):
            require_both_classes(videos, split)
        self.batch_size = batch_size
        # Cached features are read faster than a worker is started.
        self.num_workers: Workers = (
            0 if all(one.features is not None for one in sets) else num_workers
        )
        self.seed = seed
        self.train_clips, self.val_clips = (
            _clips_of(sets, split, layout=layout, image_size=image_size)
            for split in ("train", "val")
        )
        self.plan = sampling.plan(self.train_clips.clips, seed)
        if batch_size % self.plan.together:
            raise ConfigError(
                f"loader.batch_size={batch_size} would part clips that belong together in groups "
                f"of {self.plan.together}. Choose a multiple of {self.plan.together}."
            )

    @property
    def reads_features(self) -> bool:
        """Whether clips hold features in the place of frames."""
        return any(isinstance(part, FeatureClips) for part in self.train_clips.parts)

    @property
    def sampled_labels(self) -> list[int]:
        """The labels that an epoch holds, in no order; as many of each in every epoch."""
        labels = self.train_clips.labels
        return [labels[row] for row in self.plan.rows_of(0).tolist()]

    def train_dataloader(self) -> DataLoader[Clip]:
        """Return this process's share of the sampled, augmented training clips."""
        if getattr(self.trainer, "overfit_batches", 0):
            # Lightning wants a fixed order then; that of the first epoch mixes the classes.
            return self._loader(Subset(self.train_clips, self.plan.rows_of(0).tolist()))
        share = self._share(together=self.plan.together)
        return self._loader(
            self.train_clips, PlannedRequests(self.plan, seed=self.seed, share=share)
        )

    def val_dataloader(self) -> DataLoader[Clip]:
        """Return this process's share of the validation clips, in order.

        Raises:
            DataError: If there are fewer of them than processes.
        """
        share = self._share()
        if len(self.val_clips) < share.num_ranks:
            raise DataError(
                f"Split 'val' has {len(self.val_clips)} clips, too few for {share.num_ranks} "
                "processes; lower trainer.devices."
            )
        in_order = RequestsInOrder(len(self.val_clips), share) if share.num_ranks > 1 else None
        return self._loader(self.val_clips, in_order)

    def _loader(
        self, clips: Dataset[Clip], sampler: Sampler[ClipRequest] | None = None
    ) -> DataLoader[Clip]:
        return make_loader(
            clips,
            batch_size=self.batch_size,
            num_workers=self.num_workers,
            sampler=sampler,
            for_gpu=self.trainer is not None and feeds_gpu(self.trainer),
        )

    def _share(self, *, together: int = 1) -> Share:
        if self.trainer is None:
            return Share(self.batch_size, together=together)
        trainer = self.trainer
        return Share(self.batch_size, trainer.global_rank, trainer.world_size, together)


def _clips_of(
    sets: Sequence[TrainingSet], split: str, *, layout: ClipLayout, image_size: int
) -> BlendedClips:
    return BlendedClips(
        [
            _clips_of_one(one, split, layout=layout, image_size=image_size)
            for one in sets
            # Beside others, a data set may have no validation split of its own.
            if len(sets) == 1 or split == "train" or (one.store.videos["split"] == split).any()
        ]
    )


def _clips_of_one(
    one: TrainingSet, split: str, *, layout: ClipLayout, image_size: int
) -> FaceClips | FeatureClips:
    clips = FaceClips(
        one.store,
        split,
        layout=layout,
        image_size=image_size,
        augmentation=one.augmentation if split == "train" else None,
    )
    return clips if one.features is None else FeatureClips(clips, one.features)


def _require_different_names(sets: Sequence[TrainingSet]) -> None:
    names = [one.store.dataset for one in sets]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise DataError(
            f"Two of the data sets to blend are called '{repeated[0]}', so that their videos could "
            "not be told apart. Give one another name with data.sets.<set>.name=... and its source."
        )


def make_loader(
    clips: Dataset[Clip],
    *,
    batch_size: int,
    num_workers: Workers,
    sampler: Sampler[ClipRequest] | None = None,
    for_gpu: bool = False,
) -> DataLoader[Clip]:
    """Build a loader of :class:`~unmask.data.batch.ClipBatch`.

    Args:
        batch_size: Clips per batch; the last batch may be smaller.
        num_workers: As of :class:`ClipDataModule`.
        sampler: The order; None takes the clips as they stand.
        for_gpu: Keep batches in memory from which a GPU copies faster.

    Raises:
        ConfigError: If shared memory cannot hold the batches of so many processes.
    """
    processes = loader_processes(num_workers, lambda: batch_size * clips[0].frames.nbytes)
    return DataLoader(
        clips,
        batch_size=batch_size,
        sampler=sampler,
        num_workers=processes,
        collate_fn=collate_clips,
        # Start-up costs seconds; the sampler, in the main process, carries the epoch's seeds.
        persistent_workers=processes > 0,
        # A forked worker inherits locked OpenCV and OpenMP threads.
        multiprocessing_context="forkserver" if processes > 0 else None,
        pin_memory=for_gpu,
    )


def feeds_gpu(trainer: L.Trainer) -> bool:
    """Whether a trainer's batches go to a CUDA GPU."""
    return bool(trainer.strategy.root_device.type == "cuda")
