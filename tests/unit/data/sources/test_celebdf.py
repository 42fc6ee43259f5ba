from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd
import pytest

from unmask.core.errors import DataError
from unmask.core.labels import FAKE, REAL
from unmask.data.sources.celebdf import CelebDF, read_test_list, recognise

Plant = Callable[..., Path]

FILES = [
    "Celeb-real/id0_0000.mp4",
    "Celeb-real/id1_0000.mp4",
    "Celeb-real/id2_0003.mp4",
    "Celeb-synthesis/id0_id1_0000.mp4",
    "Celeb-synthesis/id1_id0_0000.mp4",
    "YouTube-real/00000.mp4",
    "YouTube-real/00170.mp4",
]
TESTED = "1 YouTube-real/00170.mp4\n0 Celeb-synthesis/id1_id0_0000.mp4\n1 Celeb-real/id2_0003.mp4\n"


def plant_celebdf(plant: Plant, files: Iterable[str] = FILES, tested: str = TESTED) -> Path:
    return plant(files, List_of_testing_videos__txt=tested)


def index(root: Path) -> pd.DataFrame:
    return CelebDF().index(root).videos.set_index("video_id")


def test_a_fake_is_described_by_its_folder_and_name(plant: Plant) -> None:
    fake = index(plant_celebdf(plant)).loc["celebdf_v2/Celeb-synthesis/id1_id0_0000"]
    assert fake.drop("identities").to_dict() == {
        "dataset": "celebdf_v2",
        "path": "Celeb-synthesis/id1_id0_0000.mp4",
        "kind": "video",
        "label": 1,
        "method": "Celeb-synthesis",
        "compression": "",
        "group": "celebdf_v2/celeb/id0",
        "original": "celebdf_v2/Celeb-real/id1_0000",
        "split": "test",
    }
    assert fake["identities"].tolist() == ["id1", "id0"]


def test_labels_come_from_the_folder(plant: Plant) -> None:
    labels = index(plant_celebdf(plant)).groupby("method")["label"].unique()
    assert {method: list(found) for method, found in labels.items()} == {
        "Celeb-real": [REAL],
        "Celeb-synthesis": [FAKE],
        "YouTube-real": [REAL],
    }


def test_the_number_1_of_the_list_means_real(plant: Plant) -> None:
    root = plant_celebdf(plant)
    assert read_test_list(root / "List_of_testing_videos.txt") == {
        ("youtube-real", "00170"): REAL,
        ("celeb-synthesis", "id1_id0_0000"): FAKE,
        ("celeb-real", "id2_0003"): REAL,
    }


def test_the_first_line_of_the_list_is_no_header(plant: Plant) -> None:
    assert index(plant_celebdf(plant)).loc["celebdf_v2/YouTube-real/00170", "split"] == "test"


def test_videos_off_the_list_have_no_split(plant: Plant) -> None:
    split = index(plant_celebdf(plant))["split"]
    assert split.value_counts().to_dict() == {"": 4, "test": 3}


def test_people_are_grouped_through_their_fakes_and_strangers_stay_alone(plant: Plant) -> None:
    groups = index(plant_celebdf(plant)).groupby("group").size().to_dict()
    assert groups == {
        "celebdf_v2/celeb/id0": 4,
        "celebdf_v2/celeb/id2": 1,
        "celebdf_v2/youtube/00000": 1,
        "celebdf_v2/youtube/00170": 1,
    }


@pytest.mark.parametrize(
    ("old", "new"),
    [("YouTube-real", "Youtube-real"), ("Celeb-real/", "Celeb-real/videos/"), (".mp4", ".MP4")],
)
def test_known_spellings_of_the_layout_give_the_same_rows(
    plant: Plant, tmp_path: Path, old: str, new: str
) -> None:
    expected = index(plant_celebdf(plant)).drop(columns="path")
    (tmp_path / "root").rename(tmp_path / "official")
    found = index(plant_celebdf(plant, [path.replace(old, new) for path in FILES]))
    pd.testing.assert_frame_equal(found.drop(columns="path"), expected)


def test_line_ends_and_blank_lines_do_not_matter(plant: Plant) -> None:
    tested = "\ufeff" + TESTED.replace("\n", "\r\n") + "\r\n"
    assert index(plant_celebdf(plant, tested=tested))["split"].value_counts()["test"] == 3


def test_without_a_list_no_split_is_official(plant: Plant) -> None:
    found = CelebDF().index(plant(FILES))
    assert set(found.videos["split"]) == {""}
    assert "No List_of_testing_videos.txt in the root, so no video has an official split." in (
        found.notes
    )


@pytest.mark.parametrize("line", ["2 Celeb-real/a.mp4", "label,path", "1 a.mp4", "1"])
def test_a_malformed_line_of_the_list_is_named(plant: Plant, line: str) -> None:
    root = plant_celebdf(plant, tested=TESTED + line)
    with pytest.raises(DataError, match=rf"Line 4 of .*txt is '{line}', but must look like"):
        index(root)


def test_a_list_with_inverted_numbers_is_noted_and_changes_no_label(plant: Plant) -> None:
    inverted = "0 YouTube-real/00170.mp4\n1 Celeb-synthesis/id1_id0_0000.mp4\n"
    found = CelebDF().index(plant_celebdf(plant, tested=inverted))
    labels = found.videos.set_index("video_id")["label"]
    assert labels["celebdf_v2/YouTube-real/00170"] == REAL
    assert any("contradicts the folder of 2 videos" in note for note in found.notes)


def test_listed_videos_that_are_not_on_disk_are_noted(plant: Plant) -> None:
    tested = TESTED + "1 Celeb-real/id9_0009.mp4\n"
    notes = CelebDF().index(plant_celebdf(plant, tested=tested)).notes
    assert any("not on disk" in note and "celeb-real/id9_0009" in note for note in notes)


def test_identities_on_both_sides_of_the_list_are_noted(plant: Plant) -> None:
    notes = CelebDF().index(plant_celebdf(plant)).notes
    assert any(note.startswith("2 of 5 identities are both on the test list") for note in notes)


@pytest.mark.parametrize(("version", "published"), [("v1", 158), ("v2", 590)])
def test_counts_are_compared_with_the_release(plant: Plant, version: str, published: int) -> None:
    notes = CelebDF(version=version).index(plant_celebdf(plant)).notes
    assert f"Celeb-real has 3 videos; {published} are published." in notes


def test_a_missing_subset_is_noted(plant: Plant) -> None:
    files = [path for path in FILES if not path.startswith("YouTube")]
    assert "There is no video of 'YouTube-real'." in CelebDF().index(plant(files)).notes


def test_a_fake_of_a_missing_real_names_no_original(plant: Plant) -> None:
    videos = index(plant(FILES[1:]))
    assert videos.loc["celebdf_v2/Celeb-synthesis/id0_id1_0000", "original"] == ""


def test_other_files_are_ignored_with_a_reason(plant: Plant) -> None:
    others = ["Celeb-real/._id0_0000.mp4", "Celeb-real/id0_0001.mp4.part", "Celeb-real/id0.mp4"]
    found = CelebDF().index(plant_celebdf(plant, [*FILES, *others]))
    assert len(found.videos) == len(FILES)
    assert found.ignored == [
        "Celeb-real/._id0_0000.mp4: hidden file",
        "Celeb-real/id0_0001.mp4.part: suffix '.part' is not media",
        "Celeb-real/id0.mp4: not a file name of 'Celeb-real'",
    ]


def test_folders_without_videos_are_named(plant: Plant) -> None:
    with pytest.raises(DataError, match=r"No Celeb-DF video in .*Celeb-real; 1 other files"):
        index(plant(["Celeb-real/readme.txt"]))


def test_a_root_one_level_too_high_is_answered_with_the_right_one(plant: Plant) -> None:
    root = plant([f"Celeb-DF-v2/{path}" for path in FILES])
    with pytest.raises(DataError, match=r"starts in 'Celeb-DF-v2': set data\.root to it"):
        index(root)


def test_an_unknown_version_is_named() -> None:
    with pytest.raises(ValueError, match="version is 'v4'"):
        CelebDF(version="v4")


def test_the_name_follows_the_version_unless_given() -> None:
    assert [CelebDF().name, CelebDF(version="v1").name] == ["celebdf_v2", "celebdf_v1"]
    assert CelebDF(name="mine").name == "mine"


@pytest.mark.parametrize(
    ("folder", "version"), [("Celeb-DF-v1", "v1"), ("Celeb-DF-v2", "v2"), ("anything", "v2")]
)
def test_the_version_is_told_from_the_folder_where_the_files_leave_it_open(
    plant: Plant, folder: str, version: str
) -> None:
    match = recognise(plant([f"{folder}/{path}" for path in FILES]) / folder)
    assert match is not None
    assert match.data == f"celebdf_{version}"


def test_more_videos_than_v1_has_are_v2(plant: Plant) -> None:
    files = [f"Celeb-DF-v1/Celeb-real/id0_{number:04d}.mp4" for number in range(159)]
    match = recognise(plant([*files, "Celeb-DF-v1/YouTube-real/00000.mp4"]) / "Celeb-DF-v1")
    assert match is not None
    assert match.data == "celebdf_v2"
