"""`unmask models`: the models that lie on this machine, with what their cards say."""

from unmask.config.schema import ModelsConfig
from unmask.verdict.models import LocalModel, list_models


def models(config: ModelsConfig) -> list[LocalModel]:
    """List the models that runs have released and those in the models folder, newest first."""
    return list_models(config.paths.outputs_dir, config.paths.models_dir)
