"""A served page with a model trained for it, files to give it, and evidence made by hand."""

import os
import re
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from unmask.cli.main import main
from unmask.evaluation.verdicts import Band
from unmask.verdict.evidence import Evidence, Input, Model, Track, Vote
from unmask.video.writer import write_video

# As tests/cli trains: the whole path on few and short films, in seconds.
TINY = [
    "experiment=demo", "eval=in_domain", "eval.num_resamples=20", "prepare.sampling.num_frames=2",
    "model.backbone.filters=[4,8]", "model.backbone.image_size=32", "trainer.max_epochs=2",
    "loader.num_workers=0", "logger=[csv]", "callbacks=[checkpoint,early_stopping]",
    "trainer.enable_progress_bar=false", "data.make.settings.num_train_pairs=2",
    "data.make.settings.num_val_pairs=1", "data.make.settings.num_test_pairs=1",
    "+data.make.settings.picture._target_=unmask.demo.Picture",
    "+data.make.settings.picture.num_frames=3",
]  # fmt: skip


@dataclass(frozen=True)
class Server:
    """The page in a process of its own.

    Attributes:
        url: Its address.
        temporary: All of its temporary files lie here.
        flagged: Flagged cases go here.
        process: The process.
        log: What it prints.
    """

    url: str
    temporary: Path
    flagged: Path
    process: subprocess.Popen[bytes]
    log: Path

    def files(self) -> set[str]:
        """Return the temporary files that are there now, but for the examples."""
        return {
            str(path.relative_to(self.temporary))
            for path in self.temporary.rglob("*")
            if path.is_file() and "examples" not in path.parts
        }

    def resident_mib(self) -> float:
        """Return the memory that the process holds."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+)", status)
        assert found is not None
        return int(found.group(1)) / 1024


@pytest.fixture(scope="session")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("page")


@pytest.fixture(scope="session")
def trained(workplace: Path) -> Path:
    """Return the folder of a run."""
    run = workplace / "outputs/train/tiny"
    paths = [f"paths.data_dir={workplace}/data", f"paths.outputs_dir={workplace}/outputs"]
    main(["train", *TINY, *paths, f"hydra.run.dir={run}"])
    return run


@pytest.fixture(scope="session")
def server(trained: Path, workplace: Path) -> Iterator[Server]:
    """Serve the page with small limits until the tests are over."""
    with serving(workplace, "server", queue_limit=40) as served:
        yield served


@pytest.fixture(scope="session")
def small_server(trained: Path, workplace: Path) -> Iterator[Server]:
    """Serve the page to one at a time, with one more who may wait."""
    with serving(workplace, "small", queue_limit=1) as served:
        yield served


@contextmanager
def serving(workplace: Path, name: str, *, queue_limit: int) -> Iterator[Server]:
    """Serve the page in a process of its own, which must end well."""
    temporary, log = workplace / f"{name}_temporary", workplace / f"{name}.log"
    temporary.mkdir()
    words = [
        "device=cpu", "port=0", f"paths.outputs_dir={workplace}/outputs", "max_mib=5",
        "max_seconds=60", "max_megapixels=4", "max_unpacked_mib=20", "max_zip_files=200",
        f"queue_limit={queue_limit}",
    ]  # fmt: skip
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "unmask.cli.main", "app", *words],
            stdout=output, stderr=subprocess.STDOUT,
            env={**os.environ, "TMPDIR": str(temporary), "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
    try:
        url = _address(process, log)
        yield Server(url, temporary, workplace / "outputs/flagged", process, log)
        process.terminate()
        assert process.wait() == 0
    finally:
        process.kill()
        process.wait()


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    while True:
        found = re.search(r"The page is at (http://\S+)/ ", log.read_text())
        if found:
            return found.group(1)
        assert process.poll() is None, log.read_text()
        time.sleep(0.1)


@pytest.fixture(scope="session")
def film(trained: Path, workplace: Path) -> Path:
    """Return a film with a face."""
    return next((workplace / "data").rglob("original_sequences/**/000.mp4"))


@pytest.fixture(scope="session")
def long_film(frames: list[Path], workplace: Path) -> Path:
    """Return a film whose verdict takes seconds: a face in each of 300 frames of 960 px."""
    path = workplace / "long.mp4"
    image = cv2.imread(str(frames[0]))[:, :, ::-1]
    height, width = image.shape[:2]
    large = cv2.resize(image, (960, 2 * (960 * height // width // 2)))
    write_video(path, [large] * 300, fps=Fraction(10))
    return path


@pytest.fixture(scope="session")
def frames(film: Path, workplace: Path) -> list[Path]:
    """Return the film's frames as files."""
    folder = workplace / "frames"
    folder.mkdir()
    video, paths = cv2.VideoCapture(str(film)), []
    while (read := video.read())[0]:
        paths.append(folder / f"{len(paths)}.png")
        cv2.imwrite(str(paths[-1]), read[1])
    return paths


@pytest.fixture(scope="session")
def zipped(frames: list[Path], workplace: Path) -> Path:
    """Return a zip of the frames."""
    path = workplace / "frames.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for frame in frames:
            archive.write(frame, f"clip/{frame.name}")
    return path


@pytest.fixture(scope="session")
def faceless(workplace: Path) -> Path:
    """Return a film without a face."""
    path = workplace / "faceless.mp4"
    write_video(path, [np.full((96, 128, 3), 127, np.uint8)] * 6, fps=Fraction(5))
    return path


@pytest.fixture(scope="session")
def bomb(workplace: Path) -> Path:
    """Return a small zip that unpacks to 64 MiB."""
    path = workplace / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(16):
            archive.writestr(f"{number}.png", bytes(4 * 2**20))
    return path


@pytest.fixture(scope="session")
def climber(workplace: Path, frames: list[Path]) -> Path:
    """Return a zip whose only path leads out of it."""
    path = workplace / "climber.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(frames[0], "../../evil.png")
    return path


@pytest.fixture
def evidence() -> Evidence:
    """Return evidence of one person and two models that disagree."""
    votes = (
        Vote("effb0_lstm", 0.997, 0.9, 0.5, "fake"),
        Vote("<b>swin</b>", 0.203, None, 0.4, "real"),
    )
    track = Track(0, "fake", "Because.", 0.6, None, True, votes, (), ())
    return Evidence(
        verdict="fake", reason="Because.", score=0.6, probability=None, video_score=0.6,
        input=Input("clip.mp4", "video", "0" * 64, 1, 64, 64, 1, 0.0),
        frames=(), tracks=(track,),
        models=tuple(Model(vote.model, "0" * 64, None, 0.5, {}) for vote in votes),
        voting="soft", band=Band(0.4, 0.5, source="toy, val"), cautions=(),
        settings={"sampling": {"policy": "UniformSampling"}, "min_face_prob": 0.9},
        versions={}, seconds={},
    )  # fmt: skip
