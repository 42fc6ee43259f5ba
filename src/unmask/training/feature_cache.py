"""The features of a frozen backbone, computed once and kept beside the crops."""

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import lightning as L  # noqa: N812 - the library's own convention
import pandas as pd

from unmask.core.errors import ConfigError
from unmask.core.files import sha256_of_file, sha256_of_json, write_json
from unmask.data.features import Crops, FeatureTable
from unmask.data.store import FaceStore
from unmask.models.detector import ClipDetector, Detector
from unmask.training.datamodule import feeds_gpu, make_loader
from unmask.training.features import EncodingTask, FeatureWriter
from unmask.training.launch import ALONE
from unmask.training.loader_processes import Workers

# Raise it when a change to the reading of crops or to `Detector.encode` alters features.
FEATURES_VERSION = 1


def require_fixed_features(detector: ClipDetector, augmentations: Mapping[str, object]) -> None:
    """Refuse to compute once what would differ from epoch to epoch.

    Args:
        detector: The network, after its tuning policy.
        augmentations: Augmentations of each data set that it is trained on, by name.

    Raises:
        ConfigError: If the backbone is trained or draws at random, clips are augmented, or the
            network does not treat frames one by one.
    """
    if not isinstance(detector, Detector):
        raise ConfigError(
            "cache_features=true needs a model with a backbone per frame and a head; this one "
            "reads all frames of a clip at once."
        )
    backbone = detector.get_submodule("backbone")
    was_training = detector.training
    detector.train()
    is_trained = any(parameter.requires_grad for parameter in backbone.parameters())
    is_random = any(module.training for module in backbone.modules() if module is not backbone)
    detector.train(was_training)
    if is_trained or is_random:
        raise ConfigError(
            "cache_features=true needs a frozen backbone, whose features do not change; choose "
            "model/tuning=frozen or model/tuning=linear_probe."
        )
    for name, augmentation in augmentations.items():
        if getattr(augmentation, "transforms", None):
            raise ConfigError(
                f"cache_features=true needs clips that are the same in every epoch, but those of "
                f"'{name}' are augmented; choose data/augmentation=none."
            )


def cached_features(
    detector: Detector,
    store: FaceStore,
    *,
    make_trainer: Callable[..., L.Trainer],
    num_workers: Workers,
    data_dir: Path,
    batch_size: int = 32,
) -> FeatureTable:
    """Return the features of every training and validation crop, computing them if need be.

    The features lie in ``<data_dir>/features/<data set>-<key>``. The key changes with the
    backbone's weights and settings, the precision, the crops, and everything else that decides the
    numbers.

    Args:
        detector: Its backbone is frozen.
        make_trainer: Builds Lightning's trainer from ``default_root_dir``, ``callbacks`` and
            ``logger``; it says on which device and in which precision.
        data_dir: Where the features go.
        batch_size: Crops that pass the backbone together.
    """
    paths = _crops_to_read(store)
    with tempfile.TemporaryDirectory() as nowhere:
        probe = make_trainer(default_root_dir=nowhere, callbacks=[], logger=False, **ALONE)
        facts = _facts(detector, store, paths, str(probe.precision))
    folder = data_dir / "features" / f"{store.dataset}-{sha256_of_json(facts)[:16]}"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            writer = FeatureWriter(
                unfinished / "features.npy", (len(paths), detector.backbone.num_features)
            )
            loader = make_loader(
                Crops(store.folder, paths, detector.image_size),
                batch_size=batch_size,
                num_workers=num_workers,
                for_gpu=feeds_gpu(probe),
            )
            trainer = make_trainer(
                default_root_dir=unfinished, callbacks=[writer], logger=False, **ALONE
            )
            trainer.predict(EncodingTask(detector), loader, return_predictions=False)
            writer.close()
            pd.DataFrame({"crop_path": paths}).to_parquet(unfinished / "crops.parquet")
            write_json(unfinished / "about.json", facts)
            _move_into_place(unfinished, folder)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return FeatureTable.open(folder)


def _crops_to_read(store: FaceStore) -> list[str]:
    videos = store.videos.loc[store.videos["split"].isin(["train", "val"]), "video_id"]
    paths: list[str] = store.faces.loc[store.faces["video_id"].isin(videos), "crop_path"].tolist()
    return sorted(paths)


def _facts(
    detector: Detector, store: FaceStore, paths: list[str], precision: str
) -> dict[str, Any]:
    """Return the facts that decide the features."""
    weights = hashlib.sha256()
    for name, tensor in detector.state_dict().items():
        if not name.startswith("head."):
            weights.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
            weights.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return {
        "version": FEATURES_VERSION,
        "weights": weights.hexdigest(),
        # Two networks may have the same weights and another activation or pooling.
        "network": hashlib.sha256(repr(detector.backbone).encode()).hexdigest(),
        "image_size": detector.image_size,
        "grayscale": detector.grayscale,
        "precision": precision,
        "store": store.folder.name,
        "faces": sha256_of_file(store.folder / "faces.parquet"),
        "num_crops": len(paths),
    }


def _move_into_place(unfinished: Path, folder: Path) -> None:
    """Rename a finished folder; if another run was faster, its equal result stays."""
    unfinished.chmod(0o755)
    try:
        unfinished.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise
