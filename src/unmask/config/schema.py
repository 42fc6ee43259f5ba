"""The fields that our own code reads, with their types and limits."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PositiveFloat,
    PositiveInt,
    Tag,
)

from unmask.core.files import write_text
from unmask.core.voting import VotingRule


def _require_settings(node: object) -> object:
    if isinstance(node, dict) and "settings" not in node:
        raise ValueError("must hold `settings`, which say what is made")
    return node


def _require_target(node: object) -> object:
    if not isinstance(node, dict) or "_target_" not in node:
        raise ValueError("must be a node with `_target_`")
    return node


def _require_shard(text: object) -> object:
    if text is not None and not re.fullmatch(r"\d+/\d+", str(text)):
        raise ValueError("must be i/n, such as 1/8 for the first of eight slices")
    return text


def _require_workers(value: object) -> object:
    is_number = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    if value != "auto" and not is_number:
        raise ValueError("must be auto, 0 for none, or a number of processes")
    return value


Workers = Annotated[int | Literal["auto"], BeforeValidator(_require_workers)]
Shard = Annotated[str, BeforeValidator(_require_shard)]
Target = Annotated[dict[str, Any], BeforeValidator(_require_target)]
Targets = dict[str, Target]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class DataConfig(_Section):
    """One data set: what lies where, how it is split, how its training clips are augmented."""

    name: str
    root: Path
    source: Target
    split: Target
    make: Annotated[Target | None, BeforeValidator(_require_settings)] = None
    augmentation: Target | None = None


class BlendConfig(_Section):
    """Several data sets that are trained on as one; from `data=[a,b]`."""

    sets: dict[str, DataConfig] = Field(min_length=1)


def _kind_of_data(node: object) -> str:
    is_blend = isinstance(node, BlendConfig) or (isinstance(node, dict) and "sets" in node)
    return BLEND if is_blend else SINGLE


# Tags of the two; angle brackets keep them apart from any key.
SINGLE, BLEND = "<one>", "<several>"
AnyData = Annotated[
    Annotated[DataConfig, Tag(SINGLE)] | Annotated[BlendConfig, Tag(BLEND)],
    Discriminator(_kind_of_data),
]


def sets_of(data: DataConfig | BlendConfig) -> list[DataConfig]:
    """Return the data sets that a `data` node names, in the order given."""
    return list(data.sets.values()) if isinstance(data, BlendConfig) else [data]


class PrepareConfig(_Section):
    """How faces are found and cut."""

    reader: Target
    sampling: Target
    detector: Target
    verifier: Target
    tracker: Target
    cropper: Target
    max_tracks: PositiveInt | None
    image_format: Literal["jpeg", "png"]
    face_video: Target | None = None
    num_workers: PositiveInt | None
    time_limit_seconds: PositiveFloat
    memory_limit_gb: Annotated[float, Field(ge=1)] | None
    retry_failures: bool = False


class LoaderConfig(_Section):
    """How clips reach the network."""

    batch_size: PositiveInt
    num_workers: Workers


class EvalConfig(_Section):
    """What a trained detector is measured on, and how."""

    datasets: dict[str, DataConfig]
    video_score: Literal["mean", "max", "topk"]
    top_k: PositiveInt = 3
    # YAML reads an unquoted 0.5 as a number.
    unscored: Annotated[Literal["exclude", "0.5"], BeforeValidator(str)]
    num_resamples: PositiveInt
    embeddings: bool = True


class PathsConfig(_Section):
    """Where data and results go; relative to the working directory."""

    data_dir: Path
    outputs_dir: Path
    # With a default, so that configurations of earlier runs can still be read.
    models_dir: Path = Path("models")


def _with_whole_roots(node: Any) -> Any:  # noqa: ANN401 - any part of a configuration
    if not isinstance(node, dict):
        return node
    found = {key: _with_whole_roots(value) for key, value in node.items()}
    if isinstance(root := found.get("root"), str):
        found["root"] = str(Path(root).absolute())
    return found


class VerbConfig(_Section):
    """What the section of every verb holds."""

    # Which file of each group was chosen, e.g. {"model": "effb0_lstm"}; composing fills it in.
    choices: dict[str, str] = {}
    # Packages whose classes checkpoints and runs may name; of a file that is read it is ignored.
    trusted_modules: list[str] = []

    def plain(self) -> dict[str, Any]:
        """Return plain values, with whole paths of data: where a call was made decides nothing."""
        content = self.model_dump(mode="json")
        return content | {
            k: _with_whole_roots(content[k]) for k in ("data", "eval") if k in content
        }

    def save(self, folder: Path) -> None:
        """Write the whole section as ``config.yaml``."""
        write_text(folder / "config.yaml", yaml.safe_dump(self.plain(), sort_keys=False))


class IndexConfig(VerbConfig):
    """`unmask index`."""

    data: AnyData
    paths: PathsConfig


class FacesConfig(IndexConfig):
    """A data set and how its faces are cut."""

    prepare: PrepareConfig


class PrepareVerbConfig(FacesConfig):
    """`unmask prepare`."""

    shard: Shard | None


class TrainConfig(FacesConfig):
    """`unmask train`."""

    seed: int = Field(ge=0, lt=2**32)
    resume: Path | None
    rerun: bool = False
    cache_features: bool = False
    test: bool
    allow_leak: bool
    model: Target
    clips: Target
    sampler: Target
    loader: LoaderConfig
    loss: Target
    optimizer: Target
    scheduler: Target | None = None
    trainer: Target
    callbacks: Targets = {}
    logger: Targets = {}
    eval: EvalConfig


class AuditConfig(VerbConfig):
    """`unmask audit`."""

    manifests: str | list[str]
    paths: PathsConfig


class CostConfig(_Section):
    """The clip and the training step that a model's cost is of."""

    num_frames: PositiveInt
    batch_size: PositiveInt


class DescribeConfig(FacesConfig):
    """`unmask describe`."""

    model: Target
    cost: CostConfig
    seed: int = Field(ge=0, lt=2**32)
    num_draws: PositiveInt
    num_frames: PositiveInt
    image_size: int = Field(ge=16)
    clip: int = Field(ge=0)
    image_format: Literal["jpeg", "png"]


class EvaluateConfig(VerbConfig):
    """`unmask evaluate`."""

    run: Path
    allow_leak: bool
    allow_changed_data: bool
    checkpoint: Path | None
    seed: int = Field(ge=0, lt=2**32)
    loader: LoaderConfig
    trainer: Target
    eval: EvalConfig
    paths: PathsConfig


class VerifyConfig(VerbConfig):
    """`unmask verify`."""

    run: Path
    loader: LoaderConfig
    trainer: Target
    paths: PathsConfig


class ReportConfig(VerbConfig):
    """`unmask report`."""

    runs: str
    seed: int = Field(ge=0, lt=2**32)
    eval: EvalConfig
    paths: PathsConfig


class EnsembleConfig(VerbConfig):
    """`unmask ensemble`."""

    runs: str | list[str]
    rule: VotingRule
    grid_max: PositiveInt
    seed: int = Field(ge=0, lt=2**32)
    eval: EvalConfig
    paths: PathsConfig


class PredictConfig(VerbConfig):
    """`unmask predict`."""

    checkpoint: str | list[str] | None
    voting: VotingRule
    sampling: Literal["trained", "uniform", "first", "rate"]
    num_frames: PositiveInt | None
    frames_per_second: PositiveFloat
    min_face_prob: Annotated[float, Field(ge=0, le=1)] | None
    device: str
    html: bool
    heat_maps: bool
    out: Path
    paths: PathsConfig


class AppConfig(VerbConfig):
    """`unmask app`."""

    checkpoint: str | list[str] | None
    voting: VotingRule
    num_frames: Annotated[int, Field(ge=1, le=100)] | None
    min_face_prob: Annotated[float, Field(ge=0, le=1)] | None
    heat_maps: bool
    device: str
    host: str
    port: Annotated[int, Field(ge=0, le=65535)]
    examples: bool
    queue_limit: PositiveInt
    max_mib: PositiveFloat
    max_seconds: PositiveFloat
    max_megapixels: PositiveFloat
    max_frames: PositiveInt
    max_zip_files: PositiveInt
    max_unpacked_mib: PositiveFloat
    keep_seconds: PositiveFloat
    flagged_dir: Path
    max_flagged_mib: PositiveFloat
    out: Path
    paths: PathsConfig


class ModelsConfig(VerbConfig):
    """`unmask models`."""

    paths: PathsConfig


VERBS: dict[str, type[VerbConfig]] = {
    "index": IndexConfig,
    "prepare": PrepareVerbConfig,
    "audit": AuditConfig,
    "describe": DescribeConfig,
    "train": TrainConfig,
    "evaluate": EvaluateConfig,
    "verify": VerifyConfig,
    "report": ReportConfig,
    "ensemble": EnsembleConfig,
    "predict": PredictConfig,
    "app": AppConfig,
    "models": ModelsConfig,
}
