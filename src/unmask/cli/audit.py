"""`unmask audit`: what the splits of any manifests share."""

from glob import glob
from pathlib import Path

from unmask.cli.hydra import Call, console, run_verb
from unmask.config.schema import AuditConfig
from unmask.core.errors import DataError
from unmask.verbs.audit import audit_paths, audit_table

EXIT_LEAKS = 1


def audit(arguments: list[str]) -> None:
    """Look for leaks; exits with code 1 where there are any."""
    run_verb("audit", _audit, arguments)


def _audit(call: Call) -> None:
    config: AuditConfig = call.config
    patterns = [config.manifests] if isinstance(config.manifests, str) else config.manifests
    found = [(pattern, sorted(glob(pattern))) for pattern in patterns]  # noqa: PTH207 - may be absolute
    for pattern, matches in found:
        if not matches:
            raise DataError(f"Nothing matches manifests='{pattern}'.")
    paths = [Path(match) for _, matches in found for match in matches]
    things = audit_paths(paths)
    if not things:
        console.print(
            f"No video, identity group or crop is in two splits of {len(paths)} manifest"
            f"{'s' * (len(paths) != 1)}."
        )
        return
    console.print(audit_table(things))
    console.print(f"{len(things)} leaks. Training refuses them unless allow_leak=true.")
    raise SystemExit(EXIT_LEAKS)
