import json
from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd
import pytest

from unmask.core.errors import DataError
from unmask.data.sources import ffpp_lists
from unmask.data.sources.ffpp import FaceForensics
from unmask.data.sources.ffpp_lists import hash_of_ids, read_split_lists

Plant = Callable[..., Path]

METHODS = ("Deepfakes", "FaceSwap")
PAIRS = {"train": [["000", "003"]], "val": [["001", "004"]], "test": [["002", "005"]]}
LISTS = {f"{split}__json": json.dumps(pairs) for split, pairs in PAIRS.items()}


def ffpp_files(compression: str = "c23", methods: Iterable[str] = METHODS) -> list[str]:
    real, fake = "original_sequences/youtube", "manipulated_sequences"
    pairs = [pair for split in PAIRS.values() for pair in split]
    names = [f"{a}_{b}" for pair in pairs for a, b in (pair, pair[::-1])]
    return [
        *(f"{real}/{compression}/videos/{number:03d}.mp4" for number in range(6)),
        *(f"{fake}/{m}/{compression}/videos/{name}.mp4" for m in methods for name in names),
    ]


def dfd_files() -> list[str]:
    real, fake = "original_sequences/actors", "manipulated_sequences/DeepFakeDetection"
    return [
        f"{real}/c23/videos/01__kitchen_still.mp4",
        f"{real}/c23/videos/02__kitchen_still.mp4",
        f"{real}/c23/videos/09__kitchen_still.mp4",
        f"{fake}/c23/videos/01_02__kitchen_still__YVGY8LOK.mp4",
    ]


def index(root: Path, **settings: object) -> pd.DataFrame:
    videos = FaceForensics(**{"methods": METHODS, **settings}).index(root).videos
    return videos.set_index("video_id")


def test_a_fake_is_described_by_its_folder_and_name(plant: Plant) -> None:
    fake = index(plant(ffpp_files(), **LISTS)).loc["ffpp/Deepfakes/000_003"]
    assert fake.drop("identities").to_dict() == {
        "dataset": "ffpp",
        "path": "manipulated_sequences/Deepfakes/c23/videos/000_003.mp4",
        "kind": "video",
        "label": 1,
        "method": "Deepfakes",
        "compression": "c23",
        "group": "ffpp/youtube/000",
        "original": "ffpp/youtube/000",
        "split": "train",
    }
    assert fake["identities"].tolist() == ["000", "003"]


def test_every_real_and_fake_of_the_chosen_methods_is_indexed(plant: Plant) -> None:
    videos = index(plant(ffpp_files(methods=(*METHODS, "Face2Face")), **LISTS))
    assert videos.groupby("method")["label"].agg(["size", "max"]).T.to_dict("list") == {
        "Deepfakes": [6, 1],
        "FaceSwap": [6, 1],
        "youtube": [6, 0],
    }


def test_a_pair_places_both_reals_and_both_fakes_of_every_method(plant: Plant) -> None:
    videos = index(plant(ffpp_files(), **LISTS))
    tested = videos[videos["split"] == "test"].index.tolist()
    fakes = [f"ffpp/{method}/{name}" for method in METHODS for name in ("002_005", "005_002")]
    assert tested == [*fakes, "ffpp/youtube/002", "ffpp/youtube/005"]
    assert videos.groupby("split").size().to_dict() == {"train": 6, "val": 6, "test": 6}


def test_the_videos_of_a_pair_are_one_group(plant: Plant) -> None:
    videos = index(plant(ffpp_files(), **LISTS))
    assert videos.groupby("group").size().tolist() == [6, 6, 6]
    assert videos.groupby("group")["split"].nunique().tolist() == [1, 1, 1]


def test_a_group_does_not_depend_on_the_methods_asked_for(plant: Plant) -> None:
    root = plant([*ffpp_files(), "manipulated_sequences/Mine/c23/videos/000_003.mp4"], **LISTS)
    one, all_methods = index(root, methods=["Mine"])["group"], index(root)["group"]
    assert one["ffpp/youtube/005"] == all_methods["ffpp/youtube/005"] == "ffpp/youtube/002"


def test_clips_of_one_youtube_video_are_one_group(plant: Plant) -> None:
    # 000 (train) and 005 (test) are cut from one video; 001 and 004 are of two others.
    youtube = {
        "000": "a-b 0",
        "003": "c 0",
        "001": "d 0",
        "004": "e 0",
        "002": "f 0",
        "005": "a-b 1",
    }
    found = FaceForensics(methods=METHODS).index(
        plant(ffpp_files(), **LISTS, conversion_dict__json=json.dumps(youtube))
    )
    group = found.videos.set_index("video_id")["group"]
    joined = [f"ffpp/youtube/{clip}" for clip in ("000", "002", "003", "005")]
    assert set(group[joined]) == set(group[["ffpp/FaceSwap/002_005"]]) == {"ffpp/youtube/000"}
    assert group["ffpp/youtube/001"] == group["ffpp/youtube/004"] == "ffpp/youtube/001"
    assert not any("conversion_dict" in note for note in found.notes)


def test_clips_of_one_youtube_video_are_joined_without_any_fake(plant: Plant) -> None:
    files = ["original_sequences/youtube/c23/videos/007.mp4", *ffpp_files(methods=["Deepfakes"])]
    root = plant(files, dataset__json="{}")
    (root / "dataset").mkdir()
    content = json.dumps({"003": "one 0", "007": "one 12"})
    (root / "dataset" / "conversion_dict.json").write_text(content)
    group = index(root, methods=["Deepfakes"])["group"]
    assert group["ffpp/youtube/007"] == group["ffpp/youtube/003"] == "ffpp/youtube/000"


def test_without_the_map_each_clip_is_its_own_and_it_is_said(plant: Plant) -> None:
    found = FaceForensics(methods=METHODS).index(plant(ffpp_files(), **LISTS))
    assert found.videos["group"].nunique() == 3
    assert any(
        "No conversion_dict.json" in note and "977 videos, 7 of which" in note
        for note in found.notes
    )


def test_a_malformed_map_is_refused_by_name(plant: Plant) -> None:
    root = plant(ffpp_files(), **LISTS, conversion_dict__json='{"000": "abc"}')
    with pytest.raises(DataError, match=r"conversion_dict\.json must map .* maps 000 to 'abc'"):
        index(root)


def test_lists_in_dataset_splits_are_read(plant: Plant) -> None:
    root = plant([*ffpp_files(), "dataset/splits/x"])
    for split, pairs in PAIRS.items():
        (root / "dataset" / "splits" / f"{split}.json").write_text(json.dumps(pairs))
    assert index(root).loc["ffpp/FaceSwap/004_001", "split"] == "val"


def test_without_lists_no_split_is_official(plant: Plant) -> None:
    found = FaceForensics(methods=METHODS).index(plant(ffpp_files()))
    assert set(found.videos["split"]) == {""}
    assert any("No train.json, val.json and test.json" in note for note in found.notes)


def test_a_fake_across_two_splits_has_none_and_is_counted(plant: Plant) -> None:
    stray = "manipulated_sequences/FaceSwap/c23/videos/000_001.mp4"
    found = FaceForensics(methods=METHODS).index(plant([*ffpp_files(), stray], **LISTS))
    split = found.videos.set_index("video_id")["split"]
    assert split["ffpp/FaceSwap/000_001"] == ""
    assert any(note.startswith("Videos without an official split: 1.") for note in found.notes)


def test_compressions_are_not_mixed(plant: Plant) -> None:
    root = plant([*ffpp_files("c23"), *ffpp_files("c40")], **LISTS)
    videos = index(root, compression="c40")
    assert set(videos["compression"]) == {"c40"}
    assert videos["path"].str.contains("/c40/").all()
    assert len(videos) == 18


def test_c0_is_read_as_raw(plant: Plant) -> None:
    videos = index(plant(ffpp_files("c0"), **LISTS), compression="raw")
    assert set(videos["compression"]) == {"raw"}


def test_another_spelling_of_a_method_gets_the_official_name(plant: Plant) -> None:
    files = [path.replace("Deepfakes", "DeepFakes") for path in ffpp_files()]
    videos = index(plant(files, **LISTS), methods=["deepfakes"])
    assert videos.loc["ffpp/Deepfakes/000_003", "path"].startswith("manipulated_sequences/DeepF")


def test_videos_without_the_inner_folder_are_found(plant: Plant) -> None:
    files = [path.replace("/videos/", "/") for path in ffpp_files()]
    assert len(index(plant(files, **LISTS))) == 18


def test_masks_are_never_indexed(plant: Plant) -> None:
    masks = [
        "manipulated_sequences/Deepfakes/masks/videos/000_003.mp4",
        "masks/manipulated_sequences/Deepfakes/masks/videos/000_003.mp4",
    ]
    assert len(index(plant([*ffpp_files(), *masks], **LISTS))) == 18


def test_other_files_are_ignored_with_a_reason(plant: Plant) -> None:
    folder = "manipulated_sequences/Deepfakes/c23/videos"
    others = [f"{folder}/._000_003.mp4", f"{folder}/000_003.mp4.part", f"{folder}/000.mp4"]
    found = FaceForensics(methods=METHODS).index(plant([*ffpp_files(), *others], **LISTS))
    assert len(found.videos) == 18
    assert found.ignored == [
        f"{folder}/._000_003.mp4: hidden file",
        f"{folder}/000_003.mp4.part: suffix '.part' is not media",
        f"{folder}/000.mp4: not a file name of 'Deepfakes'",
    ]


def test_a_fake_of_a_missing_real_names_no_original(plant: Plant) -> None:
    files = [path for path in ffpp_files() if not path.endswith("youtube/c23/videos/000.mp4")]
    videos = index(plant(files, **LISTS))
    assert videos.loc["ffpp/Deepfakes/000_003", "original"] == ""
    assert videos.loc["ffpp/Deepfakes/000_003", "group"] == "ffpp/youtube/000"


def test_actors_are_grouped_through_their_fakes(plant: Plant) -> None:
    source = FaceForensics(name="dfd", methods=["DeepFakeDetection"], reals=["actors"])
    root = plant(dfd_files())
    videos = source.index(root).videos.set_index("video_id")
    fake = videos.loc["dfd/DeepFakeDetection/01_02__kitchen_still__YVGY8LOK"]
    assert fake["original"] == "dfd/actors/01__kitchen_still"
    assert fake["identities"].tolist() == ["01", "02"]
    groups = {"dfd/actors/01": 3, "dfd/actors/09": 1}
    assert videos.groupby("group").size().to_dict() == groups
    assert set(videos["split"]) == {""}


def test_actors_and_youtube_videos_of_one_number_stay_apart(plant: Plant) -> None:
    files = [path.replace("/01__", "/000__").replace("/01_02", "/000_02") for path in dfd_files()]
    settings = {"methods": [*METHODS, "DeepFakeDetection"], "reals": ["youtube", "actors"]}
    videos = index(plant([*ffpp_files(), *files], **LISTS), **settings)
    assert videos.loc["ffpp/actors/000__kitchen_still", "group"] == "ffpp/actors/000"
    assert videos.loc["ffpp/actors/000__kitchen_still", "split"] == ""


def test_differences_from_the_release_are_noted(plant: Plant) -> None:
    found = FaceForensics(methods=["FaceSwap"]).index(plant(ffpp_files(), **LISTS))
    assert "youtube has 6 videos; 1000 are published." in found.notes
    assert "Not asked for in `methods`, so not indexed: Deepfakes." in found.notes
    assert any("not the official ones" in note and "val 2 ids" in note for note in found.notes)


def test_official_lists_are_recognised_whatever_their_formatting(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashes = {split: hash_of_ids([pair[::-1] for pair in pairs]) for split, pairs in PAIRS.items()}
    monkeypatch.setattr(ffpp_lists, "OFFICIAL_LISTS", hashes)
    found = FaceForensics(methods=METHODS).index(plant(ffpp_files(), **LISTS))
    assert not any("official" in note for note in found.notes)


def test_the_hash_of_a_list_is_of_its_sorted_ids() -> None:
    # printf '000,001,002,003' | sha256sum
    expected = "610dbec48d4641bb24502e2b4900a5833a57912c55a56b2717854900905105dd"
    assert hash_of_ids([("003", "000"), ("002", "001")]) == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[["000", "003"]', "is not readable JSON"),
        ('{"000": "003"}', "must be a list of pairs of ids, but is a dict"),
        ('["000", "003"]', r"must hold pairs such as .*, but holds '000'"),
        ("[[0, 3]]", r"but holds \[0, 3\]"),
        ('[["000", "003", "004"]]', r"but holds \['000', '003', '004'\]"),
        ('[["000", "002"]]', "place '002' in both train and test"),
    ],
)
def test_an_unusable_split_list_is_described(plant: Plant, content: str, message: str) -> None:
    root = plant(["x"], **{**LISTS, "train__json": content})
    with pytest.raises(DataError, match=message):
        read_split_lists(root)


def test_a_missing_split_list_is_named(plant: Plant) -> None:
    root = plant(["x"], train__json=LISTS["train__json"])
    with pytest.raises(DataError, match=r"only some of the split lists: add val\.json, test\.json"):
        read_split_lists(root)


def test_a_root_one_level_too_high_is_answered_with_the_right_one(plant: Plant) -> None:
    root = plant([f"FaceForensics++/{path}" for path in ffpp_files()])
    with pytest.raises(DataError, match=r"starts in 'FaceForensics\+\+': set data\.root to it"):
        index(root)


def test_a_method_not_on_disk_is_named_with_those_there(plant: Plant) -> None:
    with pytest.raises(DataError, match=r"no 'NeuralTextures' in .*found Deepfakes, FaceSwap"):
        index(plant(ffpp_files(), **LISTS), methods=["NeuralTextures"])


def test_a_compression_not_on_disk_is_named_with_those_there(plant: Plant) -> None:
    with pytest.raises(DataError, match=r"no raw or c0 in .*youtube; found c23"):
        index(plant(ffpp_files(), **LISTS), compression="raw")


def test_a_folder_without_videos_is_named(plant: Plant) -> None:
    files = [*ffpp_files(), "manipulated_sequences/Empty/c23/videos/readme.txt"]
    with pytest.raises(DataError, match=r"no video of 'Empty'; found readme\.txt"):
        index(plant(files, **LISTS), methods=["Empty"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"compression": "c32"}, "compression is 'c32'.*did you mean 'c23'"),
        ({"reals": ["youtub"]}, "reals holds 'youtub'.*did you mean 'youtube'"),
        ({"methods": "Deepfakes"}, "methods must list different names, got 'Deepfakes'"),
        ({"methods": []}, r"methods must list different names, got \[\]"),
        ({"methods": ["A", "A"]}, "methods must list different names"),
        ({"methods": ["DeepFakeDetection"]}, "'DeepFakeDetection'.*'actors', but reals is"),
        ({"reals": ["actors"]}, "'Deepfakes'.*are 'youtube', but reals is"),
    ],
)
def test_a_bad_setting_is_named(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FaceForensics(**settings)
