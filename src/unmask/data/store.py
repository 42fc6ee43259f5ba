"""A prepared data set: face crops on disk and the tables that describe them."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from unmask.core.errors import DataError
from unmask.data.manifest import manifest_hash, read_table


@dataclass(frozen=True)
class FaceStore:
    """What ``unmask prepare`` left in a folder.

    Attributes:
        folder: The store; crop paths are relative to it.
        videos: One row per video or image; see :data:`unmask.data.manifest.VIDEOS`.
        faces: One row per crop; see :data:`unmask.data.manifest.FACES`.
        failures: One row per video without a usable face.
        manifest_hash: SHA-256 of ``videos.parquet``.
    """

    folder: Path
    videos: pd.DataFrame
    faces: pd.DataFrame
    failures: pd.DataFrame
    manifest_hash: str

    @classmethod
    def open(cls, folder: Path) -> "FaceStore":
        """Read a store's tables.

        Args:
            folder: Where ``unmask prepare`` wrote.

        Raises:
            DataError: If a table is missing or unreadable.
        """
        videos_path = folder / "videos.parquet"
        return cls(
            folder=folder,
            videos=read_table(videos_path, "videos"),
            faces=read_table(folder / "faces.parquet", "faces"),
            failures=read_table(folder / "failures.parquet", "failures"),
            manifest_hash=manifest_hash(videos_path),
        )

    @property
    def dataset(self) -> str:
        """The data set's name."""
        return str(self.videos["dataset"].iloc[0])

    def unscored(self, split: str) -> pd.DataFrame:
        """List the videos of a split that have no face to score, with the reason.

        Args:
            split: ``"train"``, ``"val"`` or ``"test"``.

        Returns:
            Columns ``dataset, video_id, label, method, group, split, reason``.
        """
        videos = self.videos[self.videos["split"] == split]
        faceless = videos[~videos["video_id"].isin(self.faces["video_id"])]
        reasons = self.failures.set_index("video_id")["reason"]
        columns = ["dataset", "video_id", "label", "method", "group", "split"]
        return (
            faceless[columns]
            .assign(reason=faceless["video_id"].map(reasons).fillna("no_face"))
            .reset_index(drop=True)
        )

    def require_faces(self, split: str) -> None:
        """Check that a split has a face.

        Raises:
            DataError: If it has none, with the commonest reason.
        """
        videos = self.videos.loc[self.videos["split"] == split, "video_id"]
        if videos.isin(self.faces["video_id"]).any():
            return
        reasons = self.failures["reason"].value_counts()
        cause = f" (most often: {reasons.index[0]})" if len(reasons) else ""
        raise DataError(
            f"Split '{split}' of '{self.dataset}' has {len(videos)} videos and no usable face"
            f"{cause}; see {self.folder / 'failures.parquet'}."
        )
