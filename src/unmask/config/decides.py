"""What each setting decides, in one table.

A setting decides *crops* (which face crops there are, and how they look), *weights* (what a
training ends with), *scores* (what is measured of given weights) or *nothing*: where things lie,
what a person sees, how fast it goes. A stage decides the later ones too: a setting
that decides crops decides weights and scores too.

Store keys, the recipe in a checkpoint, "not trained again", the study of a search and the variants
of a report all ask :func:`deciding`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

What = Literal["crops", "weights", "scores"]
Decides = Literal["crops", "weights", "scores", "nothing"]
_ORDER: Final = get_args(Decides)


@dataclass(frozen=True)
class Row:
    """What the settings of one pattern decide.

    Attributes:
        keys: Dotted names; ``*`` is any one name, ``**`` at the end any number of them, also none.
        decides: The first thing that changes with them.
        targets: The row holds only where the node that the pattern names, up to ``**``, has one of
            these as its ``_target_``; empty for any node.
        anew: A resumed run may set it anew, although it decides what the run ends with.
        is_place: It says where a data set lies. A store belongs to its folder; a run is compared
            by the content of its crops, of which a copy elsewhere has the same.
    """

    keys: str
    decides: Decides
    targets: tuple[str, ...] = ()
    anew: bool = False
    is_place: bool = False

    def holds(self, name: str, settings: Mapping[str, Any]) -> bool:
        """Whether this row is about one of the settings, given by its dotted name."""
        parts, wanted = name.split("."), self.keys.split(".")
        if wanted[-1] == "**":
            wanted = wanted[:-1]
            if len(parts) < len(wanted):
                return False
        elif len(parts) != len(wanted):
            return False
        if any(two not in ("*", one) for one, two in zip(parts, wanted, strict=False)):
            return False
        node = ".".join(parts[: len(wanted)])
        return not self.targets or settings.get(f"{node}._target_") in self.targets


def _rows(decides: Decides, keys: str) -> list[Row]:
    return [Row(key, decides) for key in keys.split()]


def _data_set(place: str) -> list[Row]:
    """Return the rows of a data set that is trained on."""
    return [
        Row(f"{place}.root", "crops", is_place=True),
        Row(f"{place}.split.root", "crops", is_place=True),
        *_rows("nothing", f"{place}.make.num_workers"),
        *_rows("weights", f"{place}.augmentation.**"),
        # A split is written into the store's table of videos.
        *_rows("crops", f"{place}.name {place}.source.** {place}.split.** {place}.make.**"),
    ]


_SHOW: Final = (
    "lightning.pytorch.callbacks.LearningRateMonitor",
    "lightning.pytorch.callbacks.RichProgressBar",
    "lightning.pytorch.callbacks.TQDMProgressBar",
    "lightning.pytorch.callbacks.RichModelSummary",
    "lightning.pytorch.callbacks.ModelSummary",
    "lightning.pytorch.callbacks.DeviceStatsMonitor",
    "lightning.pytorch.callbacks.ThroughputMonitor",
    "lightning.pytorch.callbacks.Timer",
    "unmask.training.callbacks.progress.EpochLines",
    # The chosen epoch is another callback's.
    "unmask.training.callbacks.checkpointing.LatestCheckpoint",
)
# These callbacks change each step or which epoch is chosen, so a resumed run keeps them.
_CHANGE_EACH_STEP: Final = (
    "unmask.training.callbacks.checkpointing.BestCheckpoint",
    "unmask.training.callbacks.speed.ChannelsLast",
    "unmask.training.callbacks.speed.CompileBackbone",
    "lightning.pytorch.callbacks.GradientAccumulationScheduler",
    "lightning.pytorch.callbacks.StochasticWeightAveraging",
    "lightning.pytorch.callbacks.WeightAveraging",
    "lightning.pytorch.callbacks.EMAWeightAveraging",
)

# The first row that holds counts.
TABLE: Final[tuple[Row, ...]] = (
    # Where things lie, what is logged and shown, what is done beside training.
    *_rows("nothing", "hydra.** paths.** logger.** choices.** trusted_modules.** out flagged_dir"),
    *_rows("nothing", "resume rerun test shard html heat_maps device"),
    # How fast faces are found, and when a video is given up. A video that a limit stops has no
    # crop, which shows in the store's tables; a reader's bounds refuse a whole file.
    *_rows("nothing", "prepare.num_workers prepare.retry_failures"),
    *_rows("nothing", "prepare.time_limit_seconds prepare.memory_limit_gb"),
    *_rows("nothing", "prepare.detector.device prepare.detector.batch_size"),
    *_rows("nothing", "prepare.verifier.device prepare.verifier.batch_size"),
    *_rows("nothing", "prepare.reader.bounds.**"),
    # How faces are found and cut.
    *_rows("crops", "prepare.reader.** prepare.sampling.** prepare.detector.**"),
    *_rows("crops", "prepare.verifier.** prepare.tracker.** prepare.cropper.**"),
    *_rows("crops", "prepare.max_tracks prepare.image_format prepare.face_video.**"),
    # What is trained on.
    *_data_set("data"),
    *_data_set("data.sets.*"),
    *_rows("weights", "clips.** sampler.** allow_leak seed"),
    *_rows("weights", "loader.batch_size"),
    *_rows("nothing", "loader.num_workers loader.pin_memory loader.prefetch_factor"),
    *_rows("nothing", "loader.persistent_workers loader.timeout"),
    # What is trained, and how.
    *_rows("weights", "model.** loss.** optimizer.** scheduler.** cache_features"),
    *(Row("callbacks.*.**", "nothing", targets=(one,)) for one in _SHOW),
    *(Row("callbacks.*.**", "weights", targets=(one,)) for one in _CHANGE_EACH_STEP),
    Row("callbacks.*.**", "weights", anew=True),
    # Every argument of Lightning's trainer.
    *(Row(f"trainer.{name}", "weights", anew=True) for name in ("_target_", "_partial_")),
    *(
        Row(f"trainer.{name}.**", "weights", anew=True)
        for name in (
            "accelerator", "devices", "num_nodes", "strategy", "deterministic", "benchmark",
            "max_epochs", "min_epochs", "max_steps", "min_steps", "max_time",
        )
    ),
    *_rows("weights", "trainer.precision trainer.plugins.** trainer.sync_batchnorm"),
    *_rows("weights", "trainer.accumulate_grad_batches trainer.gradient_clip_val"),
    *_rows("weights", "trainer.gradient_clip_algorithm trainer.use_distributed_sampler"),
    *_rows("weights", "trainer.reload_dataloaders_every_n_epochs trainer.fast_dev_run"),
    *_rows("weights", "trainer.limit_train_batches trainer.overfit_batches trainer.barebones"),
    # These keys decide which epochs are measured, hence which is chosen.
    *_rows("weights", "trainer.limit_val_batches trainer.val_check_interval"),
    *_rows("weights", "trainer.check_val_every_n_epoch trainer.enable_checkpointing"),
    *_rows("weights", "trainer.callbacks.**"),
    # A trainer of our own: layout and compilation move the last bits.
    *_rows("weights", "trainer.channels_last trainer.compile_backbone"),
    *_rows("scores", "trainer.limit_test_batches trainer.limit_predict_batches"),
    *_rows("nothing", "trainer.enable_progress_bar trainer.enable_model_summary"),
    *_rows("nothing", "trainer.log_every_n_steps trainer.num_sanity_val_steps"),
    *_rows("nothing", "trainer.inference_mode trainer.detect_anomaly trainer.profiler.**"),
    *_rows("nothing", "trainer.default_root_dir trainer.logger.**"),
    *_rows("nothing", "trainer.enable_autolog_hparams trainer.model_registry"),
    # What is measured of given weights.
    Row("eval.datasets.*.root", "scores", is_place=True),
    Row("eval.datasets.*.split.root", "scores", is_place=True),
    *_rows("nothing", "eval.datasets.*.make.num_workers eval.datasets.*.augmentation.**"),
    *_rows("scores", "eval.datasets.** eval.video_score eval.top_k eval.unscored"),
    *_rows("scores", "eval.num_resamples"),
    *_rows("nothing", "eval.embeddings"),
    *_rows("scores", "run runs checkpoint allow_changed_data rule grid_max manifests"),
    *_rows("scores", "voting sampling num_frames frames_per_second min_face_prob"),
    # What `unmask describe` draws and counts, and how `unmask app` serves.
    *_rows("nothing", "num_draws image_size clip image_format cost.num_frames cost.batch_size"),
    *_rows("nothing", "host port examples queue_limit max_mib max_seconds max_megapixels"),
    *_rows("nothing", "max_frames max_zip_files max_unpacked_mib keep_seconds max_flagged_mib"),
)  # fmt: skip
_BY_SECTION: Final = {
    section: [row for row in TABLE if row.keys.partition(".")[0] == section]
    for section in {row.keys.partition(".")[0] for row in TABLE}
}


def deciding(
    config: Mapping[str, Any], what: What, *, resumed: bool = False, places: bool = False
) -> dict[str, Any]:
    """Return of a configuration what decides something, and no more.

    A setting that no row names decides everything: a configuration of another version, or of
    somebody's own trainer, is never taken for another one by mistake.

    Args:
        config: A verb's configuration, or some sections of it, each under its own name.
        what: With crops come the settings that decide them; with weights also those that decide
            crops; with scores all that decide anything.
        resumed: Leave out what a resumed run may set anew.
        places: Keep where data sets lie.

    Returns:
        Nested as the configuration is; empty sections are left out.

    Example:
        >>> deciding({"seed": 1, "prepare": {"max_tracks": 2, "num_workers": 8}}, "crops")
        {'prepare': {'max_tracks': 2}}
        >>> trainer = {"precision": "32-true", "max_epochs": 3}
        >>> deciding({"trainer": trainer}, "weights", resumed=True)
        {'trainer': {'precision': '32-true'}}
    """
    settings = leaves(config)

    def is_kept(name: str) -> bool:
        row = row_of(name, settings) or Row(name, "crops")
        is_left_out = (resumed and row.anew) or (row.is_place and not places)
        return _ORDER.index(row.decides) <= _ORDER.index(what) and not is_left_out

    return _only(config, is_kept)


def row_of(name: str, settings: Mapping[str, Any]) -> Row | None:
    """Return the row of the table that counts for a setting, None where none names it.

    Args:
        name: Dotted, such as ``"trainer.max_epochs"``.
        settings: All of them by dotted name, as :func:`leaves` returns them.
    """
    rows = _BY_SECTION.get(name.partition(".")[0], ())
    return next((row for row in rows if row.holds(name, settings)), None)


def _only(
    node: Mapping[str, Any], is_kept: Callable[[str], bool], prefix: str = ""
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in node.items():
        name = f"{prefix}{key}"
        if not isinstance(value, Mapping):
            found |= {key: value} if is_kept(name) else {}
        elif section := _only(value, is_kept, f"{name}."):
            found[key] = section
    return found


def leaves(node: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the values of a nested configuration by dotted name.

    A list is one value. An empty section has none.

    Example:
        >>> leaves({"seed": 1, "model": {"head": {"dropout": 0.5}}, "logger": {}})
        {'seed': 1, 'model.head.dropout': 0.5}
    """
    found: dict[str, Any] = {}
    for key, value in node.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            found |= leaves(value, f"{name}.")
        else:
            found[name] = value
    return found
