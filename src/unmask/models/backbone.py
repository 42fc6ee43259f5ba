"""Networks that turn one image into a vector of features."""

import inspect
from pathlib import Path
from typing import Any

import timm
from torch import Tensor, nn

from unmask.core.errors import ConfigError, did_you_mean
from unmask.models.weights import create_pretrained, load_weights


class TimmBackbone(nn.Module):
    """Any timm classifier without its last layer.

    Args:
        name: A timm architecture, e.g. ``"efficientnet_b0"``; ``name.tag`` chooses among its
            pretrained weights.
        image_size: Side of the square input in pixels; patch models resize their position
            embedding to it.
        pretrained: Start from timm's published weights, fetched once and then cached.
        weights: A file of weights for this architecture (``.pth``, ``.safetensors``), instead of
            ``pretrained``.
        drop_rate: Dropout before the features, where the architecture has it.
        drop_path_rate: Stochastic depth, where the architecture has it.

    Raises:
        ConfigError: If timm has no such architecture, or it lacks a knob that is set.
        CheckpointError: If the weights cannot be fetched, read or fitted.
    """

    def __init__(
        self,
        name: str,
        *,
        image_size: int = 224,
        pretrained: bool = True,
        weights: str | None = None,
        drop_rate: float = 0.0,
        drop_path_rate: float = 0.0,
    ) -> None:
        super().__init__()
        self.image_size = image_size
        knobs = _knobs(name, image_size, drop_rate=drop_rate, drop_path_rate=drop_path_rate)
        if pretrained and weights is None:
            self.network = create_pretrained(name, knobs)
        else:
            self.network = timm.create_model(name, pretrained=False, num_classes=0, **knobs)
        if weights is not None:
            load_weights(self.network, Path(weights), name)
        described: Any = self.network  # timm's classes share these attributes, but no type
        # Some, e.g. MobileNetV3, widen the features after pooling.
        self.num_features = int(getattr(described, "head_hidden_size", described.num_features))
        self.mean: tuple[float, ...] = tuple(described.pretrained_cfg["mean"])
        self.std: tuple[float, ...] = tuple(described.pretrained_cfg["std"])

    def forward(self, images: Tensor) -> Tensor:
        """Describe each image.

        Args:
            images: Normalised RGB, ``(images, 3, image_size, image_size)``, floating point.

        Returns:
            Features, ``(images, num_features)``.
        """
        features: Tensor = self.network(images)
        return features


def _knobs(name: str, image_size: int, **rates: float) -> dict[str, Any]:
    """Return the keywords that ``name`` takes, refusing a knob that would have no effect."""
    architecture = name.split(".")[0]
    if not timm.is_model(architecture):
        raise ConfigError(
            f"timm has no architecture '{architecture}' (model.backbone.name)"
            + did_you_mean(architecture, timm.list_models())
        )
    published = timm.get_pretrained_cfg(architecture)
    knobs: dict[str, Any] = {key: rate for key, rate in rates.items() if rate}
    if published is not None and published.fixed_input_size:
        knobs["img_size"] = image_size
    _refuse_dead_knobs(architecture, knobs)
    return knobs


def _refuse_dead_knobs(architecture: str, knobs: dict[str, Any]) -> None:
    """Raise for dropout rates that an architecture would take and ignore."""
    if "drop_path_rate" not in knobs:
        return
    network_class = timm.create_model(architecture, pretrained=False, num_classes=0).__class__
    if "drop_path_rate" not in inspect.signature(network_class.__init__).parameters:
        raise ConfigError(
            f"'{architecture}' has no stochastic depth; set model.backbone.drop_path_rate=0."
        )
