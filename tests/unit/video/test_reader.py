from collections.abc import Callable, Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from unmask.core.errors import VideoError
from unmask.video.decord_reader import DecordReader
from unmask.video.reader import Frame, FrameReader, ImageReader, PyAVReader
from unmask.video.sampling import UniformSampling
from unmask.video.timeline import ReadingBounds
from unmask.video.writer import write_video


def read(path: Path, indices: Sequence[int], reader: FrameReader | None = None) -> list[Frame]:
    reader = reader or PyAVReader()
    return list(reader.read(path, reader.timeline(path), indices))


def reason_of(path: Path, reader: FrameReader | None = None) -> str:
    with pytest.raises(VideoError) as caught:
        read(path, [0], reader)
    assert str(path) in str(caught.value)
    return caught.value.reason


def decoded_one_by_one(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


@pytest.fixture(params=["pyav", "decord"])
def video_reader(request: pytest.FixtureRequest) -> FrameReader:
    if request.param == "decord":
        pytest.importorskip("decord", reason="decord has builds for Linux x86-64 alone")
        return DecordReader()
    return PyAVReader()


def test_timeline_is_that_of_the_frames(video: Path) -> None:
    timeline = PyAVReader().timeline(video)
    assert [timeline.seconds(index) for index in range(30)] == [index / 10 for index in range(30)]
    assert (timeline.width, timeline.height) == (96, 64)
    assert timeline.key_frames[0] == 0
    assert len(timeline.key_frames) >= 3


@given(indices=st.sets(st.integers(0, 29), min_size=1))
def test_any_frames_are_those_of_sequential_decoding(video: Path, indices: set[int]) -> None:
    expected = decoded_one_by_one(video)
    frames = read(video, sorted(indices))
    assert [frame.index for frame in frames] == sorted(indices)
    for frame in frames:
        np.testing.assert_array_equal(frame.image, expected[frame.index])


def test_backends_read_the_same_frames(
    video: Path, uneven_video: Path, video_reader: FrameReader
) -> None:
    for path in (video, uneven_video):
        expected = decoded_one_by_one(path)
        for frame in read(path, [0, 3, 17, 29], video_reader):
            np.testing.assert_array_equal(frame.image, expected[frame.index])


def test_rotation_is_honoured(
    video: Path, rotated_video: tuple[Path, int], video_reader: FrameReader
) -> None:
    path, degrees_clockwise = rotated_video
    upright = decoded_one_by_one(video)[5]
    (frame,) = read(path, [5], video_reader)
    np.testing.assert_array_equal(frame.image, np.rot90(upright, -degrees_clockwise // 90))


def test_uneven_video_is_sampled_by_time(uneven_video: Path) -> None:
    timeline = PyAVReader().timeline(uneven_video)
    indices = UniformSampling(num_frames=5)(timeline.pts, timeline.time_base)
    assert [int(frame.pts_seconds) for frame in read(uneven_video, indices)] == [0, 1, 2, 3, 4]


def test_one_frame_is_a_video(tmp_path: Path, frames: list[np.ndarray]) -> None:
    write_video(tmp_path / "one.mp4", frames[:1], fps=10)
    (frame,) = read(tmp_path / "one.mp4", [0])
    assert (frame.index, frame.pts_seconds, frame.image.shape) == (0, 0.0, (64, 96, 3))


def test_a_seek_that_misses_falls_back_to_the_beginning(video: Path) -> None:
    # A timeline that claims key frames where none are makes the seek start too late or decode
    # nothing; the frames are those of the video all the same.
    timeline = PyAVReader().timeline(video)
    wrong = type(timeline)(
        timeline.pts, timeline.time_base, 96, 64, key_frames=tuple(range(len(timeline.pts)))
    )
    expected = decoded_one_by_one(video)
    for frame in PyAVReader().read(video, wrong, [2, 8, 21]):
        np.testing.assert_array_equal(frame.image, expected[frame.index])


def test_videos_without_times_are_counted(tmp_path: Path, video: Path) -> None:
    # A bare H.264 stream has no container that could hold times.
    path = tmp_path / "bare.h264"
    with av.open(str(video)) as source, av.open(str(path), "w", format="h264") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    timeline = PyAVReader().timeline(path)
    assert not timeline.is_timed
    expected = decoded_one_by_one(video)
    for frame in read(path, [0, 7, 29]):
        np.testing.assert_array_equal(frame.image, expected[frame.index])


def test_a_missing_file_is_said_so(tmp_path: Path) -> None:
    assert reason_of(tmp_path / "none.mp4") == "missing"
    assert reason_of(tmp_path) == "missing"


def test_an_empty_file_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    assert reason_of(tmp_path / "empty.mp4") == "empty_file"


@pytest.mark.parametrize("name", ["text.mp4", "text.txt"])
def test_text_is_not_a_video(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("This is not a video.\n" * 200)
    assert reason_of(tmp_path / name) == "not_a_video"


@pytest.mark.parametrize("text", ["x", "four", "hello\n", "seven77"])
def test_text_shorter_than_the_head_of_a_box_is_not_a_video(tmp_path: Path, text: str) -> None:
    (tmp_path / "text.mp4").write_text(text)
    assert reason_of(tmp_path / "text.mp4") == "not_a_video"


@pytest.mark.parametrize("num_bytes", [5, 6, 7, 8, 20])
def test_the_first_bytes_of_a_video_are_truncated(
    tmp_path: Path, video: Path, num_bytes: int
) -> None:
    (tmp_path / "cut.mp4").write_bytes(video.read_bytes()[:num_bytes])
    assert reason_of(tmp_path / "cut.mp4") == "truncated"


def test_a_playlist_does_not_open_other_files(tmp_path: Path, video: Path) -> None:
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\n{video}\n#EXT-X-ENDLIST\n"
    (tmp_path / "list.m3u8").write_text(playlist)
    assert reason_of(tmp_path / "list.m3u8") == "not_a_video"


def test_audio_alone_is_not_a_video(audio_only: Path) -> None:
    assert reason_of(audio_only) == "no_video_stream"


def test_a_file_cut_before_its_index_is_truncated(tmp_path: Path, video: Path) -> None:
    content = video.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(content[: len(content) // 2])
    assert reason_of(tmp_path / "cut.mp4") == "truncated"


@pytest.mark.parametrize("fraction", [0.5, 0.8, 0.99])
def test_a_file_cut_after_its_index_says_how_much_is_left(
    tmp_path: Path, streamable_video: Path, fraction: float
) -> None:
    content = streamable_video.read_bytes()
    path = tmp_path / "cut.mp4"
    path.write_bytes(content[: int(len(content) * fraction)])
    with pytest.raises(VideoError, match=r"holds \d+ of 30 frames") as caught:
        PyAVReader().timeline(path)
    assert caught.value.reason == "truncated"


def test_large_frames_are_refused(video: Path) -> None:
    assert reason_of(video, PyAVReader(max_pixels=96 * 64 - 1)) == "too_large"
    assert len(read(video, [0], PyAVReader(max_pixels=96 * 64))) == 1


def test_frames_larger_than_the_file_declares_are_refused(
    tmp_path: Path, write_bare_stream: Callable[..., Path]
) -> None:
    path = write_bare_stream(tmp_path / "grows.h264", (10, 64), (10, 640))
    timeline = PyAVReader().timeline(path)
    assert (timeline.width, timeline.height, len(timeline.pts)) == (64, 64, 20)
    strict = PyAVReader(max_pixels=10_000)
    with pytest.raises(VideoError, match=r"640x640 pixels, more than 10000") as caught:
        strict.timeline(path)
    assert caught.value.reason == "too_large"
    assert [frame.image.shape for frame in strict.read(path, timeline, [0, 9])] == 2 * [(64, 64, 3)]
    with pytest.raises(VideoError, match=r"640x640 pixels, more than 10000"):
        list(strict.read(path, timeline, [15]))
    assert [frame.image.shape[0] for frame in read(path, [0, 15])] == [64, 640]


def test_a_codec_makes_no_frame_far_above_the_limit(
    tmp_path: Path, write_bare_stream: Callable[..., Path]
) -> None:
    path = write_bare_stream(tmp_path / "grows.h264", (4, 64), (2, 2560))
    timeline = PyAVReader().timeline(path)
    assert len(timeline.pts) == 6
    strict = PyAVReader(max_pixels=10_000)
    with pytest.raises(VideoError, match=r"Frame 5 of 6 .* cannot be decoded") as caught:
        list(strict.read(path, timeline, [5]))
    assert caught.value.reason == "decode_error"


def test_each_frame_is_measured_whatever_the_timeline_says(
    video: Path, video_reader: FrameReader
) -> None:
    timeline = video_reader.timeline(video)
    strict = type(video_reader)(max_pixels=96 * 64 - 1)  # type: ignore[call-arg]
    with pytest.raises(VideoError, match=r"clip\.mp4 has frames of 96x64 pixels, more than 6143"):
        list(strict.read(video, timeline, [3]))


def test_frames_without_times_are_counted_no_further_than_allowed(
    tmp_path: Path, write_bare_stream: Callable[..., Path]
) -> None:
    path = write_bare_stream(tmp_path / "still.h264", (500, 16))
    asked = []
    bounds = ReadingBounds(max_seconds=1.0, ask=lambda: asked.append(1))
    with pytest.raises(VideoError, match=r"longer than 1 s at 240 frames per second") as caught:
        PyAVReader(bounds=bounds).timeline(path)
    assert (caught.value.reason, len(asked)) == ("too_long", 241)
    asked.clear()
    with pytest.raises(VideoError, match=r"more than 101 frames.* 4 s at 25 frames per second"):
        PyAVReader(bounds=ReadingBounds(4.0, bounds.ask)).timeline(path)
    # Every packet, and the one that ends the stream, before the frames are decoded.
    assert len(asked) == 501 + 101
    assert len(PyAVReader(bounds=ReadingBounds(20.0)).timeline(path).pts) == 500


def test_packets_with_times_are_read_no_further_than_allowed(
    video: Path, video_reader: FrameReader
) -> None:
    reader = type(video_reader)(bounds=ReadingBounds(max_seconds=0.1))  # type: ignore[call-arg]
    with pytest.raises(VideoError, match=r"clip\.mp4 has more than 25 frames") as caught:
        reader.timeline(video)
    assert caught.value.reason == "too_long"


def test_reading_stops_where_it_is_asked_to(video: Path) -> None:
    class Stop(Exception):  # noqa: N818 - it is no error
        pass

    def stop() -> None:
        raise Stop

    timeline = PyAVReader().timeline(video)
    patient = PyAVReader(bounds=ReadingBounds(ask=stop))
    with pytest.raises(Stop):
        patient.timeline(video)
    with pytest.raises(Stop):
        list(patient.read(video, timeline, [7]))


def test_damaged_frames_are_an_error_or_frames_but_never_fewer(tmp_path: Path, video: Path) -> None:
    content = bytearray(video.read_bytes())
    rng = np.random.default_rng(0)
    start, size = content.index(b"mdat") + 4, len(content) // 2
    for trial in range(10):
        damaged = content.copy()
        for place in rng.integers(start, start + size, 40):
            damaged[place] ^= 0xFF
        path = tmp_path / f"{trial}.mp4"
        path.write_bytes(damaged)
        frames: list[Frame] = []
        with suppress(VideoError):
            frames = read(path, list(range(30)))
        assert [frame.index for frame in frames] in ([], list(range(30)))


@pytest.mark.parametrize("indices", [[], [3, 3], [4, 2], [-1], [30]])
def test_bad_indices_are_named(video: Path, indices: list[int]) -> None:
    with pytest.raises(ValueError, match=r"lie in \[0, 30\)"):
        read(video, indices)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp"])
def test_an_image_is_a_video_of_one_frame(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"image{suffix}"
    pixels = np.full((20, 30, 3), (200, 100, 50), np.uint8)
    Image.fromarray(pixels).save(path)
    (frame,) = read(path, [0], ImageReader())
    assert (frame.index, frame.pts_seconds) == (0, 0.0)
    np.testing.assert_allclose(frame.image, pixels, atol=4)


def test_images_are_turned_as_their_exif_data_say(tmp_path: Path) -> None:
    pixels = np.zeros((20, 30, 3), np.uint8)
    pixels[:, :15] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # turn 90 degrees clockwise to show
    Image.fromarray(pixels).save(tmp_path / "turned.png", exif=exif)
    (frame,) = read(tmp_path / "turned.png", [0], ImageReader())
    np.testing.assert_array_equal(frame.image, np.rot90(pixels, -1))


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK"])
def test_images_of_other_modes_become_rgb(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("image.jpg" if mode == "CMYK" else "image.png")
    Image.new(mode, (8, 6)).save(path)
    (frame,) = read(path, [0], ImageReader())
    assert frame.image.shape == (6, 8, 3)
    assert frame.image.dtype == np.uint8


def test_a_video_is_not_an_image(video: Path) -> None:
    assert reason_of(video, ImageReader()) == "not_an_image"


def test_a_truncated_image_is_said_so(tmp_path: Path) -> None:
    path = tmp_path / "image.jpg"
    Image.effect_noise((200, 200), 50).save(path)
    path.write_bytes(path.read_bytes()[:2000])
    assert reason_of(path, ImageReader()) == "truncated"


@pytest.mark.parametrize("size", [(100, 100), (20000, 20000)])
def test_large_images_are_refused(tmp_path: Path, size: tuple[int, int]) -> None:
    path = tmp_path / "image.png"
    Image.new("1", size).save(path)
    assert reason_of(path, ImageReader(max_pixels=9999)) == "too_large"


def test_an_image_has_one_index(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "image.png")
    timeline = ImageReader().timeline(tmp_path / "image.png")
    assert (timeline.pts, timeline.time_base) == ((0,), Fraction(1))
    with pytest.raises(ValueError, match=r"lie in \[0, 1\)"):
        read(tmp_path / "image.png", [1], ImageReader())
