"""Heat maps where the package that draws them is there."""

from importlib import import_module
from importlib.util import find_spec

from unmask.core.errors import ConfigError
from unmask.pipelines.predict.pictures import Explainer


def find_explainer() -> Explainer:
    """Return what draws heat maps over a clip.

    Raises:
        ConfigError: If this installation has none.
    """
    if find_spec("unmask.explain") is not None:
        explain = getattr(import_module("unmask.explain"), "overlay_clip", None)
        if explain is not None:
            found: Explainer = explain
            return found
    raise ConfigError("This installation cannot draw heat maps; leave heat_maps=true out.")
