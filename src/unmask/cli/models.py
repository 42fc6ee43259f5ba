"""`unmask models`: the models that lie here, with what their cards say."""

from unmask.cli.hydra import EXIT_BAD_INPUT, Call, console, print_error, run_verb
from unmask.config.schema import ModelsConfig
from unmask.verdict.models import list_models, model_lines, models_table


def models(arguments: list[str]) -> None:
    """List local models."""
    run_verb("models", _models, arguments)


def _models(call: Call) -> None:
    config: ModelsConfig = call.config
    found = list_models(config.paths.outputs_dir, config.paths.models_dir)
    if not found:
        console.print(
            f"There is no model below {config.paths.outputs_dir} or {config.paths.models_dir}. "
            "`make demo` trains one on synthetic people; `unmask evaluate run=...` makes one of a "
            "run that has none yet.",
            soft_wrap=True,
        )
        return
    console.print(models_table(found))
    for line in model_lines(found):
        console.print(line, highlight=False, soft_wrap=True, markup=False)
    if any(model.is_synthetic for model in found):
        console.print(
            "Models trained on synthetic people say nothing about photographs and films of real "
            "ones.",
            soft_wrap=True,
        )
    problems = [model.problem for model in found if model.problem]
    for problem in problems:
        print_error(problem)
    if problems:
        raise SystemExit(EXIT_BAD_INPUT)
