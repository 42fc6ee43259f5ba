from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from unmask.report.examples import choose_examples, thumbnail

SCORES = {0: [0.1, 0.2, 0.3, 0.7], 1: [0.4, 0.6, 0.8, 0.9]}


@pytest.fixture
def videos() -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"video_id": f"{label}/{score}", "label": label, "method": "m", "score": score}
            for label, scores in SCORES.items()
            for score in scores
        ]
    ).assign(num_clips=1)


@pytest.fixture
def clips(videos: pd.DataFrame) -> pd.DataFrame:
    return videos.assign(example_crop=videos["video_id"] + ".png")


def test_the_most_extreme_come_first(videos: pd.DataFrame, clips: pd.DataFrame) -> None:
    rows = choose_examples(videos, clips, store_dir=None, threshold=0.5, count=2)
    chosen = {row.title: [example.score for example in row.examples] for row in rows}
    assert chosen == {
        "Real, most right": [0.1, 0.2],
        "Real, most wrong": [0.7, 0.3],
        "Fake, most right": [0.9, 0.8],
        "Fake, most wrong": [0.4, 0.6],
    }


def test_the_verdict_is_that_of_the_threshold(videos: pd.DataFrame, clips: pd.DataFrame) -> None:
    rows = choose_examples(videos, clips, store_dir=None, threshold=0.6, count=2)
    verdicts = [(one.called, one.is_right) for one in rows[3].examples]
    assert verdicts == [("real", False), ("fake", True)]


def test_no_video_is_both_right_and_wrong(videos: pd.DataFrame, clips: pd.DataFrame) -> None:
    rows = choose_examples(videos, clips, store_dir=None, threshold=0.5, count=3)
    shown = [example.video_id for row in rows for example in row.examples]
    assert len(shown) == len(set(shown)) == 8


def test_a_video_is_shown_by_the_clip_nearest_to_its_score(tmp_path: Path) -> None:
    for name, value in (("near", 255), ("far", 0)):
        Image.fromarray(np.full((8, 8, 3), value, np.uint8)).save(tmp_path / f"{name}.png")
    videos = pd.DataFrame(
        [{"video_id": "v", "label": 1, "method": "m", "score": 0.6, "num_clips": 2}]
    )
    clips = pd.DataFrame(
        {"video_id": "v", "score": [0.2, 0.7], "example_crop": ["far.png", "near.png"]}
    )
    (row,) = choose_examples(videos, clips, store_dir=tmp_path, threshold=0.5)
    assert row.examples[0].uri == thumbnail(tmp_path / "near.png")


def test_guessed_videos_have_no_crop_and_are_not_shown(
    videos: pd.DataFrame, clips: pd.DataFrame
) -> None:
    rows = choose_examples(videos.assign(num_clips=0), clips, store_dir=None, threshold=0.5)
    assert rows == []


def test_a_missing_or_broken_picture_is_none(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    assert thumbnail(tmp_path / "gone.jpg") is None
    assert thumbnail(tmp_path / "broken.jpg") is None
