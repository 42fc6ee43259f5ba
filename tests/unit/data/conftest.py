"""Fake data set folders and manifest rows; what is in the files never matters to index."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd
import pytest

from unmask.data.sources.source import Video, to_videos

Plant = Callable[..., Path]


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    """Make small files below a fresh root, and write a text where one is given."""

    def plant_files(paths: Iterable[str] = (), **texts: str) -> Path:
        root = tmp_path / "root"
        root.mkdir(exist_ok=True)
        for path in paths:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(b"x")
        for name, text in texts.items():
            (root / name.replace("__", ".")).write_text(text)
        return root

    return plant_files


@pytest.fixture
def make_videos() -> Callable[[Iterable[tuple[str, int, str]]], pd.DataFrame]:
    """Make manifest rows of (group, label, split), one video each."""

    def make(rows: Iterable[tuple[str, int, str]]) -> pd.DataFrame:
        return to_videos(
            Video(
                video_id=f"toy/{number:04d}",
                dataset="toy",
                path=f"{number:04d}.mp4",
                label=label,
                method="fake" if label else "real",
                group=f"toy/{group}",
                split=split,
            )
            for number, (group, label, split) in enumerate(rows)
        )

    return make
