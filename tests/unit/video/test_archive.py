"""Archives that strangers send."""

import io
import stat
import struct
import tempfile
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unmask.core.errors import VideoError
from unmask.video.archive import ArchiveLimits, unpacked_frames
from unmask.video.frames import list_frames

SMALL = ArchiveLimits(max_files=5, max_bytes=10_000, max_file_bytes=6_000)


def picture(colour: int = 0) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (4, 4), (colour, 0, 0)).save(stream, format="PNG")
    return stream.getvalue()


@pytest.fixture(autouse=True)
def temporary_folder_of_its_own(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keep apart what this test leaves behind and what others do at the same time."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("temporary")))


def archive_of(path: Path, entries: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in entries.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            archive.writestr(info, content)
    return path


def refused(path: Path, limits: ArchiveLimits | None = None) -> str:
    """Return the reason of a refusal, and require that nothing is left behind."""
    before = set(Path(tempfile.gettempdir()).glob("unmask-zip-*"))
    with pytest.raises(VideoError, match=path.name) as refusal, unpacked_frames(path, limits):
        raise AssertionError("it was unpacked")
    assert set(Path(tempfile.gettempdir()).glob("unmask-zip-*")) == before
    return refusal.value.reason


def test_frames_come_out_in_the_order_of_their_numbers_and_go_again(tmp_path: Path) -> None:
    entries = {f"clip/{number}.png": picture(number) for number in (10, 2, 1)}
    litter = {"__MACOSX/clip/._1.png": b"x", "clip/.hidden.png": b"x", "clip/notes.txt": b"x"}
    path = archive_of(tmp_path / "a.zip", {**entries, **litter})
    with unpacked_frames(path) as folder:
        colours = [np.asarray(Image.open(file))[0, 0, 0] for file in list_frames(folder)]
        assert colours == [1, 2, 10]
        assert all(file.name in ("000000.png", "000001.png", "000002.png")
                   for file in folder.iterdir())  # fmt: skip
    assert not folder.exists()


@pytest.mark.parametrize(
    "name",
    ["../1.png", "a/../../1.png", "/etc/1.png", "C:/1.png", "..\\1.png", "\\\\host\\1.png"],
)
def test_paths_that_lead_out_are_refused(name: str, tmp_path: Path) -> None:
    path = archive_of(tmp_path / "a.zip", {"0.png": picture(), name: picture()})
    assert refused(path) == "unsafe_path"


def test_links_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        info = zipfile.ZipInfo("0.png")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    assert refused(path) == "unsafe_path"


def test_an_archive_in_an_archive_is_refused(tmp_path: Path) -> None:
    inner = archive_of(tmp_path / "inner.zip", {"0.png": picture()}).read_bytes()
    path = archive_of(tmp_path / "a.zip", {"0.png": picture(), "more.ZIP": inner})
    assert refused(path) == "nested_zip"


def test_a_bomb_is_refused_by_what_it_claims_and_by_what_it_unpacks_to(tmp_path: Path) -> None:
    path = archive_of(tmp_path / "a.zip", {"0.png": bytes(20_000)})
    assert path.stat().st_size < 500
    assert refused(path, SMALL) == "too_large"
    # The same with a header that claims 100 bytes: the size stands at 24 in the central directory.
    content = bytearray(path.read_bytes())
    directory = content.index(b"PK\x01\x02")
    content[directory + 24 : directory + 28] = struct.pack("<I", 100)
    path.write_bytes(content)
    assert refused(path, SMALL) in ("too_large", "damaged_zip")


def test_frames_together_and_alone_are_bounded(tmp_path: Path) -> None:
    one = archive_of(tmp_path / "a.zip", {"0.png": bytes(6_001)})
    assert refused(one, SMALL) == "too_large"
    several = archive_of(tmp_path / "b.zip", {f"{n}.png": bytes(3_000) for n in range(4)})
    assert refused(several, SMALL) == "too_large"
    many = archive_of(tmp_path / "c.zip", {f"{n}.txt": b"x" for n in range(6)})
    assert refused(many, SMALL) == "too_many_files"


@pytest.mark.parametrize("is_zip64", [False, True])
def test_a_directory_of_many_entries_is_not_read_whatever_it_claims(
    is_zip64: bool, tmp_path: Path
) -> None:
    # One entry 100,000 times, and an end that claims a single one.
    whole = archive_of(tmp_path / "one.zip", {"0.png": picture()}).read_bytes()
    start, end = whole.index(b"PK\x01\x02"), whole.index(b"PK\x05\x06")
    directory = 100_000 * whole[start:end]
    claims = [1, 1, len(directory), start]
    records = b""
    if is_zip64:
        records = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, *claims)
        records += struct.pack("<4sLQL", b"PK\x06\x07", 0, start + len(directory), 1)
        claims = [2**16 - 1, 2**16 - 1, 2**32 - 1, 2**32 - 1]
    records += struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, *claims, 0)
    path = tmp_path / "a.zip"
    path.write_bytes(whole[:start] + directory + records)
    tracemalloc.start()
    try:
        assert refused(path, SMALL) == "too_many_files"
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 2 * 2**20


def test_a_long_directory_within_the_limit_is_read(tmp_path: Path) -> None:
    names = {f"{'long' * 50}{number:03}.png": picture(number) for number in range(100)}
    path = archive_of(tmp_path / "a.zip", names)
    with unpacked_frames(path, ArchiveLimits(max_files=100)) as folder:
        assert len(list_frames(folder)) == 100


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ({}, "no_frames"),
        ({"clip.mp4": b"x", "notes.txt": b"x"}, "no_frames"),
        ({"a/0.png": b"x", "b/0.png": b"x"}, "several_folders"),
    ],
)
def test_what_is_no_folder_of_frames_is_refused(
    entries: dict[str, bytes], reason: str, tmp_path: Path
) -> None:
    assert refused(archive_of(tmp_path / "a.zip", entries)) == reason


def test_encrypted_archives_and_rare_methods_are_refused(tmp_path: Path) -> None:
    path = archive_of(tmp_path / "a.zip", {"0.png": picture()})
    content = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + offset] |= 1
    path.write_bytes(content)
    assert refused(path) == "encrypted_zip"
    rare = archive_of(tmp_path / "b.zip", {"0.png": picture()}, zipfile.ZIP_LZMA)
    assert refused(rare) == "damaged_zip"


def test_damaged_archives_are_refused_or_read_but_never_break(tmp_path: Path) -> None:
    whole = archive_of(tmp_path / "a.zip", {f"{n}.png": picture(n) for n in range(3)}).read_bytes()
    random = np.random.default_rng(0)
    path, num_refused = tmp_path / "b.zip", 0
    for _ in range(200):
        content = bytearray(whole)
        for place in random.integers(4, len(content), 4):
            content[place] = random.integers(256)
        path.write_bytes(content[: random.integers(4, len(content) + 1)])
        try:
            with unpacked_frames(path, SMALL) as folder:
                assert sum(file.stat().st_size for file in folder.iterdir()) <= SMALL.max_bytes
        except VideoError:
            num_refused += 1
    assert num_refused > 100
