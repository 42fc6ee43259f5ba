"""`unmask describe`: what a choice does, before anything is trained on it."""

from collections.abc import Callable
from dataclasses import asdict

from hydra.core.hydra_config import HydraConfig

from unmask.cli.hydra import Call, console, run_verb
from unmask.cli.objects import augmentation_of, make_dataset, make_preparation
from unmask.config.build import build_untrained
from unmask.config.schema import DataConfig, DescribeConfig, sets_of
from unmask.core.errors import ConfigError, DataError
from unmask.core.files import write_json
from unmask.data.store import FaceStore
from unmask.models.complexity import measure_complexity
from unmask.prepare.datasets import store_folder
from unmask.verbs.complexity import complexity_table
from unmask.verbs.describe import (
    ShownClip,
    augmentation_sheet,
    save_picture,
    stored_clip,
    synthetic_clip,
)


def describe(arguments: list[str]) -> None:
    """Describe what the command line chooses."""
    run_verb("describe", _describe, arguments)


def _describe(call: Call) -> None:
    chosen = _chosen_groups()
    wanted = [show for groups, show in DESCRIPTIONS if chosen & groups]
    if not wanted:
        raise ConfigError(
            "Nothing was chosen, so there is nothing to describe. Choose one, for example "
            "model=effb0_lstm or data/augmentation=extreme."
        )
    call.save_config()
    for show in wanted:
        show(call)


def _chosen_groups() -> set[str]:
    """Return what the command line's words are about, e.g. ``{"data/augmentation"}``."""
    keys = [word.lstrip("+~").partition("=")[0] for word in HydraConfig.get().overrides.task]
    groups = {key.partition("@")[0] for key in keys}
    if any(key.startswith("data.augmentation") for key in keys):
        groups.add("data/augmentation")
    if any(group.startswith("model") for group in groups):
        groups.add("model")
    return groups


def _show_augmentation(call: Call) -> None:
    config: DescribeConfig = call.config
    sets = sets_of(config.data)
    for dataset in sets:
        augmentation = augmentation_of(dataset)
        if augmentation is None:
            raise ConfigError(f"'{dataset.name}' has no data/augmentation; choose one.")
        choice = call.choices.get("data/augmentation", dataset.name)
        sheet = augmentation_sheet(
            _clip(config, dataset),
            augmentation,
            title=choice,
            num_draws=config.num_draws,
            seed=config.seed,
        )
        name = f"augmentation_{choice}" + (f"_{dataset.name}" if len(sets) > 1 else "")
        path = save_picture(sheet, call.run_dir, name, config.image_format)
        console.print(f"Contact sheet: {path}", highlight=False, soft_wrap=True)


def _clip(config: DescribeConfig, dataset: DataConfig) -> ShownClip:
    """Take a clip of the data set that was named, or film one where none was."""
    if "data" not in _chosen_groups():
        return synthetic_clip(
            config.seed, num_frames=config.num_frames, image_size=config.image_size
        )
    folder = store_folder(
        make_dataset(dataset), make_preparation(config.prepare), config.paths.data_dir
    )
    if not (folder / "faces.parquet").is_file():
        raise DataError(
            f"'{dataset.name}' has no face crops in {folder}. Run `unmask prepare` with the same "
            "words first, or leave data= out to see a synthetic clip."
        )
    return stored_clip(
        FaceStore.open(folder),
        config.clip,
        num_frames=config.num_frames,
        image_size=config.image_size,
    )


def _show_model(call: Call) -> None:
    config: DescribeConfig = call.config
    complexity = measure_complexity(
        build_untrained(config.model),
        num_frames=config.cost.num_frames,
        batch_size=config.cost.batch_size,
    )
    write_json(call.run_dir / "complexity.json", asdict(complexity))
    console.print(complexity_table(complexity, call.choices["model"]))


# Each description with the groups of which one must have been chosen for it.
DESCRIPTIONS: list[tuple[set[str], Callable[[Call], None]]] = [
    ({"model"}, _show_model),
    ({"data/augmentation", "data"}, _show_augmentation),
]
