"""Pictures and files that the tests of several parts need."""

import io
import json
from collections.abc import Callable, Iterable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from unmask.core.labels import CLASS_NAMES
from unmask.video.writer import write_video

Image = NDArray[np.uint8]

# Each part of the drawn face: centre and half axes in face sizes, colour.
FACE_PARTS = [
    ((0.0, -0.1), (0.47, 0.62), (60, 45, 35)),  # hair
    ((0.0, 0.03), (0.40, 0.53), (224, 182, 156)),  # skin
    *(
        part
        for side in (-1, 1)
        for part in (
            ((side * 0.17, -0.08), (0.085, 0.045), (245, 245, 245)),
            ((side * 0.17, -0.08), (0.04, 0.042), (70, 50, 40)),
            ((side * 0.17, -0.08), (0.018, 0.02), (10, 10, 10)),
            ((side * 0.17, -0.19), (0.11, 0.022), (70, 50, 40)),
            ((side * 0.03, 0.16), (0.025, 0.018), (150, 105, 90)),
        )
    ),
    ((0.0, 0.08), (0.03, 0.12), (212, 165, 140)),  # nose
    ((0.0, 0.30), (0.14, 0.045), (180, 90, 90)),  # lips
    ((0.0, 0.30), (0.11, 0.012), (110, 50, 55)),
]


def draw_faces(
    centres: list[tuple[int, int]], *, width: int = 320, height: int = 240, size: int = 100
) -> Image:
    """Draw faces that MTCNN finds; ``size`` is about their height in pixels."""
    scale = 4
    image = np.full((height * scale, width * scale, 3), (150, 160, 170), np.uint8)
    for x, y in centres:
        for (across, down), (half_width, half_height), colour in FACE_PARTS:
            centre = (int((x + across * size) * scale), int((y + down * size) * scale))
            axes = (int(half_width * size * scale), int(half_height * size * scale))
            cv2.ellipse(image, centre, axes, 0, 0, 360, colour, -1)
    image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(image, (0, 0), 1.2), dtype=np.uint8)


@pytest.fixture(scope="session", name="draw_faces")
def draw_faces_fixture() -> Callable[..., Image]:
    return draw_faces


def write_bare_stream(path: Path, *runs: tuple[int, int]) -> Path:
    """Write H.264 without a container, which holds no times, as runs of (frames, side in px)."""
    with path.open("wb") as file:
        for num_frames, side in runs:
            packed = io.BytesIO()
            with av.open(packed, "w", format="h264") as container:
                stream = container.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
                stream.width, stream.height, stream.pix_fmt = side, side, "yuv420p"
                image = np.full((side, side, 3), 127, np.uint8)
                for index in range(num_frames):
                    frame = av.VideoFrame.from_ndarray(image)
                    frame.pts = index
                    container.mux(stream.encode(frame))
                container.mux(stream.encode(None))
            file.write(packed.getvalue())
    return path


@pytest.fixture(scope="session", name="write_bare_stream")
def write_bare_stream_fixture() -> Callable[..., Path]:
    return write_bare_stream


@pytest.fixture(scope="session")
def two_people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people, the right one larger and nodding, in 12 frames at 6 per second."""
    path = tmp_path_factory.mktemp("people") / "two.mp4"
    frames = [
        np.hstack(
            [draw_faces([(80, 120)], width=160, size=70),
             draw_faces([(120, 115 + index)], width=240, size=110)]
        )
        for index in range(12)
    ]  # fmt: skip
    write_video(path, frames, fps=6, crf=10)
    return path


FF_PAIRS = {"train": [["000", "003"]], "val": [["001", "004"]], "test": [["002", "005"]]}
FF_LISTS = {f"{split}.json": json.dumps(pairs) for split, pairs in FF_PAIRS.items()}
FF_REALS = [f"{number:03d}" for number in range(6)]
FF_FAKES = [
    f"{a}_{b}" for split in FF_PAIRS.values() for x, y in split for a, b in ((x, y), (y, x))
]
DFD_REALS = [f"{actor}__kitchen_still" for actor in ("01", "02", "03", "04", "05", "06")]
DFD_FAKES = [f"{a}_{b}__kitchen_still__YVGY8LOK" for a, b in (("01", "02"), ("03", "04"))]
CELEB_REALS = [f"Celeb-real/id{n}_000{m}.mp4" for n in range(6) for m in range(2)]
CELEB_REALS += [f"YouTube-real/{n:05d}.mp4" for n in range(4)]
Texts = dict[str, str | None]


def _files(*groups: Iterable[str]) -> Texts:
    return dict.fromkeys((path for group in groups for path in group), None)


def _ffpp() -> Texts:
    """Two compressions, another spelling of a method, masks, a half download, a hidden file."""
    methods = ("DeepFakes", "Face2Face", "FaceSwap", "NeuralTextures", "FaceShifter")
    above = "manipulated_sequences"
    return FF_LISTS | _files(
        (f"original_sequences/youtube/c23/videos/{n}.mp4" for n in FF_REALS),
        (f"original_sequences/youtube/c0/videos/{n}.mp4" for n in FF_REALS[:1]),
        (f"{above}/{method}/c23/videos/{n}.mp4" for method in methods for n in FF_FAKES),
        (f"{above}/FaceSwap/masks/videos/{n}.mp4" for n in FF_FAKES),
        (f"masks/{above}/Face2Face/masks/videos/{n}.mp4" for n in FF_FAKES[:2]),
        (f"{above}/FaceSwap/c23/videos/000_003.mp4.part", f"{above}/FaceSwap/c23/videos/._1.mp4"),
    )


def _dfd() -> Texts:
    return _files(
        (f"original_sequences/actors/c40/videos/{n}.mp4" for n in DFD_REALS),
        (f"manipulated_sequences/DeepFakeDetection/c40/videos/{n}.mp4" for n in DFD_FAKES),
        (f"manipulated_sequences/DeepFakeDetection/masks/videos/{n}.mp4" for n in DFD_FAKES),
    )


def _dfd_kaggle() -> Texts:
    """DeepFakeDetection in a folder that is called FF++."""
    return _files(
        (f"FF++/real/{n}.mp4" for n in DFD_REALS), (f"FF++/fake/{n}.mp4" for n in DFD_FAKES)
    )


def _ffpp_kaggle() -> Texts:
    """Flat folders, with DeepFakeDetection's fakes but not its reals."""
    base = "FaceForensics++_C23"
    methods = ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures", "FaceShifter")
    return (
        FF_LISTS
        | _files(
            (f"{base}/original/{n}.mp4" for n in FF_REALS),
            (f"{base}/{method}/{n}.mp4" for method in methods for n in FF_FAKES),
            (f"{base}/DeepFakeDetection/{n}.mp4" for n in DFD_FAKES),
        )
        | {f"{base}/csv/FF++_Metadata.csv": "File Path,Label\nDeepfakes/0.mp4,REAL\n"}
    )


def _celebdf_v2() -> Texts:
    """An inserted level, another spelling, and a list without a header in which 1 means real."""
    fakes = [f"Celeb-synthesis/videos/id{a}_id{b}_0000.mp4" for a, b in ((0, 1), (1, 0), (2, 3))]
    reals = [path.replace("YouTube-real", "Youtube-real") for path in CELEB_REALS]
    tested = "1 YouTube-real/00003.mp4\n0 Celeb-synthesis/id1_id0_0000.mp4\n"
    return {"List_of_testing_videos.txt": tested} | _files(reals, fakes)


def _celebdf_v3() -> Texts:
    """Names that repeat from method to method, sorted into categories."""
    methods = ("FaceSwap/Celeb-DF-v2", "FaceSwap/SimSwap", "FaceReenact/LIA", "TalkingFace/FLOAT")
    names = ("id0_id1_0000", "id1_id0_0000")
    fakes = [f"Celeb-synthesis/{method}/{name}.mp4" for method in methods for name in names]
    tested = "1 Celeb-real/id5_0000.mp4\n0 Celeb-synthesis/FaceSwap/SimSwap/id1_id0_0000.mp4\n"
    tested += "0 Celeb-synthesis/FaceSwap/Celeb-DF/id0_id1_0000.mp4\n"
    return {"List_of_testing_videos.txt": tested} | _files(CELEB_REALS, fakes)


def _uadfv() -> Texts:
    names = [f"{number:04d}" for number in range(49)]
    frames = [f"real/frames/0048/{number:03d}.png" for number in range(2)]
    return _files(
        (f"real/{n}.mp4" for n in names[:48]), frames, (f"fake/{n}_fake.mp4" for n in names)
    )


def _dfdc() -> Texts:
    """Archives unpacked in two ways, a part without labels, a fake whose original is absent."""
    files: Texts = {}
    for part, folder in ((0, "dfdc_train_part_00/dfdc_train_part_0"), (37, "dfdc_train_part_37"),
                         (40, "dfdc_train_part_40")):  # fmt: skip
        real, fake, orphan, absent = (f"{word}{part}.mp4" for word in ("r", "f", "o", "a"))
        described = {
            real: {"label": "REAL", "split": "train"},
            fake: {"label": "FAKE", "split": "train", "original": real},
            orphan: {"label": "FAKE", "split": "train", "original": absent},
            absent: {"label": "REAL", "split": "train"},
        }
        files[f"{folder}/metadata.json"] = json.dumps(described)
        files |= _files(f"{folder}/{name}" for name in (real, fake, orphan, f"new{part}.mp4"))
    return files | _files(["dfdc_train_part_3/x.mp4"])


def _dfdc_test() -> Texts:
    """Labels beside sub-folders of videos; 1 means fake; the second table agrees."""
    labels = "filename,label\nv0.mp4,0\nv1.mp4,1\nv2.mp4,1\ngone.mp4,0\n"
    other = {f"v{n}.mp4": {"augmentations": {}, "is_fake": int(n > 0)} for n in range(3)}
    paths = [f"test/ori_videos/{n}/v{n}.mp4" for n in range(3)]
    return {"labels.csv": labels, "test/metadata.json": json.dumps(other)} | _files(
        paths, ["test/ori_videos/0/unlisted.mp4"]
    )


def _dfdcp() -> Texts:
    """Names that repeat from method to method, and a folder that the table does not know."""
    table = {}
    for number, split in ((1, "train"), (2, "train"), (3, "train"), (4, "train"), (5, "test")):
        table[f"original_videos/{number}/{number}_A_001.mp4"] = {"label": "real", "set": split}
    for method in ("method_A", "method_B"):
        name = f"{method}/1/1_A/2_1_A_001.mp4"
        table[name] = {"label": "fake", "set": "train"}
    table["method_A/5/5_A/6_5_A_001.mp4"] = {"label": "fake", "set": "test"}
    paths = [path for path in table if not path.startswith("original_videos/4")]
    moved = "elsewhere/4_A_001.mp4"
    return {"dataset.json": json.dumps(table)} | _files(paths, [moved, "elsewhere/9_A_001.mp4"])


def _openforensics() -> Texts:
    """Category 0 is real, ids repeat from part to part, a photo has both kinds of faces."""
    files: Texts = {}
    for part in ("Train", "Val", "Test-Dev"):
        images = [
            {
                "id": n,
                "file_name": f"Images/{part}/{part.lower()}{n}.jpg",
                "width": 64,
                "height": 48,
            }
            for n in range(2)
        ]
        annotations: list[dict[str, object]] = [
            {"id": 0, "image_id": 0, "category_id": 0, "bbox": [1, 2, 10, 20], "iscrowd": 0},
            {"id": 1, "image_id": 0, "category_id": 1, "bbox": [30, 2, 10.5, 20], "iscrowd": 0},
            {"id": 2, "image_id": 1, "category_id": 1, "bbox": [5, 5, 0, 20], "iscrowd": 0},
            {"id": 3, "image_id": 1, "category_id": 1, "bbox": [5, 5, 9, 9], "iscrowd": 0},
        ]
        categories = [{"id": 0, "name": "Real"}, {"id": 1, "name": "Fake"}]
        content = {"categories": categories, "images": images, "annotations": annotations}
        files[f"{part}_poly.json"] = json.dumps(content)
        files |= _files(f"{part}/{part.lower()}{n}.jpg" for n in range(2))
    return files


def _faces140k() -> Texts:
    """Tables in which 1 means real, beside folders that say so in words."""
    files: Texts = {}
    for split in ("train", "valid", "test"):
        lines = [",original_path,id,label,label_str,path"]
        for label, word in enumerate(("fake", "real")):
            path = f"{split}/{word}/{split}{label}.jpg"
            lines.append(f"0,/x/{label}.jpg,{label},{label},{word},{path}")
            files[f"real_vs_fake/real-vs-fake/{path}"] = None
        files[f"{split}.csv"] = "\n".join(lines) + "\n"
    return files


def _deepfakebench() -> Texts:
    """Paths with backslashes and folders in front that are not here."""
    index: dict[str, dict[str, dict[str, dict[str, dict[str, object]]]]] = {}
    files: Texts = {}
    for label, folder, names in (
        ("FF-real", "original_sequences/youtube", FF_REALS),
        ("FF-DF", "manipulated_sequences/Deepfakes", FF_FAKES),
    ):
        for split, pairs in FF_PAIRS.items():
            for name in names:
                if name.partition("_")[0] not in pairs[0]:
                    continue
                inner = f"FaceForensics++/{folder}/c23/frames/{name}"
                frames = [f"./datasets/rgb/{inner}/{n:03d}.png".replace("/", "\\") for n in (0, 9)]
                place = index.setdefault("FaceForensics++", {}).setdefault(label, {})
                place.setdefault(split, {}).setdefault("c23", {})[name] = {
                    "label": label, "frames": frames,
                }  # fmt: skip
                files |= _files(f"{inner}/{n:03d}.png" for n in (0, 9))
    return files | {"FaceForensics++.json": json.dumps(index)}


def _ffpp_gend() -> Texts:
    names = {"real": FF_REALS, "DF": FF_FAKES, "F2F": FF_FAKES, "FS": FF_FAKES, "NT": FF_FAKES}
    return FF_LISTS | _files(
        f"FF/{method}/{name}/{frame}.png"
        for method, found in names.items()
        for name in found
        for frame in (0, 10, 9)
    )


def _fsfm() -> Texts:
    splits = ("train", "val", "test")
    return _files(f"{s}/{word}/{s}_{n}.png" for s in splits for word in CLASS_NAMES for n in "01")


def _folder() -> Texts:
    return _files(f"{word}/{n}.mp4" for word in CLASS_NAMES for n in range(6))


TREES = {
    "ffpp": _ffpp, "ffpp_kaggle": _ffpp_kaggle, "ffpp_gend": _ffpp_gend, "dfd": _dfd,
    "dfd_kaggle": _dfd_kaggle, "celebdf_v2": _celebdf_v2, "celebdf_v3": _celebdf_v3,
    "uadfv": _uadfv, "dfdc": _dfdc, "dfdc_test": _dfdc_test, "dfdcp": _dfdcp,
    "openforensics": _openforensics, "faces140k": _faces140k, "deepfakebench": _deepfakebench,
    "fsfm": _fsfm, "folder": _folder,
}  # fmt: skip


@pytest.fixture
def plant_tree(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that makes a data set's fake tree, with the traps of its real one.

    Every media file has other bytes, none of which is a picture. Named after the file in
    ``conf/data``; ``keep`` says which files stay.
    """

    def plant(
        name: str, *, keep: Callable[[str], bool] = lambda _: True, inside: str = "root"
    ) -> Path:
        root = tmp_path / inside
        for path, text in TREES[name]().items():
            if keep(path):
                (root / path).parent.mkdir(parents=True, exist_ok=True)
                (root / path).write_text(f"{name}/{path}" if text is None else text)
        return root

    return plant


@pytest.fixture(params=sorted(TREES))
def tree_name(request: pytest.FixtureRequest) -> str:
    """Every data set with a fake tree."""
    return str(request.param)
