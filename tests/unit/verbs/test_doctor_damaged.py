"""200 damaged files: the doctor ends, says what is wrong, and index lists every one."""

from pathlib import Path

import numpy as np
import pytest

from unmask.data.sources.folder import FolderSource
from unmask.verbs.doctor import Diagnosis, doctor
from unmask.video.writer import write_video

NUM_OF_EACH = 40


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bit flips, cut-off files, zero bytes, wrong suffixes and absurd sizes, 40 of each."""
    folder = tmp_path_factory.mktemp("damaged")
    random = np.random.default_rng(0)
    frames = [np.full((48, 64, 3), 8 * n, np.uint8) for n in range(20)]
    write_video(folder / "real" / "whole.mp4", frames, fps=10)
    whole = (folder / "real" / "whole.mp4").read_bytes()
    size_at = whole.index(b"avc1") + 28  # width and height of the sample entry, 2 bytes each
    (folder / "fake").mkdir()
    for number in range(NUM_OF_EACH):
        flipped = bytearray(whole)
        for place in random.integers(0, len(whole), 20):
            flipped[place] ^= 1 << int(random.integers(0, 8))
        absurd = bytearray(whole)
        absurd[size_at : size_at + 4] = b"\xff\xff\xff\xff"
        absurd[-1 - number] ^= 1
        for kind, content, suffix in (
            ("flipped", bytes(flipped), ".mp4"),
            ("cut", whole[: int(random.integers(1, len(whole)))], ".mp4"),
            ("empty", b"", ".mp4"),
            ("misnamed", whole[number:], ".png"),
            ("absurd", bytes(absurd), ".mp4"),
        ):
            (folder / "fake" / f"{kind}{number}{suffix}").write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def diagnosis(root: Path) -> Diagnosis:
    (diagnosis,) = doctor(root).diagnoses
    return diagnosis


def test_index_lists_every_damaged_file(root: Path) -> None:
    assert len(FolderSource().index(root).videos) == 5 * NUM_OF_EACH + 1


@pytest.mark.parametrize("kind", ["cut", "empty", "misnamed"])
def test_files_that_cannot_be_read_are_faults_with_a_reason(
    diagnosis: Diagnosis, kind: str
) -> None:
    faults = [fault for fault in diagnosis.faults if fault.path.startswith(f"fake/{kind}")]
    assert len(faults) == NUM_OF_EACH
    assert all(fault.reason and fault.detail for fault in faults)


def test_a_whole_file_among_them_is_no_fault(diagnosis: Diagnosis) -> None:
    assert "real/whole.mp4" not in [fault.path for fault in diagnosis.faults]
