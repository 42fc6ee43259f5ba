"""The terminal: sentences, and errors with their exit code."""

import os
from functools import partial
from typing import Final, NoReturn

from rich.console import Console

from unmask.core.errors import UnmaskError

EXIT_BAD_INPUT: Final = 2

console = Console()
_errors = Console(stderr=True, highlight=False)

# Names of files and models are text, even with brackets in them.
say = partial(console.print, highlight=False, soft_wrap=True, markup=False)


def fail(error: UnmaskError) -> NoReturn:
    """Print an error's message and exit with its code; with its traceback if HYDRA_FULL_ERROR=1."""
    if os.environ.get("HYDRA_FULL_ERROR") == "1":
        raise error
    print_error(str(error))
    raise SystemExit(error.exit_code)


def print_error(sentence: str) -> None:
    """Print a sentence to the error stream."""
    _errors.print(f"unmask: {sentence}", style="red", markup=False, soft_wrap=True)
