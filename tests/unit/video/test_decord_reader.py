import importlib
import sys
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from unmask.config.renamed import new_name
from unmask.core.errors import ConfigError, VideoError
from unmask.video.decord_reader import DecordReader
from unmask.video.reader import Frame, FrameReader, PyAVReader
from unmask.video.timeline import ReadingBounds, Timeline

NUM_FRAMES, WIDTH, HEIGHT, NUM_BITS = 60, 128, 64, 8
IN_EACH_TEN = [5, 15, 25, 35, 45, 55]

# File -> codec and its options. In the first three and the refused ones, a seek of decord 0.6 can
# land on another frame. The first frame of the FLV file is shown at 0.08 s.
STREAMS: dict[str, tuple[str, dict[str, str]]] = {
    "wmv2.wmv": ("wmv2", {}),
    "hevc_open.mov": ("libx265", {"x265-params": "log-level=none:open-gop=1:keyint=30"}),
    "h264_open.mp4": ("libx264", {"x264-params": "open-gop=1:keyint=20"}),
    "h264.mp4": ("libx264", {"g": "12"}),
    "h264.mkv": ("libx264", {"g": "12"}),
    "h264.mov": ("libx264", {"g": "12"}),
    "mpeg4.mp4": ("mpeg4", {}),
    "hevc.mp4": ("libx265", {"x265-params": "log-level=none"}),
    "h264.avi": ("libx264", {"bf": "0", "g": "25"}),
    "mpeg4.avi": ("mpeg4", {"bf": "2"}),
    "mpeg2.mpg": ("mpeg2video", {"bf": "2"}),
    "h264.ts": ("libx264", {}),
    "h264_open.ts": ("libx264", {"x264-params": "open-gop=1:keyint=20"}),
    "mpeg2.ts": ("mpeg2video", {"bf": "2"}),
    "h264.flv": ("libx264", {}),
}
# decord reports other times or none, or has lost the first frames.
OF_OTHER_TIMES = ["h264.avi", "mpeg4.avi", "mpeg2.mpg"]
OF_OTHER_PICTURES = ["h264.ts", "h264_open.ts", "mpeg2.ts"]
REFUSED = OF_OTHER_TIMES + OF_OTHER_PICTURES

pytest.importorskip("decord", reason="decord has builds for Linux x86-64 alone")


def bars(number: int) -> np.ndarray:
    """Paint a number as eight bars, its lowest bit on the left."""
    image = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    wide = WIDTH // NUM_BITS
    for bit in range(NUM_BITS):
        image[8:-8, bit * wide + 2 : (bit + 1) * wide - 2] = 235 if number >> bit & 1 else 16
    return image


def number_of(frame: Frame) -> int:
    middles = frame.image[HEIGHT // 2, WIDTH // NUM_BITS // 2 :: WIDTH // NUM_BITS].mean(axis=-1)
    return sum(int(bright) << bit for bit, bright in enumerate(middles > 125))


def write(path: Path, numbers: Sequence[int]) -> Path:
    codec, options = STREAMS[path.name]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in numbers:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(bars(number), format="rgb24")))
        container.mux(stream.encode(None))
    return path


def read(path: Path, indices: Sequence[int], reader: FrameReader) -> list[Frame]:
    return list(reader.read(path, reader.timeline(path), indices))


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write(tmp_path / "h264.mp4", range(NUM_FRAMES))


@pytest.mark.parametrize("indices", [IN_EACH_TEN, [47], [0, 59]], ids=str)
@pytest.mark.parametrize("name", [name for name in STREAMS if name not in REFUSED])
def test_frames_are_those_asked_for(tmp_path: Path, name: str, indices: list[int]) -> None:
    path = write(tmp_path / name, range(NUM_FRAMES))
    assert [number_of(frame) for frame in read(path, indices, DecordReader())] == indices


@pytest.mark.parametrize("indices", [IN_EACH_TEN, [47], [0, 59]], ids=str)
@pytest.mark.parametrize("name", REFUSED)
def test_a_file_of_other_times_or_pictures_is_refused(
    tmp_path: Path, name: str, indices: list[int]
) -> None:
    path = write(tmp_path / name, range(NUM_FRAMES))
    assert [number_of(frame) for frame in read(path, indices, PyAVReader())] == indices
    what = "after the first" if name in OF_OTHER_TIMES else f"else than PyAV as frame {indices[0]}"
    with pytest.raises(VideoError, match=rf"{what}.*{path}.*prepare/reader=pyav") as caught:
        read(path, indices, DecordReader())
    assert caught.value.reason == "decode_error"


def test_decord_does_land_on_other_frames_where_it_seeks(tmp_path: Path) -> None:
    # Why the reader counts from the beginning: the times that decord reports here are right.
    decord = importlib.import_module("decord")
    path = write(tmp_path / "wmv2.wmv", range(NUM_FRAMES))
    video = decord.VideoReader(str(path), ctx=decord.cpu(0), num_threads=1)
    got = [number_of(Frame(i, 0.0, video[i].asnumpy())) for i in IN_EACH_TEN]
    assert got != IN_EACH_TEN
    np.testing.assert_allclose(
        video.get_frame_timestamp(IN_EACH_TEN)[:, 0], np.array(IN_EACH_TEN) / 25, atol=1e-3
    )
    assert [number_of(frame) for frame in read(path, IN_EACH_TEN, DecordReader())] == IN_EACH_TEN


def test_other_times_are_refused(clip: Path) -> None:
    timeline = DecordReader().timeline(clip)
    pts = timeline.pts
    late = replace(timeline, pts=(*pts[:7], *(time + pts[1] for time in pts[7:])))
    with pytest.raises(
        VideoError, match=r"frame 7 0\.28 s after the first, its container 0\.320 s"
    ):
        list(DecordReader().read(clip, late, [3]))


def test_another_count_of_frames_is_refused(clip: Path) -> None:
    timeline = DecordReader().timeline(clip)
    short = replace(timeline, pts=timeline.pts[:-1])
    with pytest.raises(VideoError, match="counts 60 frames, its container 59") as caught:
        list(DecordReader().read(clip, short, [3]))
    assert "prepare/reader=pyav" in str(caught.value)


def test_a_file_without_times_is_refused(clip: Path) -> None:
    counted = Timeline(tuple(range(NUM_FRAMES)), Fraction(1, 25), WIDTH, HEIGHT, key_frames=())
    with pytest.raises(VideoError, match="no times of its frames"):
        list(DecordReader().read(clip, counted, [3]))


@pytest.mark.parametrize("shift", [-3, -1, 1, 3])
def test_frames_lost_at_the_beginning_are_noticed(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shift: int
) -> None:
    # decord is given a file of the same times whose pictures are shifted.
    decord = importlib.import_module("decord")
    (tmp_path / "other").mkdir()
    numbers = [min(max(n + shift, 0), NUM_FRAMES - 1) for n in range(NUM_FRAMES)]
    other = write(tmp_path / "other" / clip.name, numbers)
    opened = decord.VideoReader
    monkeypatch.setattr(decord, "VideoReader", lambda _, **options: opened(str(other), **options))
    with pytest.raises(VideoError, match=r"something else than PyAV as frame 20.*reader=pyav"):
        read(clip, [20, 41], DecordReader())


def test_a_frame_lost_between_those_asked_for_is_noticed(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decord = importlib.import_module("decord")
    (tmp_path / "other").mkdir()
    numbers = [n if n < 30 else min(n + 1, NUM_FRAMES - 1) for n in range(NUM_FRAMES)]
    other = write(tmp_path / "other" / clip.name, numbers)
    opened = decord.VideoReader
    monkeypatch.setattr(decord, "VideoReader", lambda _, **options: opened(str(other), **options))
    frames = DecordReader().read(clip, DecordReader().timeline(clip), [20, 41])
    assert number_of(next(frames)) == 20
    with pytest.raises(VideoError, match=r"as frame 41.*reader=pyav"):
        next(frames)


def test_a_damaged_file_is_refused(clip: Path, tmp_path: Path) -> None:
    timeline = DecordReader().timeline(clip)
    path = tmp_path / "noise.mp4"
    path.write_bytes(b"\x00" * 1000)
    with pytest.raises(VideoError, match=r"noise\.mp4.*prepare/reader=pyav"):
        list(DecordReader().read(path, timeline, [3]))


def test_reading_can_be_ended_at_each_frame(clip: Path) -> None:
    timeline, asked = DecordReader().timeline(clip), []
    bounded = DecordReader(bounds=ReadingBounds(ask=lambda: asked.append(1)))
    frames = bounded.read(clip, timeline, [10, 20])
    next(frames)
    asked.clear()
    next(frames)
    assert len(asked) >= 10


def test_its_absence_is_explained(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "decord", None)
    with pytest.raises(ConfigError, match=r"Linux x86-64.*prepare/reader=pyav"):
        read(clip, [0], DecordReader())


def test_files_of_earlier_versions_name_today_s_class() -> None:
    name = f"{DecordReader.__module__}.{DecordReader.__qualname__}"
    assert new_name("unmask.video.reader" + ".DecordReader") == name
