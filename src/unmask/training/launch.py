"""Starting the processes of a run over several devices, and ending them together.

Where nobody else starts them (``torchrun`` does), rank zero starts the others when it has done what
one process does alone: composed, found faces, cut crops. All run the same command in the same
folder. Under ``torchrun`` all start at once, and the others wait at the door until rank zero is as
far. When one of them dies, rank zero says so and ends the others.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unmask.core.errors import ConfigError, RankError
from unmask.training.ranks import are_several, is_rank_zero, rank

if TYPE_CHECKING:
    import lightning as L  # noqa: N812 - the library's own convention

_PARENT = "UNMASK_RANK_ZERO"
_POLL_SECONDS = 0.5
# How long the main thread has to notice that a connection broke before its process is ended.
_GRACE_SECONDS = 20.0
_LOST = (
    "closed by peer", "reset by peer", "broken pipe", "gloo", "nccl", "timed out", "socket",
    "connect",
)  # fmt: skip

_SWEEP = {"-m", "--multirun"}
# Flags of Hydra that only show something, which rank zero does.
_SHOW = {"-h", "--help", "--hydra-help", "--version", "-c", "--cfg", "-i", "--info"}

WordsOf = Callable[[int], list[str]]


@dataclass
class _Crew:
    """The processes of the run that this process belongs to.

    Attributes:
        words_of: Gives the words behind ``unmask`` with which a rank joins; None leaves each to
            run the script that this process runs.
        shared: Environment variables that each of them gets.
        is_open: The others have been started or let in.
        children: Those that this process has started, rank 1 first.
        set_names: Environment variables that were set for them.
        ended: Set when this process has no more to do with them.
    """

    words_of: WordsOf | None = None
    shared: dict[str, str] = field(default_factory=dict)
    is_open: bool = False
    children: list[subprocess.Popen[bytes]] = field(default_factory=list)
    set_names: list[str] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)


_crew = _Crew()


@contextmanager
def several_processes(words_of: WordsOf, shared: dict[str, str]) -> Iterator[None]:
    """Let what runs inside use several processes, and end them with it.

    Args:
        words_of: Gives, for each rank, the words behind ``unmask`` that do the same work.
        shared: Environment variables that each gets, such as the name of the run's folder.

    Raises:
        RankError: If another process of the run ended early.
    """
    global _crew
    _crew = crew = _Crew(words_of, shared)
    if "TORCHELASTIC_RUN_ID" in os.environ and is_rank_zero():
        # torchrun ends the others of a rank that died, often before they notice by themselves.
        signal.signal(signal.SIGTERM, _end_for_torchrun)
    try:
        yield
    except Exception as error:
        crew.ended.set()
        lost = _loss(crew, error)
        _end(crew, by_force=True)
        if lost is None:
            raise
        if not is_rank_zero():
            raise SystemExit(1) from None  # rank zero says why
        raise RankError(lost) from error
    except BaseException:
        crew.ended.set()
        _end(crew, by_force=True)
        raise
    else:
        crew.ended.set()
        _end(crew, by_force=False)


def at_the_door(arguments: list[str]) -> list[str] | None:
    """Return the words that this process is to run, waiting for rank zero where that is another.

    Args:
        arguments: The words behind ``unmask VERB``.

    Returns:
        The same in a run's only process and in rank zero; None where there is nothing to do for
        another.

    Raises:
        ConfigError: If ``torchrun`` is asked for a sweep.
    """
    if _PARENT in os.environ:
        threading.Thread(target=_end_with, args=(int(os.environ[_PARENT]),), daemon=True).start()
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return arguments
    if is_rank_zero():
        if not _SWEEP.isdisjoint(arguments):
            raise ConfigError("torchrun starts one run; start a sweep (-m) without it.")
        return arguments
    if not _SHOW.isdisjoint(arguments):
        return None
    store, key = _store(), _key(rank())
    while not store.check([key]):
        time.sleep(_POLL_SECONDS)
    told = json.loads(store.get(key))
    if told is None:
        return None
    os.environ.update(told["shared"])
    words: list[str] = told["words"]
    return words[1:]


def join(trainer: "L.Trainer") -> None:
    """Start the other ranks that a trainer wants, and connect with them; once is enough.

    Args:
        trainer: Says how many, and by which strategy. Nothing happens where it wants one, or where
            it spawns them for each of its calls.

    Raises:
        ConfigError: If ``torchrun`` has started another number.
    """
    from lightning.pytorch.strategies.launchers import _SubprocessScriptLauncher

    _require_all_used(trainer)
    if not isinstance(trainer.strategy.launcher, _SubprocessScriptLauncher):
        return
    environment: Any = trainer.strategy.launcher.cluster_environment
    if not environment.creates_processes_externally:
        _start(trainer, environment)
    elif "TORCHELASTIC_RUN_ID" in os.environ and is_rank_zero() and not _crew.is_open:
        _open_door(_crew)
    trainer.strategy.setup_environment()


# What makes a trainer one of a single process.
ALONE: dict[str, Any] = {"devices": 1, "strategy": "auto"}


def single_if_spawned(trainer: dict[str, Any]) -> dict[str, Any]:
    """Return a trainer's settings for scoring: processes that it would spawn return no scores.

    Args:
        trainer: The settings that it is built from in training.
    """
    spawning = ("ddp_spawn", "ddp_fork", "ddp_notebook")
    is_spawning = str(trainer.get("strategy", "auto")).startswith(spawning)
    return trainer | ALONE if is_spawning else trainer


def _require_all_used(trainer: "L.Trainer") -> None:
    started = int(os.environ.get("WORLD_SIZE", "1")) if "TORCHELASTIC_RUN_ID" in os.environ else 1
    if started not in (1, trainer.world_size):
        raise ConfigError(
            f"torchrun has started {started} processes, but trainer.devices and "
            f"trainer.num_nodes ask for {trainer.world_size}. Add trainer.strategy=ddp "
            f"trainer.devices={os.environ.get('LOCAL_WORLD_SIZE', started)}."
        )


def _start(trainer: "L.Trainer", environment: Any) -> None:  # noqa: ANN401 - Lightning's, untyped
    """Start the other ranks of this machine, as Lightning would, but with a command of ours."""
    if trainer.num_nodes > 1:
        raise ConfigError(
            f"trainer.num_nodes={trainer.num_nodes} needs torchrun, which starts the processes on "
            "each machine: torchrun --nnodes ... --nproc_per_node ... train.py ..."
        )
    facts = {
        "MASTER_ADDR": str(environment.main_address),
        "MASTER_PORT": str(environment.main_port),
        "NODE_RANK": "0",
        "LOCAL_RANK": "0",
        "WORLD_SIZE": str(trainer.num_devices),
    }
    _crew.set_names = [name for name in facts if name not in os.environ]
    os.environ.update(facts)
    for number in range(1, trainer.num_devices):
        # The modules that this process finds, the others find too.
        path = os.pathsep.join(part for part in sys.path if part)
        own = {"LOCAL_RANK": str(number), _PARENT: str(os.getpid()), "PYTHONPATH": path}
        command = _command(_crew, number)
        _crew.children.append(subprocess.Popen(command, env={**os.environ, **_crew.shared, **own}))
    _crew.is_open = True
    threading.Thread(target=_watch, args=(_crew,), daemon=True).start()


def _command(crew: _Crew, number: int) -> list[str]:
    import __main__

    if crew.words_of is not None:
        # -P: a folder named `unmask` in the working directory is not the package.
        return [sys.executable, "-P", "-m", "unmask", *crew.words_of(number)]
    if __main__.__spec__ is not None:
        return [sys.executable, "-m", __main__.__spec__.name, *sys.argv[1:]]
    return [sys.executable, str(Path(sys.argv[0]).resolve()), *sys.argv[1:]]


def _watch(crew: _Crew) -> None:
    """End this process where another has died and the main thread cannot notice it."""
    while not crew.ended.wait(_POLL_SECONDS):
        if (lost := _first_dead(crew)) is None:
            continue
        if not crew.ended.wait(_GRACE_SECONDS):
            sys.stderr.write(f"unmask: {lost}\n")
            sys.stderr.flush()
            _kill(crew)
            os._exit(1)
        return


def _end_with(parent: int) -> None:
    """End this process when rank zero, which started it, is no more."""
    while os.getppid() == parent:
        time.sleep(_POLL_SECONDS)
    os._exit(1)


def _end_for_torchrun(number: int, frame: object) -> None:  # noqa: ARG001 - Python's signature
    """Return why rank zero ends."""
    sys.stderr.write(
        "unmask: The run is over, because torchrun ended it: another of its processes died, or "
        "torchrun itself was told to end. Its checkpoints/last.ckpt goes on with resume=...\n"
    )
    sys.stderr.flush()
    raise SystemExit(1)


def _first_dead(crew: _Crew) -> str | None:
    """Return which of the children ended with an error, if one did; one that was killed first."""
    codes = [(number, child.poll()) for number, child in enumerate(crew.children, 1)]
    failed = sorted((code, number) for number, code in codes if code)
    if not failed:
        return None
    code, number = failed[0]
    how = f"was killed by {_signal_name(-code)}" if code < 0 else f"ended with exit code {code}"
    why = " (as a system does that is out of memory)" if code == -signal.SIGKILL else ""
    return (
        f"The run over {len(crew.children) + 1} processes is over, because process {number} "
        f"{how}{why}. Its checkpoints/last.ckpt goes on with resume=..."
    )


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _loss(crew: _Crew, error: Exception) -> str | None:
    """Return a sentence where an error comes of another process that ended, else None."""
    if "torch" not in sys.modules:
        return None
    from torch.multiprocessing.spawn import ProcessException

    if isinstance(error, ProcessException):
        last = str(error).strip().splitlines()[-1]
        return f"The run is over, because process {error.error_index} ended early: {last}"
    is_lost = isinstance(error, RuntimeError) and any(w in str(error).lower() for w in _LOST)
    if not (is_lost and (are_several() or crew.children)):
        return None
    until = time.monotonic() + 5
    while crew.children and time.monotonic() < until:
        if (sentence := _first_dead(crew)) is not None:
            return sentence
        time.sleep(_POLL_SECONDS / 5)
    if crew.children:
        return None  # all are alive: the error is of another kind
    return (
        "The run is over, because another of its processes ended early. Its checkpoints/last.ckpt "
        "goes on with resume=..."
    )


def _end(crew: _Crew, *, by_force: bool) -> None:
    """Wait for the others, or end them, and leave nothing of them behind.

    Args:
        by_force: This process ends with an error.
    """
    if "TORCHELASTIC_RUN_ID" in os.environ:
        if is_rank_zero() and not crew.is_open:
            _tell_to_leave(crew)
    elif by_force:
        _kill(crew)
    else:
        _wait(crew)
    if are_several():
        import torch.distributed as dist

        dist.destroy_process_group()
    for name in crew.set_names:
        os.environ.pop(name, None)


def _wait(crew: _Crew) -> None:
    until = time.monotonic() + _GRACE_SECONDS
    for child in crew.children:
        try:
            child.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            break
    lost = _first_dead(crew)
    _kill(crew)
    if lost is not None:
        raise RankError(lost)


def _kill(crew: _Crew) -> None:
    for child in crew.children:
        if child.poll() is None:
            child.kill()
            child.wait()


def _open_door(crew: _Crew) -> None:
    """Let the others of ``torchrun`` go on, with the words of rank zero."""
    assert crew.words_of is not None
    store = _store()
    for number in range(1, int(os.environ["WORLD_SIZE"])):
        told = {"words": crew.words_of(number), "shared": crew.shared}
        store.set(_key(number), json.dumps(told))
    crew.is_open = True


def _tell_to_leave(crew: _Crew) -> None:
    store = _store()
    for number in range(1, int(os.environ["WORLD_SIZE"])):
        store.set(_key(number), "null")
    crew.is_open = True


def _key(number: int) -> str:
    return f"unmask/{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}/{number}"


def _store() -> Any:  # noqa: ANN401 - torch's, imported where it is needed
    """Connect to the store of ``torchrun``; where it has none, rank zero holds one."""
    from datetime import timedelta

    import torch.distributed as dist

    is_agents = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == str(True)
    return dist.TCPStore(  # type: ignore[attr-defined]
        os.environ["MASTER_ADDR"],
        int(os.environ["MASTER_PORT"]),
        is_master=is_rank_zero() and not is_agents,
        wait_for_workers=False,
        multi_tenant=True,
        timeout=timedelta(minutes=10),
    )
