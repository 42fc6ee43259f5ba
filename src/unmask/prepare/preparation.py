"""How faces are found, cut and kept: what one preparation is, for every video alike."""

from __future__ import annotations  # the face detector is only named

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from unmask.config.decides import deciding

if TYPE_CHECKING:  # the face detector needs PyTorch, and an index does not
    from unmask.faces.extract import FaceExtractor
    from unmask.faces.face_video import FaceVideo

ImageFormat: TypeAlias = Literal["jpeg", "png"]


@dataclass(frozen=True)
class Preparation:
    """How faces are found, cut and kept; it is sent to the workers.

    Args:
        extractor: Does one video.
        image_format: ``"jpeg"`` (quality 95, 4:4:4) or ``"png"``, for both classes alike.
        face_video: Also writes a video of each input's main face; None does not.
        num_workers: Worker processes; None for one per core. On a machine with a GPU they share
            it, so that some decode the next videos while it looks for faces.
        time_limit_seconds: For each video; then its worker is killed and it counts as failed.
        memory_limit_gb: Of each worker; a video that needs more counts as failed.
        retry_failures: Try again what failed in an earlier run.
        settings: Plain values that decide what a crop looks like; they key the store's folder, and
            a store made with others is refused. Empty takes them from ``extractor`` and
            ``face_video``.

    Raises:
        ValueError: If a value is out of range.
    """

    extractor: FaceExtractor
    image_format: ImageFormat = "jpeg"
    face_video: FaceVideo | None = None
    num_workers: int | None = None
    time_limit_seconds: float = 300
    memory_limit_gb: float | None = 4
    retry_failures: bool = False
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.image_format not in get_args(ImageFormat):
            raise ValueError(f"image_format must be 'jpeg' or 'png', got {self.image_format!r}.")
        if self.num_workers is not None and self.num_workers < 1:
            raise ValueError(f"num_workers must be at least 1 or null, got {self.num_workers}.")
        if not self.time_limit_seconds > 0:
            raise ValueError(f"time_limit_seconds must be above 0, got {self.time_limit_seconds}.")
        if self.memory_limit_gb is not None and not self.memory_limit_gb >= 1:
            raise ValueError(
                f"memory_limit_gb must be at least 1, which a worker needs itself, or null, "
                f"got {self.memory_limit_gb}."
            )
        if not self.settings:
            found = settings_of(self.extractor, self.face_video)
            object.__setattr__(self, "settings", found)


def settings_of(extractor: FaceExtractor, face_video: FaceVideo | None) -> dict[str, Any]:
    """Return the settings of what finds and cuts faces that decide a store's content."""
    content = {**plain(extractor), "face_video": plain(face_video)}
    settings: dict[str, Any] = deciding({"prepare": content}, "crops")["prepare"]
    return settings


def plain(value: Any) -> Any:  # noqa: ANN401 - settings hold anything
    """Turn dataclasses into dictionaries that say which class they were."""
    if is_dataclass(value) and not isinstance(value, type):
        members = {member.name: plain(getattr(value, member.name)) for member in fields(value)}
        return {"_target_": f"{type(value).__module__}.{type(value).__qualname__}", **members}
    if isinstance(value, Mapping):
        return {str(key): plain(member) for key, member in value.items()}
    return value
