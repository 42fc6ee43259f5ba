"""Pictures in the folders of FSFM (wolo-wolo/FSFM-CVPR25): ``{train,val,test}/{real,fake}``."""

from pathlib import Path

from unmask.core.labels import CLASS_NAMES
from unmask.data.manifest import SPLITS
from unmask.data.sources.folder import FolderSource
from unmask.data.sources.source import Recognised, find_folder


def recognise(root: Path) -> Recognised | None:
    """Recognise the folders; :class:`FolderSource` reads them, and no file name is believed."""
    splits = {split: find_folder(root, split) for split in SPLITS}
    folders = {
        f"{split}/{word}": folder and find_folder(folder, word)
        for split, folder in splits.items()
        for word in CLASS_NAMES
    }
    if splits["train"] is None or not any(folders.values()):
        return None
    return Recognised(
        data="fsfm",
        title="folders of FSFM",
        root=root,
        source=FolderSource(name="fsfm"),
        fit=0.4,
        missing=tuple(name for name, folder in folders.items() if folder is None),
    )
