"""Networks that turn one image into a vector of features."""

import inspect
import math
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Literal, cast

import timm
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from timm.models import group_parameters
from torch import Tensor, nn

from unmask.core.errors import ConfigError, did_you_mean
from unmask.models.checkpointing import StatisticsOnce, checkpoint_gradients
from unmask.models.insert import Insert, displayed, find_site, layout_of, pass_through
from unmask.models.luma import luma_of
from unmask.models.meta_run import trial_run
from unmask.models.weights import create_pretrained, load_weights


class TimmBackbone(nn.Module):
    """Any timm classifier without its last layer.

    Args:
        name: A timm architecture, e.g. ``"efficientnet_b0"``; ``name.tag`` chooses among its
            pretrained weights.
        image_size: Side of the square input in pixels. Patch models resize their position
            embedding to it; where patches do not fit, the image gets a margin of the mean colour.
        in_chans: 3 for RGB, 1 for luma; weights for RGB are then summed over the channels.
        pretrained: Start from timm's published weights, fetched once and then cached.
        weights: A file of weights for this architecture (``.pth``, ``.safetensors``), instead of
            ``pretrained``; resized like those.
        drop_rate: Dropout before the features, where the architecture has it.
        drop_path_rate: Stochastic depth, where the architecture has it.
        grad_checkpointing: Compute activations again in the backward pass instead of keeping them:
            less memory, more time, the same step.
        insert: Modules between two stages, by name; see :mod:`unmask.models.insert`.

    Attributes:
        margins: Pixels of mean colour that the network sees left of the image, right, above and
            below.

    Raises:
        ConfigError: If timm has no such architecture, or it lacks a knob that is set or a module to
            insert after, or cannot take images of that size.
        CheckpointError: If the weights cannot be fetched, read or fitted.
    """

    def __init__(
        self,
        name: str,
        *,
        image_size: int = 224,
        in_chans: Literal[1, 3] = 3,
        pretrained: bool = True,
        weights: str | None = None,
        drop_rate: float = 0.0,
        drop_path_rate: float = 0.0,
        grad_checkpointing: bool = False,
        insert: Mapping[str, Insert] | None = None,
    ) -> None:
        super().__init__()
        self.name = name
        self.image_size = image_size
        knobs = _knobs(name, image_size, drop_rate=drop_rate, drop_path_rate=drop_path_rate)
        if in_chans != 3:
            knobs["in_chans"] = in_chans
        self.network, side = _create(name, knobs, pretrained=pretrained and weights is None)
        margin = (side or image_size) - image_size
        self.margins = (margin // 2, margin - margin // 2) * 2
        if weights is not None:
            load_weights(self.network, Path(weights), name)
        described: Any = self.network  # timm's classes share these attributes, but no type
        self.mean: tuple[float, ...] = tuple(described.pretrained_cfg["mean"])
        self.std: tuple[float, ...] = tuple(described.pretrained_cfg["std"])
        if in_chans == 1:
            self.mean, self.std = luma_of(self.mean), luma_of(self.std)
        self._statistics: StatisticsOnce | None = None
        if grad_checkpointing:
            self._statistics = checkpoint_gradients(self.network, name)
        self.inserts = nn.ModuleDict()
        self.num_features = self._connect(insert or {}, (in_chans, side or image_size))

    def forward(self, images: Tensor) -> Tensor:
        """Describe each image.

        Args:
            images: Normalised, ``(images, in_chans, image_size, image_size)``, floating point.

        Returns:
            Features, ``(images, num_features)``.
        """
        if any(self.margins):
            images = F.pad(images, self.margins)
        with self._statistics.forward_pass() if self._statistics else nullcontext():
            return cast(Tensor, self.network(images))

    def maps(self, images: Tensor) -> dict[str, Tensor]:
        """Return what the inserted modules can show of images; nothing is kept on the modules.

        Args:
            images: Normalised, as in :meth:`forward`.

        Returns:
            By ``<insert>.<what>``, e.g. ``"attention.map"``, ``"spatial_transformer.theta"``; see
            each module's ``display``. Empty where nothing is inserted.
        """
        inserts = dict(self.inserts.items())
        return displayed(lambda: self(images), inserts) if inserts else {}

    def parameter_blocks(self) -> list[list[nn.Parameter]]:
        """Return the network's parameters by block, the stem left out.

        A block is a layer of timm's own grouping, made for layer-wise learning rates: a residual,
        dense or transformer block. What stands behind the last one, such as the final
        normalisation, belongs to it.

        Raises:
            ConfigError: If timm does not group the architecture's layers.
        """
        network: Any = self.network
        if not hasattr(network, "group_matcher"):
            raise ConfigError(
                f"timm does not say what the blocks of '{self.name}' are; choose "
                "model/tuning=full or model/tuning=frozen."
            )
        matcher = network.group_matcher(coarse=False)
        if isinstance(matcher, dict):
            # 99999 is timm's mark for "with the group before".
            matcher = matcher | {"rest": [(".*", (99999,))]}
        groups: dict[int, list[str]] = group_parameters(network, matcher)
        parameters = dict(network.named_parameters())
        return [[parameters[n] for n in groups[key]] for key in sorted(groups)[1:]]

    def _connect(self, insert: Mapping[str, Insert], image: tuple[int, int]) -> int:
        """Put the inserted modules in their places and return the number of features."""
        sites = {key: find_site(self.network, one.after, self.name) for key, one in insert.items()}
        features, outputs = trial_run(self.network, image, sites, self.name)
        for key, one in insert.items():
            layout = layout_of(self.network, outputs[key], one.after)
            self.inserts[key] = one.make(layout.channels, layout.height, layout.width)
            pass_through(sites[key], self.inserts[key], layout)
        return features


def _create(name: str, knobs: dict[str, Any], *, pretrained: bool) -> tuple[nn.Module, int | None]:
    """Create a network and, where it has a fixed input size, return the side that it takes.

    Whole patches must fill the side, or timm would cut the image's right and lower edge off.
    """
    network = _create_once(name, knobs, pretrained=pretrained)
    if "img_size" not in knobs:
        return network, None
    patch: Any = getattr(getattr(network, "patch_embed", None), "patch_size", 1)
    patch = patch if isinstance(patch, int) else max(patch)
    side = math.ceil(knobs["img_size"] / patch) * patch
    if side != knobs["img_size"]:
        network = _create_once(name, knobs | {"img_size": side}, pretrained=pretrained)
    return network, side


def _create_once(name: str, knobs: dict[str, Any], *, pretrained: bool) -> nn.Module:
    if pretrained:
        return create_pretrained(name, knobs)
    try:
        network: nn.Module = timm.create_model(name, pretrained=False, num_classes=0, **knobs)
    except (AssertionError, RuntimeError, ValueError, ZeroDivisionError) as error:
        raise ConfigError(
            f"'{name}' cannot be built with "
            f"{', '.join(f'{key}={value}' for key, value in knobs.items())}: "
            f"{str(error).partition(chr(10))[0] or type(error).__name__}."
        ) from error
    return network


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
