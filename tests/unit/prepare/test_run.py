import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from unmask.cli.tables import prepare_table
from unmask.core.errors import DataError
from unmask.data.manifest import read_table
from unmask.faces.extract import FaceExtractor
from unmask.faces.face_video import FaceVideo
from unmask.prepare.preparation import Preparation
from unmask.prepare.run import prepare
from unmask.prepare.shard import Shard
from unmask.prepare.summary import PrepareSummary
from unmask.prepare.video import Video, Work, prepare_video
from unmask.video.reader import PyAVReader
from unmask.video.sampling import UniformSampling
from unmask.video.timeline import ReadingBounds
from unmask.video.writer import write_video

Draw = Callable[..., np.ndarray]
EXTRACTOR = FaceExtractor(sampling=UniformSampling(num_frames=3))
REAL_FACES = Path(__file__).parents[4] / "shared" / "data" / "real_faces"

# A reader for workers, which can import it but not this file.
MISBEHAVING = """
import os, time
from dataclasses import dataclass
from unmask.video.reader import PyAVReader

@dataclass(frozen=True)
class MisbehavingReader(PyAVReader):
    def timeline(self, path):
        if path.stem == "hangs":
            time.sleep(3600)
        if path.stem == "dies":
            os._exit(9)
        if path.stem == "huge":
            bytearray(3 * 2**30)
        if path.stem == "bug":
            raise KeyError("nobody expects this")
        return super().timeline(path)
"""


def videos_frame(paths: list[str]) -> pd.DataFrame:
    """Rows of videos.parquet."""
    return pd.DataFrame(
        {
            "video_id": f"set/{Path(path).stem}",
            "dataset": "set",
            "path": path,
            "kind": "image" if path.endswith(".png") else "video",
            "label": 0,
            "method": "real",
            "compression": "",
            "group": f"set/{path}",
            "identities": [],
            "original": "",
            "split": "train",
        }
        for path in paths
    )


def files_of(store_dir: Path) -> dict[str, bytes]:
    paths = (
        path
        for path in store_dir.rglob("*")
        if path.is_file() and not path.name.startswith(".lock")
    )
    return {path.relative_to(store_dir).as_posix(): path.read_bytes() for path in paths}


def run(store_dir: Path, root: Path, paths: list[str], **knobs: object) -> PrepareSummary:
    calls = {name: knobs.pop(name) for name in ("masks", "shard", "console") if name in knobs}
    preparation = Preparation(**{"extractor": EXTRACTOR, "num_workers": 2, **knobs})
    return prepare(videos_frame(paths), preparation, root=root, store_dir=store_dir, **calls)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, draw_faces: Draw) -> Path:
    """Five videos and an image with a face, and files of every bad kind."""
    root = tmp_path_factory.mktemp("data")
    for number in range(5):
        frames = [draw_faces([(140 + 10 * number, 115 + step)]) for step in range(6)]
        write_video(root / f"v{number}.mp4", frames, fps=6)
    whole = (root / "v0.mp4").read_bytes()
    cv2.imwrite(str(root / "image.png"), draw_faces([(160, 120)])[:, :, ::-1])
    write_video(root / "one_frame.mp4", [draw_faces([(160, 120)])], fps=6)
    write_video(root / "faceless.mp4", [np.full((64, 64, 3), 90, np.uint8)] * 4, fps=6)
    (root / "truncated.mp4").write_bytes(whole[: len(whole) // 2])
    (root / "empty.mp4").touch()
    (root / "text.mp4").write_text("no video " * 100)
    return root


GOOD = ["v0.mp4", "v1.mp4", "v2.mp4", "v3.mp4", "v4.mp4", "image.png", "one_frame.mp4"]
BAD = ["faceless.mp4", "truncated.mp4", "empty.mp4", "text.mp4", "absent.mp4"]


@pytest.fixture(scope="module")
def store(root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, PrepareSummary]:
    store_dir = tmp_path_factory.mktemp("whole") / "store"
    return store_dir, run(store_dir, root, GOOD + BAD)


def test_every_video_has_crops_or_a_reason(store: tuple[Path, PrepareSummary]) -> None:
    store_dir, summary = store
    assert summary == PrepareSummary(
        store_dir,
        num_videos=12,
        num_faces=5 * 3 + 1 + 1,
        num_failures=5,
        reasons={"empty_file": 1, "missing": 1, "no_face": 1, "not_a_video": 1, "truncated": 1},
    )
    faces = read_table(store_dir / "faces.parquet", "faces")
    failures = read_table(store_dir / "failures.parquet", "failures")
    videos = read_table(store_dir / "videos.parquet", "videos")
    assert set(faces["video_id"]) | set(failures["video_id"]) == set(videos["video_id"])
    assert not set(faces["video_id"]) & set(failures["video_id"])


def test_failures_say_where_and_why(store: tuple[Path, PrepareSummary]) -> None:
    failures = read_table(store[0] / "failures.parquet", "failures").set_index("video_id")
    assert dict(failures["stage"]) == {
        "set/absent": "decode",
        "set/empty": "decode",
        "set/faceless": "detect",
        "set/text": "decode",
        "set/truncated": "decode",
    }
    assert "empty.mp4 is empty" in failures.loc["set/empty", "detail"]


def test_each_row_of_faces_has_its_crop(store: tuple[Path, PrepareSummary]) -> None:
    store_dir, _ = store
    faces = read_table(store_dir / "faces.parquet", "faces")
    on_disk = {name for name in files_of(store_dir) if name.startswith("crops/")}
    assert set(faces["crop_path"]) == on_disk
    for row in faces.itertuples():
        assert row.crop_path == f"crops/{row.video_id}/{row.track_id}_{row.frame_index}.jpg"
        crop = cv2.imread(str(store_dir / row.crop_path))
        assert crop.shape == (224, 224, 3)
        assert row.crop_x2 - row.crop_x1 == row.crop_y2 - row.crop_y1
        assert row.crop_x1 <= row.left_eye_x <= row.right_eye_x <= row.crop_x2


def test_a_finished_store_is_not_touched_again(
    store: tuple[Path, PrepareSummary], root: Path, tmp_path: Path
) -> None:
    store_dir, summary = store
    before = {path: path.stat().st_mtime_ns for path in store_dir.rglob("*")}
    # Even without the videos, which may lie on a disk that is not mounted any more.
    assert run(store_dir, tmp_path / "gone", GOOD + BAD) == summary
    after = {path: path.stat().st_mtime_ns for path in store_dir.rglob("*")}
    assert after == before


def test_order_and_number_of_workers_change_nothing(
    store: tuple[Path, PrepareSummary], root: Path, tmp_path: Path
) -> None:
    run(tmp_path, root, [*reversed(BAD), *reversed(GOOD)], num_workers=1)
    assert files_of(tmp_path) == files_of(store[0])


SCRIPT = """
import sys
from pathlib import Path
import pandas as pd
from unmask.faces.extract import FaceExtractor
from unmask.prepare.preparation import Preparation
from unmask.prepare.run import prepare
from unmask.prepare.shard import Shard
from unmask.video.sampling import UniformSampling

if __name__ == "__main__":
    root, store_dir, table = map(Path, sys.argv[1:4])
    shard = Shard.parse(sys.argv[4]) if len(sys.argv) > 4 else None
    extractor = FaceExtractor(sampling=UniformSampling(num_frames=3))
    prepare(pd.read_pickle(table), Preparation(extractor, num_workers=1), root=root,
            store_dir=store_dir, shard=shard)
"""


def test_a_killed_run_goes_on_to_the_same_store(
    store: tuple[Path, PrepareSummary], root: Path, tmp_path: Path
) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    videos_frame(GOOD + BAD).to_pickle(tmp_path / "videos.pickle")
    arguments = ["script.py", root, tmp_path / "store", "videos.pickle"]
    killed = subprocess.Popen([sys.executable, *map(str, arguments)], cwd=tmp_path)
    while not list((tmp_path / "store" / "parts").glob("[!.]*")):
        assert killed.poll() is None, "The run ended before it was killed."
        time.sleep(0.001)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    assert not (tmp_path / "store" / "faces.parquet").exists()
    # What a writer leaves that dies within a file.
    (tmp_path / "store" / "parts" / ".half-x.json").write_text("{")
    (tmp_path / "store" / "crops" / "set" / "v4").mkdir(parents=True, exist_ok=True)
    (tmp_path / "store" / "crops" / "set" / "v4" / ".0_1-x.jpg").write_bytes(b"half")
    run(tmp_path / "store", root, GOOD + BAD)
    assert files_of(tmp_path / "store") == files_of(store[0])


def test_a_longer_list_of_videos_is_continued(
    store: tuple[Path, PrepareSummary], root: Path, tmp_path: Path
) -> None:
    run(tmp_path, root, GOOD[:2])
    first = (tmp_path / "crops" / "set" / "v0" / "0_1.jpg").stat().st_mtime_ns
    run(tmp_path, root, GOOD + BAD)
    assert (tmp_path / "crops" / "set" / "v0" / "0_1.jpg").stat().st_mtime_ns == first
    assert files_of(tmp_path) == files_of(store[0])


@pytest.mark.slow  # it waits for the limit, which is long enough for the others on a busy machine
def test_misbehaving_files_are_failures_of_their_own(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "misbehaving_reader.py").write_text(MISBEHAVING)
    monkeypatch.syspath_prepend(tmp_path)
    from misbehaving_reader import MisbehavingReader

    extractor = replace(EXTRACTOR, reader=MisbehavingReader())
    paths = ["hangs.mp4", "v0.mp4", "dies.mp4", "bug.mp4", "v1.mp4"]
    summary = run(tmp_path / "store", root, paths, extractor=extractor, time_limit_seconds=30)
    assert summary.reasons == {"internal_error": 1, "timeout": 1, "worker_died": 1}
    assert summary.num_faces == 6
    failures = read_table(tmp_path / "store" / "failures.parquet", "failures")
    assert set(failures["stage"]) == {"worker"}
    assert "nobody expects this" in failures.set_index("video_id").loc["set/bug", "detail"]


def test_failures_are_tried_again_only_when_asked(root: Path, tmp_path: Path) -> None:
    own_root = tmp_path / "root"
    own_root.mkdir()
    (own_root / "v0.mp4").touch()
    assert run(tmp_path / "store", own_root, ["v0.mp4"]).reasons == {"empty_file": 1}
    (own_root / "v0.mp4").write_bytes((root / "v0.mp4").read_bytes())
    assert run(tmp_path / "store", own_root, ["v0.mp4"]).num_failures == 1
    again = run(tmp_path / "store", own_root, ["v0.mp4"], retry_failures=True)
    assert (again.num_failures, again.num_faces) == (0, 3)


def test_png_crops_are_the_extracted_pixels(root: Path, tmp_path: Path) -> None:
    run(tmp_path, root, ["v0.mp4"], image_format="png")
    for crop in EXTRACTOR.extract(root / "v0.mp4", "video"):
        stored = cv2.imread(str(tmp_path / "crops/set/v0" / f"0_{crop.frame_index}.png"))
        # Another number of threads may move a box by a rounding error.
        np.testing.assert_allclose(stored[:, :, ::-1], crop.image, atol=2)


def test_a_store_of_other_settings_is_refused(
    store: tuple[Path, PrepareSummary], root: Path
) -> None:
    other = replace(EXTRACTOR, sampling=UniformSampling(num_frames=4))
    message = r"settings.sampling.num_frames was 3 and is now 4"
    with pytest.raises(DataError, match=message):
        run(store[0], root, GOOD + BAD, extractor=other)
    with pytest.raises(DataError, match="image_format was 'jpeg' and is now 'png'"):
        run(store[0], root, GOOD + BAD, image_format="png")


def test_given_settings_stand_for_the_extractor(root: Path, tmp_path: Path) -> None:
    run(tmp_path, root, ["empty.mp4"], settings={"frames": (1, 2)})
    run(tmp_path, root, ["empty.mp4"], settings={"frames": (1, 2)})
    with pytest.raises(DataError, match=r"settings.frames was \[1, 2\] and is now 3"):
        run(tmp_path, root, ["empty.mp4"], settings={"frames": 3})


def test_two_runs_do_not_write_one_store(root: Path, tmp_path: Path) -> None:
    import fcntl

    with (tmp_path / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(DataError, match="Another `unmask prepare` is writing"):
            run(tmp_path, root, ["v0.mp4"])


def test_a_missing_root_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"There is no folder .*nowhere; set data\.root"):
        run(tmp_path / "store", tmp_path / "nowhere", ["v0.mp4"])


SHARDS = [Shard(1, 3), Shard(2, 3), Shard(3, 3)]


def test_shards_one_after_the_other_make_the_store_of_one_process(
    store: tuple[Path, PrepareSummary], root: Path, tmp_path: Path
) -> None:
    summaries = [run(tmp_path, root, GOOD + BAD, shard=shard) for shard in SHARDS]
    assert [summary.num_waiting for summary in summaries] == [8, 4, 0]
    assert [summary.num_videos for summary in summaries] == [4, 4, 12]
    assert replace(summaries[-1], store_dir=store[0]) == store[1]
    assert files_of(tmp_path) == files_of(store[0])


def test_a_call_without_a_shard_does_what_no_shard_did(
    store: tuple[Path, PrepareSummary], root: Path, tmp_path: Path
) -> None:
    run(tmp_path, root, GOOD + BAD, shard=SHARDS[1])
    assert not (tmp_path / "faces.parquet").exists()
    run(tmp_path, root, GOOD + BAD)
    assert files_of(tmp_path) == files_of(store[0])


@pytest.mark.slow
def test_shards_at_the_same_time_make_the_store_of_one_process(
    store: tuple[Path, PrepareSummary], root: Path, tmp_path: Path
) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    videos_frame(GOOD + BAD).to_pickle(tmp_path / "videos.pickle")
    arguments = [sys.executable, "script.py", str(root), "store", "videos.pickle"]
    running = [subprocess.Popen([*arguments, str(shard)], cwd=tmp_path) for shard in SHARDS]
    assert [process.wait() for process in running] == [0, 0, 0]
    assert files_of(tmp_path / "store") == files_of(store[0])


def test_a_shard_leaves_the_unfinished_files_of_others_alone(root: Path, tmp_path: Path) -> None:
    rows = [Video(f"set/v{number}", f"v{number}.mp4", "video") for number in range(2)]
    (tmp_path / "parts").mkdir()
    own, other = (tmp_path / "parts" / f".{row.part_name[:-5]}-x.json" for row in rows)
    own.touch()
    other.touch()
    run(tmp_path, root, ["v0.mp4", "v1.mp4"], shard=Shard(1, 2))
    assert not own.exists()
    assert other.exists()


def test_masks_are_cut_like_the_crops(root: Path, tmp_path: Path) -> None:
    for name in ("v0.mp4", "short.mp4"):
        frames = [np.full((240, 320, 3), 255 * (index % 2), np.uint8) for index in range(6)]
        write_video(
            tmp_path / "root" / "masks" / name, frames[: 6 if name == "v0.mp4" else 2], fps=6
        )
    for name in ("v0.mp4", "v1.mp4", "v2.mp4"):
        (tmp_path / "root" / name).write_bytes((root / name).read_bytes())
    masks = {"set/v0": "masks/v0.mp4", "set/v1": "masks/short.mp4"}
    paths = ["v0.mp4", "v1.mp4", "v2.mp4"]
    summary = run(tmp_path / "store", tmp_path / "root", paths, masks=masks)
    assert summary.reasons == {"mask_differs": 1}
    faces = read_table(tmp_path / "store" / "faces.parquet", "faces").set_index("video_id")
    for face in faces.loc["set/v0"].itertuples():
        path = face.crop_path.replace("crops/", "masks/").replace(".jpg", ".png")
        mask = cv2.imread(str(tmp_path / "store" / path), cv2.IMREAD_UNCHANGED)
        assert mask.shape == (224, 224)
        assert abs(float(mask.mean()) - 255 * (face.frame_index % 2)) < 5
    assert not (tmp_path / "store" / "masks" / "set" / "v2").exists()


def test_masks_that_come_later_are_cut(root: Path, tmp_path: Path) -> None:
    run(tmp_path, root, ["v0.mp4"])
    run(tmp_path, root, ["v0.mp4"], masks={"set/v0": "v1.mp4"})
    assert len(list((tmp_path / "masks" / "set" / "v0").glob("*.png"))) == 3


@pytest.mark.parametrize(
    ("error", "reason"), [(KeyError("box"), "internal_error"), (MemoryError(), "out_of_memory")]
)
def test_a_mask_that_breaks_a_library_does_not_stop_the_others(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    def break_down(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("unmask.prepare.video.cut_masks", break_down)
    work = Work(root, tmp_path, Preparation(EXTRACTOR))
    part = prepare_video(work, Video("set/v0", "v0.mp4", "video", "v1.mp4"))
    assert part.faces == []
    assert part.failure is not None
    assert part.failure[2:4] == ["worker", reason]


def test_a_mask_of_no_video_is_named(root: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="1 masks belong to no video, the first to 'set/x'"):
        run(tmp_path, root, ["v0.mp4"], masks={"set/x": "m.mp4"})


def test_face_videos_are_written_when_asked_for(root: Path, tmp_path: Path) -> None:
    run(tmp_path, root, ["v0.mp4"], face_video=FaceVideo(max_frames=2))
    timeline = PyAVReader().timeline(tmp_path / "face_videos" / "set" / "v0.mp4")
    assert (timeline.width, timeline.height, len(timeline.pts)) == (112, 112, 2)
    with pytest.raises(DataError, match="face_video"):
        run(tmp_path, root, ["v0.mp4"])


def test_a_video_without_faces_leaves_a_picture(store: tuple[Path, PrepareSummary]) -> None:
    pictures = [name for name in files_of(store[0]) if name.startswith("failures/")]
    assert pictures == ["failures/set/faceless.jpg"]


def test_a_video_that_needs_too_much_memory_is_a_failure_of_its_own(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "misbehaving_reader.py").write_text(MISBEHAVING)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "misbehaving_reader", raising=False)
    from misbehaving_reader import MisbehavingReader

    extractor = replace(EXTRACTOR, reader=MisbehavingReader())
    paths = ["huge.mp4", "v0.mp4"]
    summary = run(tmp_path / "store", root, paths, extractor=extractor, memory_limit_gb=2)
    assert (summary.num_faces, summary.reasons) == (3, {"out_of_memory": 1})


def test_no_videos_are_an_error(root: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no videos to prepare"):
        prepare(
            videos_frame(["a.mp4"]).iloc[:0], Preparation(EXTRACTOR), root=root, store_dir=tmp_path
        )


@pytest.mark.parametrize("video_id", ["../up", "/root", "a/../b", ""])
def test_ids_cannot_lead_out_of_the_store(root: Path, tmp_path: Path, video_id: str) -> None:
    videos = videos_frame(["v0.mp4"]).assign(video_id=video_id)
    with pytest.raises(DataError, match="cannot name a folder"):
        prepare(videos, Preparation(EXTRACTOR), root=root, store_dir=tmp_path)


def test_an_id_may_lie_below_another(root: Path, tmp_path: Path) -> None:
    videos = videos_frame(["v0.mp4", "v1.mp4"]).assign(video_id=["set/a", "set/a/b"])
    prepare(videos, Preparation(EXTRACTOR, num_workers=1), root=root, store_dir=tmp_path)
    faces = read_table(tmp_path / "faces.parquet", "faces")
    assert len(faces) == 6
    assert all((tmp_path / path).is_file() for path in faces["crop_path"])


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"image_format": "gif"}, "image_format must be 'jpeg' or 'png', got 'gif'"),
        ({"num_workers": 0}, "num_workers must be at least 1 or null, got 0"),
        ({"time_limit_seconds": 0}, "time_limit_seconds must be above 0, got 0"),
        ({"memory_limit_gb": 0.5}, "memory_limit_gb must be at least 1, .* got 0.5"),
    ],
)
def test_bad_knobs_are_named(root: Path, tmp_path: Path, knobs: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run(tmp_path, root, ["v0.mp4"], **knobs)


def test_progress_shows_speed_and_failures(root: Path, tmp_path: Path) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=120)
    run(tmp_path, root, ["v0.mp4", "empty.mp4"], console=console)
    shown = console.file.getvalue()
    assert "2/2" in shown
    assert "1 failed" in shown


def test_summary_table_counts_reasons() -> None:
    console = Console(file=io.StringIO(), width=80)
    console.print(prepare_table(PrepareSummary(Path("store"), 1200, 9000, 3, {"truncated": 3})))
    shown = console.file.getvalue()
    assert "1,200" in shown
    assert "9,000" in shown
    assert "truncated" in shown


def test_the_store_says_how_it_was_made(store: tuple[Path, PrepareSummary]) -> None:
    record = json.loads((store[0] / "prepare.json").read_text())
    assert record["is_complete"]
    assert record["settings"]["detector"]["min_face_px"] == 60
    assert record["summary"]["num_faces"] == 17


@pytest.mark.slow
@pytest.mark.skipif(not REAL_FACES.is_dir(), reason="shared/data/real_faces is not there")
def test_real_videos_and_images_nearly_all_show_a_face(tmp_path: Path) -> None:
    paths = [
        path.relative_to(REAL_FACES).as_posix()
        for kind in ("videos/real", "videos/fake", "images/real", "images/fake")
        for path in sorted((REAL_FACES / kind).iterdir())[:10]
    ]
    videos = videos_frame(paths).assign(
        kind=["video" if path.startswith("videos") else "image" for path in paths]
    )
    summary = prepare(videos, Preparation(EXTRACTOR), root=REAL_FACES, store_dir=tmp_path)
    assert summary.num_failures <= 2
    assert summary.num_faces >= 70


def test_how_far_files_are_read_is_no_setting_of_a_store() -> None:
    bounded = PyAVReader(bounds=ReadingBounds(max_seconds=9))
    one, two, other = (
        Preparation(FaceExtractor(reader=reader)).settings
        for reader in (bounded, PyAVReader(), PyAVReader(max_pixels=9))
    )
    assert one == two != other
    assert "bounds" not in one["reader"]
