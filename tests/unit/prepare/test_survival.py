"""What may happen to a long run: it is killed at any moment, and files are damaged in any way."""

import os
import random
import signal
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from unmask.data.manifest import read_table
from unmask.data.sources.folder import FolderSource
from unmask.data.splits import IdentitySplit
from unmask.faces.extract import FaceExtractor
from unmask.prepare.index import index
from unmask.prepare.preparation import Preparation
from unmask.prepare.run import prepare
from unmask.video.sampling import UniformSampling
from unmask.video.writer import write_video

Draw = Callable[..., np.ndarray]
EXTRACTOR = FaceExtractor(sampling=UniformSampling(num_frames=3))
NUM_KILLS = 8
NUM_DAMAGED = 200
MEMORY_LIMIT_GB = 2

SCRIPT = """
import sys
from pathlib import Path
import pandas as pd
from unmask.faces.extract import FaceExtractor
from unmask.prepare.preparation import Preparation
from unmask.prepare.run import prepare
from unmask.video.sampling import UniformSampling

if __name__ == "__main__":
    root, store_dir, table = map(Path, sys.argv[1:4])
    extractor = FaceExtractor(sampling=UniformSampling(num_frames=3))
    prepare(pd.read_pickle(table), Preparation(extractor, num_workers=2), root=root,
            store_dir=store_dir)
"""


def videos_frame(paths: list[str]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "video_id": f"set/{Path(path).stem}", "dataset": "set", "path": path, "kind": "video",
            "label": 0, "method": "real", "compression": "", "group": path, "identities": [],
            "original": "", "split": "train",
        }
        for path in paths
    )  # fmt: skip


def content_of(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def files_of(store_dir: Path) -> dict[str, bytes]:
    paths = (path for path in store_dir.rglob("*") if path.is_file())
    return {
        path.relative_to(store_dir).as_posix(): path.read_bytes()
        for path in paths
        if not path.name.startswith(".lock")
    }


def num_written(store_dir: Path) -> int:
    """Count the files of a store, whole or half."""
    return sum(len(files) for _, _, files in os.walk(store_dir))


@pytest.mark.slow
def test_a_run_killed_at_random_moments_goes_on_to_the_same_store(
    tmp_path: Path, draw_faces: Draw
) -> None:
    paths = []
    for number in range(12):
        frames = [draw_faces([(130 + 5 * number, 110 + step)]) for step in range(6)]
        write_video(tmp_path / "root" / f"v{number}.mp4", frames, fps=6)
        paths.append(f"v{number}.mp4")
    write_video(tmp_path / "root" / "flat.mp4", [np.full((64, 64, 3), 90, np.uint8)] * 4, fps=6)
    (tmp_path / "root" / "empty.mp4").touch()
    videos = videos_frame([*paths, "flat.mp4", "empty.mp4"])
    videos.to_pickle(tmp_path / "videos.pickle")
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, "script.py", str(tmp_path / "root")]
    preparation = Preparation(EXTRACTOR, num_workers=2)
    resume = partial(prepare, videos, preparation, root=tmp_path / "root")
    resume(store_dir=tmp_path / "whole")
    expected = files_of(tmp_path / "whole")
    assert len([name for name in expected if name.startswith("crops/")]) == 36

    moments, interrupted = random.Random(0), 0
    for kill in range(NUM_KILLS):
        store_dir = tmp_path / f"store{kill}"
        running = subprocess.Popen([*command, store_dir.name, "videos.pickle"], cwd=tmp_path)
        # A moment is a number of files, not a time: it is as far into a run on any machine. The
        # kills are spread over the run, from its first file to its last.
        last = num_written(tmp_path / "whole") - 1
        moment = int(last * (kill + moments.random()) / NUM_KILLS) + 1
        while num_written(store_dir) < moment and running.poll() is None:
            time.sleep(0.001)
        os.kill(running.pid, signal.SIGKILL)
        running.wait()
        interrupted += b'"is_complete": true' not in content_of(store_dir / "prepare.json")
        resume(store_dir=store_dir)
        assert files_of(store_dir) == expected, f"Kill {kill} changed the store."
    assert interrupted >= NUM_KILLS // 2


# --- damaged files


def flip_bits(content: bytes, chance: random.Random) -> bytes:
    damaged = bytearray(content)
    for _ in range(chance.choice([1, 8, 64, 512])):
        damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
    return bytes(damaged)


def truncate(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content))]


def zero(content: bytes, chance: random.Random) -> bytes:
    """Overwrite a piece with zeros, or leave a file of zeros or of nothing."""
    kind = chance.randrange(4)
    if kind == 0:
        return b""
    if kind == 1:
        return bytes(len(content))
    start, length = chance.randrange(len(content)), chance.randrange(1, 4096)
    return content[:start] + bytes(min(length, len(content) - start)) + content[start + length :]


def claim_a_billion_frames(content: bytes, chance: random.Random) -> bytes:
    """Let the tables of an MP4 file claim 10**9 samples, with one size for all or without."""
    damaged = bytearray(content)
    billion = struct.pack(">I", 10**9)
    for box, offset in chance.choice(
        [
            [(b"stsz", 12)],
            [(b"stts", 8), (b"stts", 12)],
            [(b"stts", 12), (b"stsz", 12), (b"stsc", 16)],
        ]
    ):
        at = content.index(box) + offset
        damaged[at : at + 4] = billion
    if chance.random() < 0.5:
        at = content.index(b"stsz") + 8
        damaged[at : at + 4] = struct.pack(">I", chance.choice([1, 100]))
    return bytes(damaged)


def claim_a_huge_picture(content: bytes, chance: random.Random) -> bytes:
    """Let every place that names a size claim 100,000 px, or as much as it can hold."""
    damaged = bytearray(content)
    tkhd, avc1 = content.index(b"tkhd") + 80, content.index(b"avc1") + 28
    damaged[tkhd : tkhd + 8] = struct.pack(">II", 100_000 % 2**16 << 16, 65_535 << 16)
    damaged[avc1 : avc1 + 4] = struct.pack(">HH", 65_535, chance.choice([100, 65_535]))
    return bytes(damaged)


def rename(content: bytes, chance: random.Random) -> bytes:
    """Return what belongs under another suffix."""
    picture = cv2.imencode(".png", np.zeros((64, 64, 3), np.uint8))[1].tobytes()
    return chance.choice([b"#EXTM3U\nfile:///etc/passwd\n", b"\x7fELF" + bytes(99), picture, b"PK"])


def header_of_a_huge_picture(content: bytes, chance: random.Random) -> bytes:
    """Return a sound header of 100,000 x 100,000 px, or of the most that its format can say."""
    gif = b"GIF89a" + struct.pack("<HHBBB", 65_535, 65_535, 0x80, 0, 0) + bytes(6)
    gif += b"," + struct.pack("<HHHHB", 0, 0, 65_535, 65_535, 0) + b"\x02\x02\x44\x01\x00;"
    bmp = b"BM" + struct.pack("<IHHI", 58, 0, 0, 54)
    bmp += struct.pack("<IiiHHIIiiII", 40, 100_000, 100_000, 1, 24, 0, 0, 0, 0, 0, 0) + bytes(4)
    png = bytearray(cv2.imencode(".png", np.zeros((64, 64, 3), np.uint8))[1].tobytes())
    png[16:24] = struct.pack(">II", 100_000, 100_000)
    png[29:33] = struct.pack(">I", zlib.crc32(png[12:29]))
    return chance.choice([gif, bmp, bytes(png)])


DAMAGE = {
    flip_bits: (".mp4", ".avi"),
    truncate: (".mp4", ".png", ".mkv"),
    zero: (".mp4", ".jpg"),
    claim_a_billion_frames: (".mp4",),
    claim_a_huge_picture: (".mp4",),
    rename: (".mp4", ".mov", ".jpg", ".webp"),
    header_of_a_huge_picture: (".png", ".jpg", ".mp4"),
}


@pytest.fixture
def damaged(tmp_path: Path, draw_faces: Draw) -> Path:
    """A folder of 200 damaged files and two sound ones."""
    root = tmp_path / "root"
    frames = [draw_faces([(140, 115 + step)]) for step in range(6)]
    write_video(root / "real" / "sound.mp4", frames, fps=6)
    write_video(root / "fake" / "sound.mp4", frames, fps=6)
    sources = {".mp4": (root / "real" / "sound.mp4").read_bytes()}
    for suffix in (".png", ".jpg"):
        sources[suffix] = cv2.imencode(suffix, frames[0][:, :, ::-1])[1].tobytes()
    kinds, chance = list(DAMAGE), random.Random(0)
    for number in range(NUM_DAMAGED):
        damage = kinds[number % len(kinds)]
        suffix = chance.choice(DAMAGE[damage])
        content = damage(sources.get(suffix, sources[".mp4"]), chance)
        folder = root / ("real", "fake")[number % 2]
        (folder / f"{damage.__name__}_{number}{suffix}").write_bytes(content)
    return root


class PeakMemory:
    """The largest memory of any process that this one started, watched while a block runs."""

    def __enter__(self) -> "PeakMemory":
        self.peak_kb, self._is_over = 0, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._is_over.wait(0.1):
            self.peak_kb = max([self.peak_kb, *self._peaks()])

    def _peaks(self) -> Iterator[int]:
        parents, peaks = {}, {}
        for status in Path("/proc").glob("[0-9]*/status"):
            try:
                lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
            except (OSError, ValueError):
                continue  # it ended meanwhile
            pid = int(status.parent.name)
            parents[pid] = int(lines["PPid"])
            peaks[pid] = int(lines.get("VmHWM", "0 kB").split()[0])
        for pid, peak in peaks.items():
            ancestor = parents[pid]
            while ancestor in parents and ancestor != os.getpid():
                ancestor = parents[ancestor]
            if ancestor == os.getpid():
                yield peak


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_damaged_files_are_rows_with_a_reason(damaged: Path, tmp_path: Path) -> None:
    found = index(
        FolderSource(name="set"), root=damaged, split=IdentitySplit(), index_dir=tmp_path / "i"
    )
    videos = read_table(found.videos_path, "videos")
    with PeakMemory() as memory:
        prepare(
            videos,
            Preparation(EXTRACTOR, num_workers=2, memory_limit_gb=MEMORY_LIMIT_GB),
            root=damaged,
            store_dir=tmp_path / "store",
        )
    faces = read_table(tmp_path / "store" / "faces.parquet", "faces")
    failures = read_table(tmp_path / "store" / "failures.parquet", "failures")
    assert len(videos) + found.num_ignored == NUM_DAMAGED + 2
    assert set(faces["video_id"]) | set(failures["video_id"]) == set(videos["video_id"])
    assert not set(faces["video_id"]) & set(failures["video_id"])
    assert {"set/real/sound.mp4", "set/fake/sound.mp4"} <= set(faces["video_id"])
    assert failures["reason"].str.len().min() > 0
    assert failures["detail"].str.len().min() > 0
    # Libraries and mapped files come on top of what the limit counts.
    assert 0 < memory.peak_kb < (MEMORY_LIMIT_GB + 0.5) * 2**20
    reasons = failures["reason"].value_counts()
    assert "internal_error" not in reasons, failures.loc[failures["reason"] == "internal_error"]
    assert "timeout" not in reasons
    assert {"too_large", "truncated", "empty_file", "not_a_video", "not_an_image"} <= set(
        reasons.index
    )
