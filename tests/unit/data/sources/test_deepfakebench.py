import json
from collections.abc import Callable
from pathlib import Path

import pytest

from unmask.core.errors import DataError
from unmask.data.sources.deepfakebench import DeepfakeBench, label_of

Planter = Callable[..., Path]
Plant = Callable[..., Path]

LABELS = {
    "real": ["FF-real", "DFD_real", "CelebDFv1_real", "DFDC_Real", "DFDCP_Real", "UADFV_Real"],
    "fake": ["FF-DF", "FF-F2F", "FF-FS", "FF-NT", "FF-FH", "DFD_fake", "CelebDFv2_fake",
             "DFDC_Fake", "DFDCP_FakeA", "DFDCP_FakeB", "DF_fake", "UADFV_Fake"],
}  # fmt: skip


def plant_index(plant: Plant, listed: dict[str, dict[str, list[str]]]) -> Path:
    """Plant label -> split -> names, without a level of compressions."""
    index = {
        label: {
            split: {name: {"frames": [f"S/{label}/frames/{name}/0.png"]} for name in names}
            for split, names in splits.items()
        }
        for label, splits in listed.items()
    }
    paths = [
        f"S/{label}/frames/{name}/0.png"
        for label, splits in listed.items()
        for names in splits.values()
        for name in names
    ]
    return plant(paths, S__json=json.dumps({"S": index}))


def test_a_video_is_a_folder_of_frames_found_behind_backslashes(plant_tree: Planter) -> None:
    videos = DeepfakeBench().index(plant_tree("deepfakebench")).videos.set_index("video_id")
    fake = videos.loc["deepfakebench/FF-DF/000_003"]
    assert fake["path"].endswith("manipulated_sequences/Deepfakes/c23/frames/000_003")
    assert (fake["kind"], fake["label"], fake["split"]) == ("frames", 1, "train")
    assert (fake["compression"], fake["group"]) == ("c23", "ffpp/youtube/000")


@pytest.mark.parametrize(
    ("word", "label"), [(w, n) for n, words in enumerate(LABELS.values()) for w in words]
)
def test_every_known_word_is_read(word: str, label: int) -> None:
    assert label_of(word) == label


def test_an_unknown_word_is_named() -> None:
    with pytest.raises(DataError, match="label 'FF-XY' is not one of DeepfakeBench"):
        label_of("FF-XY")


def test_a_video_in_several_splits_has_none(plant: Plant) -> None:
    names = {"train": ["0000"], "test": ["0000"]}
    fakes = {split: ["0000_fake"] for split in names}
    found = DeepfakeBench().index(plant_index(plant, {"UADFV_Real": names, "UADFV_Fake": fakes}))
    assert found.videos["split"].tolist() == ["", ""]
    assert found.videos["group"].tolist() == ["uadfv/0000", "uadfv/0000"]
    assert any(note.startswith("2 of 2 videos are in several splits") for note in found.notes)


def test_people_have_the_names_that_the_videos_themselves_give_them(plant: Plant) -> None:
    listed = {
        "CelebDFv2_real": {"train": ["id3_0001", "00017"]},
        "CelebDFv2_fake": {"train": ["id3_id9_0001"]},
        "DFD_fake": {"train": ["01_02__kitchen_still__ABCDEFGH"]},
    }
    groups = DeepfakeBench().index(plant_index(plant, listed)).videos.set_index("video_id")["group"]
    assert groups.tolist() == [
        "celebdf_v2/celeb/id3",
        "celebdf_v2/youtube/00017",
        "celebdf_v2/celeb/id3",
        "ffpp/actors/01",
    ] or sorted(groups) == [
        "celebdf_v2/celeb/id3",
        "celebdf_v2/celeb/id3",
        "celebdf_v2/youtube/00017",
        "ffpp/actors/01",
    ]


def test_videos_with_missing_frames_are_counted(plant_tree: Planter) -> None:
    root = plant_tree("deepfakebench", keep=lambda path: not path.endswith("000_003/009.png"))
    found = DeepfakeBench().index(root)
    assert found.num_absent == 1
    assert "1 videos have fewer frames on disk than the index file lists." in found.notes


def test_a_choice_of_index_files_is_asked_for(plant_tree: Planter) -> None:
    root = plant_tree("deepfakebench")
    (root / "Other.json").write_text((root / "FaceForensics++.json").read_text())
    with pytest.raises(DataError, match=r"set `index_file` to one of FaceForensics\+\+\.json, Oth"):
        DeepfakeBench().index(root)
    assert len(DeepfakeBench(index_file="Other.json").index(root).videos) == 12


def test_an_index_file_that_is_not_there_is_named(plant_tree: Planter) -> None:
    with pytest.raises(DataError, match=r"There is no index file .*X\.json"):
        DeepfakeBench(index_file="X.json").index(plant_tree("deepfakebench"))


def test_another_compression_than_listed_has_no_videos(plant_tree: Planter) -> None:
    with pytest.raises(DataError, match="None of the 0 videos"):
        DeepfakeBench(compression="c40").index(plant_tree("deepfakebench"))
    with pytest.raises(ValueError, match="compression is 'c24'; choose one of: raw, c23, c40"):
        DeepfakeBench(compression="c24")


def test_a_path_that_leaves_the_root_is_not_followed(plant: Plant) -> None:
    index = {"S": {"DF_real": {"test": {"x": {"frames": ["../root/a/0.png"]}}}}}
    root = plant(["a/0.png"], S__json=json.dumps(index))
    assert DeepfakeBench().index(root).videos["path"].tolist() == ["a"]
