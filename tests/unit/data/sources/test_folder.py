from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from unmask.core.errors import DataError
from unmask.data.sources.folder import FolderSource

Plant = Callable[..., Path]

FILES = ["real/a.mp4", "fake/a.mp4"]
REAL_FACES = Path(__file__).parents[5] / "shared" / "data" / "real_faces"


def index(root: Path, **settings: object) -> pd.DataFrame:
    return FolderSource(**settings).index(root).videos.set_index("video_id")


def test_a_file_is_described_by_its_folders(plant: Plant) -> None:
    root = plant(["real/a.mp4", "test/fake/FaceSwap/b.JPG"])
    assert index(root).drop(columns="identities").to_dict("index") == {
        "folder/real/a.mp4": {
            "dataset": "folder",
            "path": "real/a.mp4",
            "kind": "video",
            "label": 0,
            "method": "real",
            "compression": "",
            "group": "folder/real/a.mp4",
            "original": "",
            "split": "",
        },
        "folder/test/fake/FaceSwap/b.JPG": {
            "dataset": "folder",
            "path": "test/fake/FaceSwap/b.JPG",
            "kind": "image",
            "label": 1,
            "method": "FaceSwap",
            "compression": "",
            "group": "folder/test/fake/FaceSwap/b.JPG",
            "original": "",
            "split": "test",
        },
    }


def test_label_folders_are_found_at_any_depth_and_in_any_case(plant: Plant) -> None:
    videos = index(plant(["videos/REAL/x/y/a.mp4", "images/Fake/b.png", "Real/real/c.mp4"]))
    assert videos["label"].to_dict() == {
        "folder/Real/real/c.mp4": 0,
        "folder/images/Fake/b.png": 1,
        "folder/videos/REAL/x/y/a.mp4": 0,
    }


def test_a_video_and_an_image_of_one_name_are_two_rows(plant: Plant) -> None:
    assert len(index(plant(["real/a.mp4", "real/a.jpg"]))) == 2


def test_files_without_a_label_are_ignored_with_a_reason(plant: Plant) -> None:
    others = ["realistic/b.mp4", "real.mp4", "real/notes.txt", "real/._a.mp4"]
    found = FolderSource().index(plant([*FILES, *others]))
    assert len(found.videos) == 2
    assert found.ignored == [
        "real.mp4: no folder above it is called real or fake",
        "real/._a.mp4: hidden file",
        "real/notes.txt: suffix '.txt' is not media",
        "realistic/b.mp4: no folder above it is called real or fake",
    ]


def test_a_file_below_both_labels_is_refused(plant: Plant) -> None:
    with pytest.raises(DataError, match=r"fake/real/a\.mp4 lies below both 'real' and 'fake'"):
        index(plant(["fake/real/a.mp4"]))


def test_split_folders_lie_above_the_label(plant: Plant) -> None:
    videos = index(plant(["Train/real/a.jpg", "valid/fake/b.jpg", "fake/test/c.jpg"]))
    assert videos["split"].to_dict() == {
        "folder/Train/real/a.jpg": "train",
        "folder/valid/fake/b.jpg": "val",
        "folder/fake/test/c.jpg": "",
    }


def test_folders_of_two_splits_are_refused(plant: Plant) -> None:
    with pytest.raises(DataError, match=r"train/test/real/a\.jpg .*several splits: test, train"):
        index(plant(["train/test/real/a.jpg"]))


def test_the_files_of_a_folder_can_be_one_group(plant: Plant) -> None:
    root = plant(["real/clip/1.png", "real/clip/2.png", "fake/clip/1.png"])
    assert index(root)["group"].nunique() == 3
    groups = index(root, group_by="folder")["group"]
    assert groups.to_list() == ["folder/fake/clip", "folder/real/clip", "folder/real/clip"]


def test_an_assumed_grouping_is_noted(plant: Plant) -> None:
    assert "one person can be in several splits" in FolderSource().index(plant(FILES)).notes[0]


def test_a_csv_describes_its_files(plant: Plant) -> None:
    table = (
        "label, path ,comment,split,group,method\n"
        'FAKE,x/b.jpg,"not, read",valid,ann,swap\n'
        "0,./y/a.mp4,,,bob,\n"
    )
    root = plant(["x/b.jpg", "y/a.mp4", "y/unlisted.mp4"], list__csv=table)
    videos = index(root, csv="list.csv", name="mine")
    assert videos[["path", "kind", "label", "method", "group", "split"]].to_dict("split") == {
        "index": ["mine/x/b.jpg", "mine/y/a.mp4"],
        "columns": ["path", "kind", "label", "method", "group", "split"],
        "data": [
            ["x/b.jpg", "image", 1, "swap", "mine/ann", "val"],
            ["y/a.mp4", "video", 0, "real", "mine/bob", ""],
        ],
    }


def test_a_csv_with_groups_needs_no_note(plant: Plant) -> None:
    root = plant(["a.mp4"], list__csv="path,label,group\na.mp4,0,ann\n")
    assert FolderSource(csv="list.csv").index(root).notes == []


def test_a_csv_without_groups_makes_each_file_a_group(plant: Plant) -> None:
    root = plant(["a.mp4", "b.mp4"], list__csv="path,label\na.mp4,0\nb.mp4,1\n")
    found = FolderSource(csv="list.csv").index(root)
    assert found.videos["group"].tolist() == ["folder/a.mp4", "folder/b.mp4"]
    assert "Every file was taken as a group of its own" in found.notes[0]


def test_listed_files_that_are_missing_are_ignored_with_a_reason(plant: Plant) -> None:
    table = "path,label\na.mp4,0\ngone.mp4,1\nnotes.txt,1\n"
    found = FolderSource(csv="list.csv").index(plant(["a.mp4"], list__csv=table))
    assert found.videos["path"].tolist() == ["a.mp4"]
    assert found.ignored == [
        "gone.mp4: listed, but not on disk",
        "notes.txt: suffix '.txt' is not media",
    ]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("path,label\n", r"None of the 0 files of .*list\.csv can be used\."),
        ("path,label\ngone.mp4,1\n", r"None of the 1 files .* example gone\.mp4: listed, but not"),
        ("path,lable\na.mp4,1\n", r"no column 'label'; did you mean 'lable'\?"),
        ("path,label\na.mp4,2\n", r"Line 2 of .*list\.csv has the label '2'; choose one of: 0, 1,"),
        ("path,label\na.mp4,faek\n", r"has the label 'faek'; did you mean 'fake'\?"),
        ("path,label,split\na.mp4,1,tset\n", r"has the split 'tset'; did you mean 'test'\?"),
        ("path,label\n../a.mp4,1\n", r"Line 2 of .* has the path '\.\./a\.mp4', but it must lie"),
        ("path,label\n/a.mp4,1\n", r"has the path '/a\.mp4', but it must lie below the root"),
        ("path,label\n,1\n", r"has the path '', but it must lie below the root"),
        ("path,label\na.mp4,1\n./a.mp4,0\n", r"'folder/a\.mp4' occurs twice"),
        ('path,label\n"a.mp4,1\n', r"list\.csv is not a readable CSV table"),
        ("", r"list\.csv has no column 'path'; none are available\."),
        ("path,label\na.mp4,1,x\n", r"Line 2 of .*list\.csv has more than 2 cells\."),
        ("path,label\n\n\na.mp4,2\n", r"Line 4 of .*list\.csv has the label '2'"),
    ],
)
def test_an_unusable_csv_is_described(plant: Plant, table: str, message: str) -> None:
    root = plant(["a.mp4"], list__csv=table)
    with pytest.raises(DataError, match=message):
        index(root, csv="list.csv")


def test_short_lines_and_commas_at_the_end_are_read(plant: Plant) -> None:
    root = plant(FILES, list__csv="path,label,split\nreal/a.mp4,0\nfake/a.mp4,1,test,\n")
    assert index(root, csv="list.csv")["split"].to_list() == ["test", ""]


def test_a_csv_that_is_not_text_is_named(plant: Plant) -> None:
    root = plant()
    (root / "list.csv").write_bytes(b"path,label\n\xff\xfe,1\n")
    with pytest.raises(DataError, match=r"list\.csv is not a readable CSV table"):
        index(root, csv="list.csv")


def test_a_missing_csv_is_named_with_what_is_there(plant: Plant) -> None:
    with pytest.raises(DataError, match=r"no table .*lst\.csv; .* holds fake, real\."):
        index(plant(FILES), csv="lst.csv")


def test_a_csv_in_which_1_means_real_is_refused(plant: Plant) -> None:
    root = plant(FILES, list__csv="path,label\nreal/a.mp4,1\nfake/a.mp4,0\n")
    with pytest.raises(DataError, match=r"'label' of .* look inverted: real/a\.mp4 has 1"):
        index(root, csv="list.csv")


def test_another_column_can_hold_the_label(plant: Plant) -> None:
    table = "path,label,label_str\nreal/a.mp4,1,real\nfake/a.mp4,0,fake\n"
    videos = index(plant(FILES, list__csv=table), csv="list.csv", label_column="label_str")
    assert videos["label"].to_dict() == {"folder/fake/a.mp4": 1, "folder/real/a.mp4": 0}


def test_a_few_numbers_against_their_folders_are_believed(plant: Plant) -> None:
    files = [*FILES, "fake/actually_real.mp4"]
    table = "path,label\nreal/a.mp4,0\nfake/a.mp4,1\nfake/actually_real.mp4,0\n"
    videos = index(plant(files, list__csv=table), csv="list.csv")
    assert videos.loc["folder/fake/actually_real.mp4", "label"] == 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"group_by": "person"}, "group_by is 'person'.*choose one of: file, folder"),
        ({"label_column": "split"}, "label_column is 'split', which holds something else"),
    ],
)
def test_a_bad_setting_is_named(settings: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FolderSource(**settings)


@pytest.mark.slow
@pytest.mark.skipif(not REAL_FACES.is_dir(), reason="the real photographs are not on this machine")
def test_real_files_are_described_alike_by_their_folders_and_their_csv() -> None:
    tree = index(REAL_FACES)
    listed = index(REAL_FACES, csv="manifest.csv")
    assert len(listed) > 1000
    pd.testing.assert_frame_equal(
        tree[["path", "kind", "label"]], listed[["path", "kind", "label"]]
    )
    assert listed["group"].nunique() < tree["group"].nunique()
