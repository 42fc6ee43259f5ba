import re
from pathlib import Path

import pandas as pd
import pytest

from unmask.data.manifest import FAILURES
from unmask.data.store import FaceStore
from unmask.prepare.sheet import histogram, method_counts, render_sheet


@pytest.fixture
def store(make_store) -> FaceStore:  # noqa: ANN001
    return make_store(videos_per_class={"train": 3})


def failures_of(*video_ids: str) -> pd.DataFrame:
    rows = [
        (video_id, "a/b.mp4", "detect", "no_face", "/data/<x>/a/b.mp4 shows none.")
        for video_id in video_ids
    ]
    return pd.DataFrame(rows, columns=FAILURES.names)


def test_the_sheet_needs_no_other_file(store: FaceStore) -> None:
    page = render_sheet(store.folder, store.videos, store.faces, store.failures)
    assert page.count("data:image/jpeg;base64,") == 6 + 6
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert "<script" not in page
    assert 'name="viewport"' in page


def test_the_order_of_rows_changes_nothing(store: FaceStore) -> None:
    tables = (store.videos, store.faces, failures_of("toy/x", "toy/y"))
    page = render_sheet(store.folder, *tables)
    assert render_sheet(store.folder, *(table.iloc[::-1] for table in tables)) == page


def test_failures_are_shown_by_reason_and_escaped(store: FaceStore) -> None:
    page = render_sheet(store.folder, store.videos, store.faces, failures_of("toy/<b>", "toy/y"))
    assert "<code>no_face</code>: 2" in page
    assert "toy/&lt;b&gt;" in page
    assert "a/b.mp4 shows none." in page
    assert "no picture" in page


def test_a_store_without_faces_has_a_sheet(store: FaceStore, tmp_path: Path) -> None:
    page = render_sheet(tmp_path, store.videos, store.faces.iloc[:0], store.failures)
    assert "0 face crops from 6 videos" in page


def test_methods_are_counted(store: FaceStore) -> None:
    faces = store.faces[store.faces["video_id"] != "toy/swap/train0"]
    rows = method_counts(store.videos, faces, failures_of("toy/swap/train0"))
    counts = [
        (r["method"], r["label"], r["num_videos"], r["num_faces"], r["num_failures"]) for r in rows
    ]
    assert counts == [("original", "real", 3, 9, 0), ("swap", "fake", 3, 6, 1)]
    assert [row["faces_per_video"] for row in rows] == [3.0, 3.0]


def test_a_histogram_reaches_down_to_the_least_likely_face() -> None:
    found = histogram("all", pd.Series([0.31, 0.95, 0.95]))
    assert found.low == pytest.approx(0.3)
    assert found.median == 0.95
    assert found.bars[0][0] == 50.0
    assert histogram("none", pd.Series([], dtype=float)).median is None
