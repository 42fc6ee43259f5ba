"""Training on a toy store, from the configuration's own objects."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from hydra import compose, initialize_config_dir

from unmask.config.build import build
from unmask.config.location import conf_dir
from unmask.config.schema import TrainConfig
from unmask.config.validate import typed
from unmask.core.errors import CheckpointError, ConfigError, DataError
from unmask.data.dataset import ClipLayout
from unmask.data.samplers import (
    BalancedSampling,
    NaturalSampling,
    PairedSampling,
    SamplingPolicy,
)
from unmask.data.store import FaceStore
from unmask.models.losses import class_weights
from unmask.training.checkpoint import Provenance, read_detector
from unmask.training.datamodule import ClipDataModule, TrainingSet
from unmask.training.fit import TrainSummary, build_seeded, train
from unmask.verbs.objects import augmentation_of, make_recipe, recipe_settings

SMALL = [
    "data=folder", "data.root=.", "model=mobilenetv3_gru",
    "model.backbone.name=mobilenetv3_small_050",
    "model.backbone.image_size=32", "model.backbone.pretrained=false",
    "model.head.hidden_size=8", "model.head.dropout=0.4",
    "optimizer.lr=0.003", "trainer.accelerator=cpu", "trainer.enable_progress_bar=false",
    "trainer.max_epochs=3", "loader.batch_size=4", "loader.num_workers=0", "scheduler.step_size=1",
    "callbacks=[checkpoint,early_stopping,learning_rate]", "logger=[csv]",
]  # fmt: skip


def config_of(*overrides: str) -> TrainConfig:
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        config: TrainConfig = typed("train", compose("train", overrides=[*SMALL, *overrides]))
    return config


def run(
    store: FaceStore | list[FaceStore], run_dir: Path, *overrides: str, resume: Path | None = None
) -> TrainSummary:
    config = config_of(*overrides)
    detector = build_seeded(lambda: build(config.model), config.seed)
    sets = [store] if isinstance(store, FaceStore) else store
    data = ClipDataModule(
        [TrainingSet(one, augmentation_of(config.data)) for one in sets],
        layout=build(config.clips),
        image_size=detector.image_size,
        sampling=build(config.sampler),
        batch_size=config.loader.batch_size,
        num_workers=config.loader.num_workers,
        seed=config.seed,
        allow_leak=config.allow_leak,
    )
    provenance = Provenance(
        model=config.model,
        dataset="+".join(one.dataset for one in sets),
        manifest_hash=sets[0].manifest_hash,
        seed=config.seed,
        recipe=recipe_settings(config),
    )
    return train(
        detector,
        data,
        make_recipe(config),
        provenance=provenance,
        run_dir=run_dir,
        config={"seed": config.seed},
        resume=resume,
    )


def weights_of(checkpoint: Path) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = torch.load(checkpoint, weights_only=True)["state_dict"]
    return state


def assert_same_weights(first: Path, second: Path) -> None:
    one, other = weights_of(first), weights_of(second)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_run_leaves_checkpoints_and_the_curve_of_every_metric(make_store, tmp_path: Path) -> None:  # noqa: ANN001
    summary = run(make_store(), tmp_path / "run")
    curves = pd.read_csv(tmp_path / "run" / "metrics.csv")
    for name in ("train/loss", "val/loss", "val/video_auc"):
        assert curves[name].notna().sum() == 3
    assert summary.best_checkpoint == tmp_path / "run" / "checkpoints" / "best.ckpt"
    best = curves.loc[curves["val/video_auc"].idxmax()]
    assert summary.val_video_auc == pytest.approx(best["val/video_auc"])
    assert summary.best_epoch == best["epoch"]
    assert read_detector(summary.best_checkpoint).image_size == 32


def test_a_frozen_backbone_is_left_as_it_was_and_its_parameters_are_counted(
    make_store,  # noqa: ANN001
    tmp_path: Path,
) -> None:
    words = ("model/tuning=frozen", "trainer.max_epochs=1")
    summary = run(make_store(), tmp_path / "run", *words)
    config = config_of(*words)
    start = build_seeded(lambda: build(config.model), config.seed)
    trained = read_detector(summary.best_checkpoint)
    torch.testing.assert_close(
        dict(trained.backbone.state_dict()), dict(start.backbone.state_dict())
    )
    width = start.backbone.num_features
    # Three gates with two biases, and two logits.
    assert summary.num_trainable == 3 * 8 * (width + 8 + 2) + 2 * 8 + 2
    assert summary.num_parameters > summary.num_trainable


@pytest.mark.slow
def test_processes_that_read_the_crops_change_no_weight(make_store, tmp_path: Path) -> None:  # noqa: ANN001
    store = make_store()
    run(store, tmp_path / "in_one_process")
    run(store, tmp_path / "in_two_processes", "loader.num_workers=2")
    assert_same_weights(
        *(
            tmp_path / name / "checkpoints/last.ckpt"
            for name in ("in_one_process", "in_two_processes")
        )
    )


@pytest.mark.slow
def test_the_learning_rate_follows_its_schedule(make_store, tmp_path: Path) -> None:  # noqa: ANN001
    run(make_store(), tmp_path / "run", "scheduler.gamma=0.5")
    rates = pd.read_csv(tmp_path / "run" / "metrics.csv")["lr-AdamW"].dropna()
    assert rates.tolist() == pytest.approx([0.003, 0.0015, 0.00075])


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights_and_another_does_not(
    make_store,  # noqa: ANN001
    tmp_path: Path,
) -> None:
    store = make_store()
    runs = {name: tmp_path / name for name in ("first", "second", "other")}
    for name, run_dir in runs.items():
        run(store, run_dir, f"seed={int(name == 'other')}")
    last = {name: run_dir / "checkpoints/last.ckpt" for name, run_dir in runs.items()}
    assert_same_weights(last["first"], last["second"])
    with pytest.raises(AssertionError):
        assert_same_weights(last["first"], last["other"])


def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(make_store, tmp_path: Path) -> None:  # noqa: ANN001
    store = make_store()
    run(store, tmp_path / "whole")
    run(store, tmp_path / "half", "trainer.max_epochs=1")
    run(store, tmp_path / "rest", resume=tmp_path / "half/checkpoints/last.ckpt")
    assert_same_weights(
        tmp_path / "whole/checkpoints/last.ckpt", tmp_path / "rest/checkpoints/last.ckpt"
    )
    assert_same_weights(
        tmp_path / "whole/checkpoints/best.ckpt", tmp_path / "rest/checkpoints/best.ckpt"
    )
    whole, rest = (pd.read_csv(tmp_path / name / "metrics.csv") for name in ("whole", "rest"))
    pd.testing.assert_frame_equal(whole, rest[whole.columns])


@pytest.mark.slow
def test_the_best_epoch_before_an_interruption_stays_the_best(make_store, tmp_path: Path) -> None:  # noqa: ANN001
    store = make_store()
    # Stands for a metric that only gets worse: the learning rate.
    falling = "callbacks.checkpoint_best.monitor=lr-AdamW"
    first = run(store, tmp_path / "half", "trainer.max_epochs=1", falling)
    last = tmp_path / "half/checkpoints/last.ckpt"
    second = run(store, tmp_path / "rest", falling, resume=last)
    assert second.best_epoch == 0
    assert second.val_video_auc == first.val_video_auc
    assert second.best_checkpoint == tmp_path / "rest/checkpoints/best.ckpt"
    assert_same_weights(first.best_checkpoint, second.best_checkpoint)


@pytest.mark.slow
def test_a_run_that_was_moved_goes_on_with_the_best_epoch_beside_it(
    make_store,  # noqa: ANN001
    tmp_path: Path,
) -> None:
    store = make_store()
    falling = "callbacks.checkpoint_best.monitor=lr-AdamW"
    run(store, tmp_path / "half", "trainer.max_epochs=1", falling)
    moved = (tmp_path / "half").rename(tmp_path / "elsewhere")
    summary = run(store, tmp_path / "rest", falling, resume=moved / "checkpoints/last.ckpt")
    assert summary.best_epoch == 0
    assert_same_weights(moved / "checkpoints/best.ckpt", tmp_path / "rest/checkpoints/best.ckpt")


@pytest.mark.slow
def test_the_best_epoch_of_another_run_at_the_old_place_is_not_taken(
    make_store,  # noqa: ANN001
    tmp_path: Path,
) -> None:
    store = make_store()
    falling = "callbacks.checkpoint_best.monitor=lr-AdamW"
    run(store, tmp_path / "half", "trainer.max_epochs=1", falling)
    moved = (tmp_path / "half").rename(tmp_path / "elsewhere")
    run(store, tmp_path / "half", "trainer.max_epochs=1", falling, "seed=1")
    run(store, tmp_path / "rest", falling, resume=moved / "checkpoints/last.ckpt")
    assert_same_weights(moved / "checkpoints/best.ckpt", tmp_path / "rest/checkpoints/best.ckpt")


def test_a_run_without_its_best_epoch_is_refused_before_any_epoch(
    make_store,  # noqa: ANN001
    tmp_path: Path,
) -> None:
    store = make_store()
    run(store, tmp_path / "half", "trainer.max_epochs=1")
    last = tmp_path / "alone/last.ckpt"
    last.parent.mkdir()
    (tmp_path / "half/checkpoints/last.ckpt").rename(last)
    with pytest.raises(CheckpointError, match=rf"there is no {last.parent}/best\.ckpt\. Copy"):
        run(store, tmp_path / "rest", resume=last)
    assert not (tmp_path / "rest").exists()


def test_a_checkpoint_of_another_model_is_not_resumed(make_store, tmp_path: Path) -> None:  # noqa: ANN001
    store = make_store()
    run(store, tmp_path / "first", "trainer.max_epochs=1")
    with pytest.raises(CheckpointError, match="another model"):
        run(
            store,
            tmp_path / "second",
            "model.head.hidden_size=16",
            resume=tmp_path / "first/checkpoints/last.ckpt",
        )


@pytest.mark.one_in(4)
@pytest.mark.parametrize(
    ("change", "part"),
    [
        ("sampler=balanced", "sampler"),
        ("clips/cap=faces", "clips"),
        ("clips.num_frames=5", "clips"),
        ("loader.batch_size=2", "loader"),
        ("optimizer.lr=0.1", "optimizer"),
        ("scheduler.gamma=0.3", "scheduler"),
        ("data/augmentation=none", "data"),
        ("trainer.gradient_clip_val=null", "trainer"),
        ("trainer.precision=bf16-mixed", "trainer"),
        ("prepare.cropper.margin=1.1", "crops"),
        ("callbacks.checkpoint_best.monitor=val/loss", "callbacks"),
        ("loss._target_=torch.nn.CrossEntropyLoss", "loss"),
    ],
)
def test_each_choice_that_changes_a_run_is_in_its_recipe(change: str, part: str) -> None:
    plain, changed = recipe_settings(config_of()), recipe_settings(config_of(change))
    assert [name for name in plain if plain[name] != changed[name]] == [part]


@pytest.mark.one_in(4)
@pytest.mark.parametrize(
    "change",
    [
        "loader.num_workers=1", "logger=[]", "trainer.max_epochs=9", "paths.data_dir=elsewhere",
        "trainer.accelerator=gpu", "prepare.num_workers=1", "callbacks=[checkpoint]",
        "paths.outputs_dir=elsewhere",
    ],
)  # fmt: skip
def test_what_a_resumed_run_may_change_is_not_in_its_recipe(change: str) -> None:
    assert recipe_settings(config_of()) == recipe_settings(config_of(change))


@pytest.mark.slow
def test_a_run_is_not_resumed_with_another_sampler(make_store, tmp_path: Path) -> None:  # noqa: ANN001
    store = make_store()
    run(store, tmp_path / "first", "trainer.max_epochs=1")
    last = tmp_path / "first/checkpoints/last.ckpt"
    with pytest.raises(
        CheckpointError, match=r"another sampler \(_target_=.*NaturalSampling there"
    ):
        run(store, tmp_path / "second", "sampler=balanced", resume=last)
    run(store, tmp_path / "third", "trainer.max_epochs=2", resume=last)


@pytest.mark.slow
def test_the_network_learns_what_brightness_tells(make_store, tmp_path: Path) -> None:  # noqa: ANN001
    summary = run(make_store(), tmp_path / "run", "trainer.max_epochs=10", "model.head.dropout=0.0")
    assert summary.val_video_auc == 1.0


@pytest.mark.slow
def test_offline_tracking_keeps_the_metrics_in_the_run_folder(
    make_store,  # noqa: ANN001
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    run(make_store(), tmp_path / "run", "logger=[csv,wandb]", "logger.wandb.mode=offline")
    [log] = (tmp_path / "run").glob("wandb/offline-run-*/run-*.wandb")
    content = log.read_bytes()
    assert b"val/video_auc" in content
    assert b"train/loss" in content


def test_splits_that_share_a_group_are_refused(make_store, tmp_path: Path) -> None:  # noqa: ANN001
    store: FaceStore = make_store()
    store.videos.loc[store.videos["split"] == "val", "group"] = "toy/train0"
    with pytest.raises(DataError, match="toy/train0"):
        run(store, tmp_path / "run")
    assert run(store, tmp_path / "run", "allow_leak=true").val_video_auc >= 0


@pytest.mark.parametrize(
    ("counts", "message"),
    [({"train": 4, "test": 2}, "'val'"), ({"val": 4, "test": 2}, "'train'")],
)
def test_a_missing_split_is_named(make_store, tmp_path: Path, counts, message: str) -> None:  # noqa: ANN001
    with pytest.raises(DataError, match=message):
        run(make_store(videos_per_class=counts), tmp_path / "run")


def test_a_split_of_one_class_is_refused(make_store, tmp_path: Path) -> None:  # noqa: ANN001
    store: FaceStore = make_store()
    real = (store.videos["label"] == 0) & (store.videos["split"] == "val")
    one_class = FaceStore(
        store.folder, store.videos[~real], store.faces, store.failures, store.manifest_hash
    )
    with pytest.raises(DataError, match="'val'"):
        run(one_class, tmp_path / "run")


@pytest.mark.slow
def test_blended_data_sets_train_a_run_that_resumes_bit_for_bit(make_store, tmp_path: Path) -> None:  # noqa: ANN001
    stores = [make_store(name="one"), make_store(name="two", videos_per_class={"train": 3})]
    for store in stores:
        fakes = store.videos["label"] == 1
        originals = store.videos.loc[fakes, "video_id"].str.replace("/swap/", "/original/")
        store.videos.loc[fakes, "original"] = originals
    paired = "sampler=paired"
    run(stores, tmp_path / "whole", paired, "trainer.max_epochs=2")
    run(stores, tmp_path / "half", paired, "trainer.max_epochs=1")
    last = "checkpoints/last.ckpt"
    run(stores, tmp_path / "rest", paired, "trainer.max_epochs=2", resume=tmp_path / "half" / last)
    assert_same_weights(tmp_path / "whole" / last, tmp_path / "rest" / last)


def data_of(
    stores: list[FaceStore], sampling: SamplingPolicy, batch_size: int = 4
) -> ClipDataModule:
    return ClipDataModule(
        [TrainingSet(store) for store in stores],
        layout=ClipLayout(),
        image_size=32,
        sampling=sampling,
        batch_size=batch_size,
        num_workers=0,
        seed=0,
    )


def without_half_the_reals(store: FaceStore) -> FaceStore:
    is_gone = store.videos["video_id"].str.match(r".*/original/train[0-2]$")
    return replace(store, videos=store.videos[~is_gone])


def test_class_weights_follow_what_is_sampled(make_store) -> None:  # noqa: ANN001
    store = without_half_the_reals(make_store())
    natural = class_weights(data_of([store], NaturalSampling()).sampled_labels)
    balanced = class_weights(data_of([store], BalancedSampling()).sampled_labels)
    assert natural.tolist() == pytest.approx([9 / 2 / 3, 9 / 2 / 6])
    assert balanced.tolist() == [1, 1]


def test_every_batch_of_paired_sampling_holds_fakes_with_their_originals(make_store) -> None:  # noqa: ANN001
    store: FaceStore = make_store()
    fakes = store.videos["label"] == 1
    originals = store.videos.loc[fakes, "video_id"].str.replace("/swap/", "/original/")
    store.videos.loc[fakes, "original"] = originals
    data = data_of([store], PairedSampling())
    clips = data.train_clips.clips
    for batch in data.train_dataloader():
        rows = clips.iloc[batch.rows.tolist()]
        assert set(rows.loc[rows["label"] == 1, "original"]) == set(
            rows.loc[rows["label"] == 0, "video_id"]
        )
    with pytest.raises(ConfigError, match=r"loader\.batch_size=3 would part .* multiple of 2"):
        data_of([store], PairedSampling(), batch_size=3)


def test_a_blended_clip_is_the_clip_of_its_own_store(make_store) -> None:  # noqa: ANN001
    stores = [make_store(name="one"), make_store(name="two")]
    blend = data_of(stores, NaturalSampling()).train_clips
    assert len(blend) == 24
    for row in (0, 11, 12, 23):
        own = blend.parts[row // 12][row % 12]
        assert blend[row].row == row
        assert blend[row].label == own.label == blend.clips["label"].iloc[row]
        torch.testing.assert_close(blend[row].frames, own.frames)
        assert blend.clips["dataset"].iloc[row] == ("one", "two")[row // 12]


def test_two_data_sets_of_one_name_are_refused(make_store) -> None:  # noqa: ANN001
    store: FaceStore = make_store()
    with pytest.raises(DataError, match="are called 'toy'"):
        data_of([store, store], NaturalSampling())


def test_a_test_only_data_set_is_not_trained_on(make_store) -> None:  # noqa: ANN001
    stores = [make_store(name="one"), make_store(name="two", videos_per_class={"test": 3})]
    with pytest.raises(DataError, match="Split 'train' of 'two' has 0 videos"):
        data_of(stores, NaturalSampling())
