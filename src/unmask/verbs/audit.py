"""`unmask audit`: do the splits of some manifests share anything?"""

from collections.abc import Sequence
from dataclasses import dataclass
from glob import glob
from pathlib import Path

from unmask.config.schema import AuditConfig
from unmask.core.errors import DataError
from unmask.data.audit import Audited, SharedThing, shared_things
from unmask.data.fingerprints import fingerprints_of
from unmask.data.manifest import read_table
from unmask.data.store import FaceStore


@dataclass(frozen=True)
class Audit:
    """What the splits of some manifests share.

    Attributes:
        things: Each shared video, group or pair of crops; empty where nothing is shared.
        num_manifests: Manifests that were looked at.
    """

    things: list[SharedThing]
    num_manifests: int


def audit(config: AuditConfig) -> Audit:
    """Look for what splits share, in every manifest that a pattern matches.

    Raises:
        DataError: If a pattern matches nothing, or a match holds no manifest.
    """
    patterns = [config.manifests] if isinstance(config.manifests, str) else config.manifests
    found = [(pattern, sorted(glob(pattern))) for pattern in patterns]  # noqa: PTH207 - may be absolute
    for pattern, matches in found:
        if not matches:
            raise DataError(f"Nothing matches manifests='{pattern}'.")
    paths = [Path(match) for _, matches in found for match in matches]
    return Audit(audit_paths(paths), len(paths))


def audit_stores(
    stores: Sequence[FaceStore], eval_stores: Sequence[FaceStore] = ()
) -> list[SharedThing]:
    """List what the splits of a run share.

    Args:
        stores: What is trained on, with its validation and test splits.
        eval_stores: What else is tested on; only its test split takes part.

    Returns:
        What is shared, empty where nothing is.

    Raises:
        DataError: If a crop is unreadable or a split has another name.
    """
    audited = [Audited(store.videos, fingerprints_of(store)) for store in stores]
    for store in eval_stores:
        tests = store.videos[store.videos["split"] == "test"]
        audited.append(Audited(tests, fingerprints_of(store)))
    return shared_things(audited)


def audit_paths(paths: Sequence[Path]) -> list[SharedThing]:
    """List what the splits of stores, indexes and single manifests share.

    Args:
        paths: Each a folder that index or prepare wrote, or a ``videos.parquet``; crops are
            compared where there are any.

    Raises:
        DataError: If one of them holds no manifest.
    """
    audited = []
    for path in paths:
        manifest = path / "videos.parquet" if path.is_dir() else path
        if path.is_dir() and (path / "faces.parquet").is_file():
            store = FaceStore.open(path)
            audited.append(Audited(store.videos, fingerprints_of(store)))
        elif manifest.is_file():
            audited.append(Audited(read_table(manifest, "videos")))
        else:
            raise DataError(
                f"There is no manifest at {path}; give folders that `unmask index` or "
                "`unmask prepare` wrote, or a videos.parquet."
            )
    return shared_things(audited)
