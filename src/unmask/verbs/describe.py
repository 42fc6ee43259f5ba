"""`unmask describe`: what a choice does, before anything is trained on it."""

from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass
from pathlib import Path

from unmask.config.build import build_untrained
from unmask.config.schema import DataConfig, DescribeConfig, sets_of
from unmask.core.errors import ConfigError, DataError
from unmask.core.files import write_json
from unmask.data.store import FaceStore
from unmask.models.complexity import Complexity, measure_complexity
from unmask.prepare.datasets import store_folder
from unmask.verbs.augmentation_sheet import (
    ShownClip,
    augmentation_sheet,
    save_picture,
    stored_clip,
    synthetic_clip,
)
from unmask.verbs.objects import augmentation_of, make_dataset, make_preparation


@dataclass(frozen=True)
class Description:
    """What a choice does.

    Attributes:
        model: Name of the model's configuration.
        complexity: The model's cost; None where no model was chosen.
        sheets: Contact sheets of augmented clips; empty where no augmentation was chosen.
    """

    model: str
    complexity: Complexity | None
    sheets: list[Path]


def describe(config: DescribeConfig, folder: Path, *, chosen: AbstractSet[str]) -> Description:
    """Measure the cost of a model, and draw what an augmentation does to a clip.

    Args:
        folder: Where ``complexity.json`` and the pictures go.
        chosen: Which groups were chosen, of ``"model"``, ``"data"`` and ``"data/augmentation"``;
            what was not chosen is not described.

    Raises:
        ConfigError: If nothing to describe was chosen, or a data set without an augmentation.
        DataError: If the data set that was chosen has no face crops yet.
    """
    if not chosen & {"model", "data", "data/augmentation"}:
        raise ConfigError(
            "Nothing was chosen, so there is nothing to describe. Choose one, for example "
            "model=effb0_lstm or data/augmentation=extreme."
        )
    config.save(folder)
    complexity = _complexity_of(config, folder) if "model" in chosen else None
    sheets = (
        [_sheet_of(config, one, folder, chosen=chosen) for one in sets_of(config.data)]
        if chosen & {"data", "data/augmentation"}
        else []
    )
    return Description(config.choices.get("model", "model"), complexity, sheets)


def _complexity_of(config: DescribeConfig, folder: Path) -> Complexity:
    complexity = measure_complexity(
        build_untrained(config.model),
        num_frames=config.cost.num_frames,
        batch_size=config.cost.batch_size,
    )
    write_json(folder / "complexity.json", asdict(complexity))
    return complexity


def _sheet_of(
    config: DescribeConfig, dataset: DataConfig, folder: Path, *, chosen: AbstractSet[str]
) -> Path:
    augmentation = augmentation_of(dataset)
    if augmentation is None:
        raise ConfigError(f"'{dataset.name}' has no data/augmentation; choose one.")
    choice = config.choices.get("data/augmentation", dataset.name)
    sheet = augmentation_sheet(
        _clip(config, dataset, is_stored="data" in chosen),
        augmentation,
        title=choice,
        num_draws=config.num_draws,
        seed=config.seed,
    )
    is_one_of_many = len(sets_of(config.data)) > 1
    name = f"augmentation_{choice}" + (f"_{dataset.name}" if is_one_of_many else "")
    return save_picture(sheet, folder, name, config.image_format)


def _clip(config: DescribeConfig, dataset: DataConfig, *, is_stored: bool) -> ShownClip:
    """Take a clip of the data set that was named, or film one where none was."""
    if not is_stored:
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
