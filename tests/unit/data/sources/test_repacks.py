"""FaceForensics++ and DeepFakeDetection under other folders than their own."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from unmask.core.errors import DataError
from unmask.data.sources.celebdf import CelebDF
from unmask.data.sources.dfd import DFD
from unmask.data.sources.ffpp import FaceForensics
from unmask.data.sources.ffpp_flat import FlatFaceForensics
from unmask.data.sources.gend import GenD

Planter = Callable[..., Path]
Plant = Callable[..., Path]


FLAT_FACE_SWAP = FlatFaceForensics(methods=["FaceSwap"])


def groups(source: FaceForensics | GenD | DFD, root: Path) -> set[str]:
    return set(source.index(root).videos["group"])


def test_every_copy_of_a_person_is_in_one_group(plant_tree: Planter) -> None:
    official = groups(FaceForensics(), plant_tree("ffpp", inside="official"))
    assert groups(FlatFaceForensics(), plant_tree("ffpp_kaggle", inside="flat")) == official
    assert groups(GenD(), plant_tree("ffpp_gend", inside="frames")) == official
    actors = groups(DFD(compression="c40"), plant_tree("dfd", inside="dfd"))
    assert groups(DFD(name="posing"), plant_tree("dfd_kaggle", inside="posing")) == actors


def test_copies_join_the_clips_of_a_youtube_video_alike(plant_tree: Planter) -> None:
    content = json.dumps({"000": "one 0", "001": "one 1"})
    found = []
    for source, name in (
        (FaceForensics(), "ffpp"),
        (FlatFaceForensics(), "ffpp_kaggle"),
        (GenD(), "ffpp_gend"),
    ):
        root = plant_tree(name, inside=name)
        (root / "conversion_dict.json").write_text(content)
        found.append(groups(source, root))
    assert found == [{"ffpp/youtube/000", "ffpp/youtube/002"}] * 3


def test_masks_are_named_beside_their_fakes_wherever_they_lie(plant_tree: Planter) -> None:
    masks = FaceForensics().index(plant_tree("ffpp")).masks
    assert masks is not None
    path_of = masks.set_index("video_id")["path"]
    assert path_of["ffpp/FaceSwap/000_003"] == (
        "manipulated_sequences/FaceSwap/masks/videos/000_003.mp4"
    )
    assert path_of["ffpp/Face2Face/000_003"].startswith("masks/manipulated_sequences/Face2Face/")
    assert len(path_of) == 8


def test_c0_and_raw_are_one_compression(plant_tree: Planter) -> None:
    assert FaceForensics(compression="c0") == FaceForensics(compression="raw")


def test_the_flat_layout_is_split_by_the_official_lists(plant_tree: Planter) -> None:
    videos = FlatFaceForensics().index(plant_tree("ffpp_kaggle")).videos.set_index("video_id")
    fake = videos.loc["ffpp_kaggle/Deepfakes/002_005"]
    assert (fake["split"], fake["compression"]) == ("test", "c23")
    assert fake["path"] == "FaceForensics++_C23/Deepfakes/002_005.mp4"


def test_the_labels_of_the_flat_tables_are_not_read(plant_tree: Planter) -> None:
    videos = FlatFaceForensics().index(plant_tree("ffpp_kaggle")).videos
    assert set(videos.loc[videos["method"] == "Deepfakes", "label"]) == {1}


def test_dfd_fakes_without_their_reals_are_refused(plant_tree: Planter) -> None:
    root = plant_tree("ffpp_kaggle")
    source = FlatFaceForensics(methods=["DeepFakeDetection"], reals=["actors"])
    with pytest.raises(DataError, match="lie here without their real videos"):
        source.index(root)
    with pytest.raises(DataError, match="lie here without their real videos"):
        DFD().index(root / "FaceForensics++_C23")


def test_dfd_fakes_of_the_flat_layout_are_in_no_split_and_counted(plant_tree: Planter) -> None:
    found = FlatFaceForensics().index(plant_tree("ffpp_kaggle"))
    assert "DeepFakeDetection" not in set(found.videos["method"])
    assert any(
        note.startswith("Left out of every split: 2 videos of DeepFakeDetection.")
        for note in found.notes
    )
    without = plant_tree("ffpp_kaggle", keep=lambda path: "/Deep" not in path, inside="other")
    assert not any("Left out" in note for note in FLAT_FACE_SWAP.index(without).notes)


def test_a_flat_method_that_is_not_there_is_named(plant_tree: Planter) -> None:
    with pytest.raises(DataError, match=r"no 'Mine' in .*_C23; found DeepFakeDetection, Deepfakes"):
        FlatFaceForensics(methods=["Mine"]).index(plant_tree("ffpp_kaggle"))


def test_dfd_posing_as_ffpp_has_actors_for_reals(plant_tree: Planter) -> None:
    found = DFD(name="dfd_kaggle", compression="").index(plant_tree("dfd_kaggle"))
    videos = found.videos.set_index("video_id")
    fake = videos.loc["dfd_kaggle/DeepFakeDetection/01_02__kitchen_still__YVGY8LOK"]
    assert fake["original"] == "dfd_kaggle/actors/01__kitchen_still"
    assert fake["compression"] == ""
    assert "actors has 6 videos; 363 are published." in found.notes


def test_youtube_names_in_a_folder_of_actors_are_refused(plant: Plant) -> None:
    with pytest.raises(DataError, match="no video named as those of 'actors' are; found 000"):
        DFD().index(plant(["real/000.mp4", "fake/000_003.mp4"]))


def test_the_frames_of_a_video_are_one_row(plant_tree: Planter) -> None:
    videos = GenD().index(plant_tree("ffpp_gend")).videos.set_index("video_id")
    fake = videos.loc["ffpp_gend/NeuralTextures/002_005"]
    assert (fake["path"], fake["kind"], fake["split"]) == ("FF/NT/002_005", "frames", "test")
    assert len(videos) == 30


def test_a_gend_tree_of_one_class_is_refused(plant_tree: Planter) -> None:
    root = plant_tree("ffpp_gend", keep=lambda path: "real" not in path)
    with pytest.raises(DataError, match="needs real and fake videos"):
        GenD().index(root)


def test_names_of_celebdf_v3_repeat_from_method_to_method(plant_tree: Planter) -> None:
    found = CelebDF(version="v3", people="celebdf_v2").index(plant_tree("celebdf_v3"))
    fakes = found.videos[found.videos["label"] == 1].set_index("video_id")
    assert len(fakes) == 8
    tested = fakes[fakes["split"] == "test"].index.tolist()
    assert tested == ["celebdf_v3/Celeb-DF/id0_id1_0000", "celebdf_v3/SimSwap/id1_id0_0000"]
    assert set(fakes["group"]) == {"celebdf_v2/celeb/id0"}
    assert "There is no video of 'UniFace'." in found.notes
