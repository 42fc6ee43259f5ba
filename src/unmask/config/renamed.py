"""Classes that earlier versions knew under another name, for the files that they have written."""

from typing import Any, Final

# Old name, or the beginning of old names up to a dot -> today's. A name is put together here, so
# that nothing that renames modules in the sources changes it.
_RENAMED: Final[dict[str, str]] = {
    "unmask.data" + ".synthetic.": "unmask.demo.",
    "unmask.video.reader.DecordReader": "unmask.video.decord_reader.DecordReader",
    "unmask.training.trainer.make_trainer": "lightning.Trainer",
    "unmask.training.loggers.make_csv_logger": "lightning.pytorch.loggers.CSVLogger",
    "unmask.training.loggers.make_wandb_logger": "unmask.training.loggers.TolerantWandbLogger",
}


def new_name(target: str) -> str:
    """Return today's name of a class or function.

    Example:
        >>> new_name("unmask.models.detector.Detector")
        'unmask.models.detector.Detector'
    """
    for old, new in _RENAMED.items():
        if target == old or (old.endswith(".") and target.startswith(old)):
            return new + target.removeprefix(old)
    return target


def with_new_names(node: Any) -> Any:  # noqa: ANN401 - any part of a configuration
    """Return a copy in which targets that had another name in earlier versions have today's."""
    if isinstance(node, list):
        return [with_new_names(item) for item in node]
    if not isinstance(node, dict):
        return node
    renamed = {key: with_new_names(value) for key, value in node.items()}
    target = renamed.get("_target_")
    if isinstance(target, str):
        renamed["_target_"] = new_name(target)
    return renamed
