"""Kinds come from content: names lie."""

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from unmask.core.errors import VideoError
from unmask.video.compression import bits_per_pixel, jpeg_quality
from unmask.video.kinds import files_to_judge, kind_of
from unmask.video.reader import PyAVReader
from unmask.video.writer import write_video


@pytest.mark.parametrize("name", ["clip", "clip.jpg", "clip.zip", "clip.txt"])
def test_a_video_is_one_under_any_name(name: str, video: Path, tmp_path: Path) -> None:
    assert kind_of(Path(shutil.copy(video, tmp_path / name))) == "video"


@pytest.mark.parametrize("name", ["photo", "photo.mp4", "photo.zip"])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP"])
def test_an_image_is_one_under_any_name(name: str, kind: str, tmp_path: Path) -> None:
    Image.new("RGB", (20, 10), "tan").save(tmp_path / name, format=kind)
    assert kind_of(tmp_path / name) == "image"


def test_an_archive_and_a_folder_are_told(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "frames.mp4", "w") as archive:
        archive.writestr("0.png", b"anything")
    zipfile.ZipFile(tmp_path / "none.mp4", "w").close()
    assert kind_of(tmp_path / "frames.mp4") == "zip"
    assert kind_of(tmp_path / "none.mp4") == "zip"
    assert kind_of(tmp_path) == "frames"


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "missing"), (b"", "empty_file"), (b"just words\n" * 50, "not_a_video")],
)
def test_what_is_nothing_of_these_is_refused(
    content: bytes | None, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "clip.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(VideoError, match=r"clip\.mp4") as refusal:
        kind_of(path)
    assert refusal.value.reason == reason


def test_sound_without_pictures_is_no_video(audio_only: Path) -> None:
    with pytest.raises(VideoError) as refusal:
        kind_of(audio_only)
    assert refusal.value.reason == "no_video_stream"


def test_a_folder_stands_for_its_files_unless_they_are_frames(video: Path, tmp_path: Path) -> None:
    files = [Path(shutil.copy(video, tmp_path / name)) for name in ("b.mp4", "a.bin")]
    (tmp_path / ".hidden").touch()
    assert files_to_judge(tmp_path) == sorted(files)
    assert files_to_judge(files[0]) == [files[0]]
    Image.new("RGB", (8, 8)).save(tmp_path / "0.png")
    assert files_to_judge(tmp_path) == [tmp_path]
    (tmp_path / "none").mkdir()
    with pytest.raises(VideoError, match="holds no file"):
        files_to_judge(tmp_path / "none")


@pytest.mark.parametrize("quality", [25, 40, 50, 75, 90, 95])
def test_the_quality_of_a_jpeg_is_what_it_was_saved_with(quality: int, tmp_path: Path) -> None:
    Image.new("RGB", (32, 32), "tan").save(tmp_path / "a.bin", format="JPEG", quality=quality)
    found = jpeg_quality(tmp_path / "a.bin")
    assert found is not None
    assert abs(found - quality) <= 1


def test_other_formats_have_no_jpeg_quality(video: Path, tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    assert jpeg_quality(tmp_path / "a.png") is None
    assert jpeg_quality(video) is None


def test_bits_per_pixel_fall_with_quality(frames: list[NDArray[np.uint8]], tmp_path: Path) -> None:
    bits = []
    for crf in (10, 30, 50):
        path = tmp_path / f"{crf}.mp4"
        write_video(path, frames, fps=10, crf=crf)
        timeline = PyAVReader().timeline(path)
        bits.append(bits_per_pixel(path, timeline))
        pixels = timeline.width * timeline.height * len(frames)
        assert bits[-1] == pytest.approx(8 * path.stat().st_size / pixels)
    assert bits == sorted(bits, reverse=True)
