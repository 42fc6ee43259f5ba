"""Training a head on features that a frozen backbone gave once."""

from functools import partial
from pathlib import Path

import pandas as pd
import pytest
import torch
from hydra import compose, initialize_config_dir

from unmask.config.build import build
from unmask.config.location import conf_dir
from unmask.config.schema import TrainConfig
from unmask.config.validate import typed
from unmask.core.errors import ConfigError
from unmask.data.store import FaceStore
from unmask.training.checkpoint import Provenance
from unmask.training.datamodule import ClipDataModule, TrainingSet
from unmask.training.feature_cache import cached_features, require_fixed_features
from unmask.training.features import EncodingTask
from unmask.training.fit import TrainSummary, build_seeded, train
from unmask.verbs.objects import augmentation_of, make_recipe

SMALL = (
    "data=folder", "data.root=.", "model=mobilenetv3_gru",
    "model.backbone.name=mobilenetv3_small_050", "model.backbone.image_size=32",
    "model.backbone.pretrained=false", "trainer.accelerator=cpu",
    "trainer.enable_progress_bar=false", "trainer.max_epochs=3", "optimizer.lr=0.003",
    "callbacks=[checkpoint]", "logger=[csv]",
)  # fmt: skip
FROZEN = ("model/tuning=frozen", "data/augmentation=none")


def config_of(*overrides: str) -> TrainConfig:
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        config: TrainConfig = typed("train", compose("train", overrides=[*SMALL, *overrides]))
    return config


def weights_of(checkpoint: Path) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = torch.load(checkpoint, weights_only=True)["state_dict"]
    return state


def run(store: FaceStore, run_dir: Path, data_dir: Path | None, *overrides: str) -> TrainSummary:
    config = config_of(*FROZEN, *overrides)
    detector = build_seeded(lambda: build(config.model), config.seed)
    recipe = make_recipe(config)
    features = None
    if data_dir is not None:
        features = cached_features(
            detector, store, make_trainer=recipe.make_trainer, num_workers=0,
            data_dir=data_dir,
        )  # fmt: skip
    data = ClipDataModule(
        [TrainingSet(store, features=features)],
        layout=build(config.clips),
        image_size=detector.image_size,
        sampling=build(config.sampler),
        batch_size=4,
        num_workers=0,
        seed=config.seed,
    )
    provenance = Provenance(config.model, store.dataset, store.manifest_hash, config.seed)
    return train(detector, data, recipe, provenance=provenance, run_dir=run_dir, config={})


def test_a_head_trained_on_features_is_the_one_trained_behind_the_backbone(
    make_store,  # noqa: ANN001
    tmp_path: Path,
) -> None:
    store = make_store()
    plain = run(store, tmp_path / "plain", None)
    cached = run(store, tmp_path / "cached", tmp_path / "data")
    assert cached.val_video_auc == pytest.approx(plain.val_video_auc, abs=0.002)
    losses = [
        pd.read_csv(tmp_path / name / "metrics.csv")["val/loss"].dropna().to_numpy()
        for name in ("plain", "cached")
    ]
    assert losses[1] == pytest.approx(losses[0], abs=1e-4)
    one, other = weights_of(plain.best_checkpoint), weights_of(cached.best_checkpoint)
    assert one.keys() == other.keys()
    for name in one:
        assert torch.allclose(one[name].float(), other[name].float(), atol=1e-3), name


def test_features_are_computed_once(
    make_store,  # noqa: ANN001
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = make_store()
    run(store, tmp_path / "first", tmp_path / "data")

    def refuse(*_: object) -> None:
        raise AssertionError("the backbone ran again")

    monkeypatch.setattr(EncodingTask, "predict_step", refuse)
    # Another head and other clips read the same features.
    run(store, tmp_path / "second", tmp_path / "data", "model/head=max", "clips.num_frames=1")
    assert len(list((tmp_path / "data/features").iterdir())) == 1


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    "change", ["seed=1", "model.backbone.image_size=64", "model.grayscale=true"]
)
def test_another_backbone_or_input_has_features_of_its_own(
    make_store,  # noqa: ANN001
    tmp_path: Path,
    change: str,
) -> None:
    store = make_store()
    folders = set()
    for overrides in ((), (change,)):
        config = config_of(*FROZEN, *overrides)
        cached_features(
            build_seeded(partial(build, config.model), config.seed), store,
            make_trainer=make_recipe(config).make_trainer, num_workers=0,
            data_dir=tmp_path,
        )  # fmt: skip
        folders.add(frozenset((tmp_path / "features").iterdir()))
    assert len(folders) == 2


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        (("model/tuning=full",), "model/tuning"),
        (("model/tuning=norm_only",), "model/tuning"),
        (("data/augmentation=light",), "data/augmentation"),
    ],
)
def test_what_changes_from_epoch_to_epoch_is_refused(
    overrides: tuple[str, ...],
    named: str,
) -> None:
    config = config_of(*FROZEN, *overrides)

    with pytest.raises(ConfigError, match=named):
        require_fixed_features(build(config.model), {"a": augmentation_of(config.data)})
