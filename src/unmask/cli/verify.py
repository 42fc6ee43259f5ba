"""`unmask verify`: does a run still give the numbers that it reports?"""

import json
import sys
from contextlib import ExitStack, redirect_stdout

from unmask.cli.evaluate import read_train_config
from unmask.cli.hydra import Call, run_verb
from unmask.cli.show import show
from unmask.config.build import build_foreign
from unmask.config.schema import VerifyConfig
from unmask.core.files import write_json
from unmask.runs.files import CARD_FILE
from unmask.runs.run import Run
from unmask.training.launch import ALONE
from unmask.verbs.objects import make_scorer
from unmask.verbs.verify import verify as check_run


def verify(arguments: list[str]) -> None:
    """Verify a run; the exit code is 0, 1 (something is not as it was) or 2 (cannot be said)."""
    words = [argument for argument in arguments if argument != "--json"]
    as_json = len(words) < len(arguments)
    run_verb("verify", lambda call: _verify(call, as_json=as_json), words)


def _verify(call: Call, *, as_json: bool) -> None:
    config: VerifyConfig = call.config
    run_dir = config.run.parent if config.run.name == CARD_FILE else config.run
    Run.open(run_dir).require_network()  # says first what is wrong with the run itself
    with ExitStack() as stack:
        if as_json:  # for programs: whatever else is said goes to the other stream
            stack.enter_context(redirect_stdout(sys.stderr))
        verification = check_run(
            run_dir,
            layout=build_foreign(read_train_config(run_dir).clips, "clips"),
            make_trainer=make_scorer({**config.trainer, **ALONE}),
            batch_size=config.loader.batch_size,
            num_workers=config.loader.num_workers,
            data_dir=config.paths.data_dir,
        )
        write_json(call.run_dir / "verify.json", verification.to_json())
    if as_json:
        sys.stdout.write(json.dumps(verification.to_json(), indent=2) + "\n")
    else:
        show(verification)
    raise SystemExit(verification.exit_code)
