import json
import os
import shlex
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np
import pytest
from hydra import compose, initialize_config_dir

from unmask.cli.main import main
from unmask.config.location import conf_dir
from unmask.config.validate import check_command_line, typed
from unmask.core.errors import DataError
from unmask.data.manifest import read_table
from unmask.prepare.datasets import index_dataset, index_folder
from unmask.verbs.doctor import HEALTHY, NOT_USABLE, USABLE_WITH_GAPS, Diagnosis, doctor
from unmask.verbs.objects import make_dataset

Planter = Callable[..., Path]


def only_diagnosis(root: Path) -> Diagnosis:
    (diagnosis,) = doctor(root).diagnoses
    return diagnosis


def write_images(folder: Path, count: int, *, seed: int) -> None:
    folder.mkdir(parents=True)
    random = np.random.default_rng(seed)
    for number in range(count):
        cv2.imwrite(str(folder / f"{number}.png"), random.integers(0, 255, (8, 8, 3), np.uint8))


def test_every_data_set_is_recognised_as_itself(plant_tree: Planter, tree_name: str) -> None:
    diagnosis = only_diagnosis(plant_tree(tree_name))
    assert (diagnosis.data, diagnosis.problem) == (tree_name, "")
    assert sum(part.found for part in diagnosis.parts) > 0


@pytest.mark.one_in(3)
def test_the_command_indexes_what_was_found(
    plant_tree: Planter, tree_name: str, tmp_path: Path
) -> None:
    diagnosis = only_diagnosis(plant_tree(tree_name, inside="a folder, with 'signs'"))
    program, verb, *overrides = shlex.split(diagnosis.command)
    assert (program, verb) == ("unmask", "prepare")
    check_command_line(verb, overrides, config_dir=None)
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        config = typed("index", compose("index", overrides=overrides))
    dataset = make_dataset(config.data)
    index_dataset(dataset, tmp_path / "data")
    videos = read_table(index_folder(dataset, tmp_path / "data") / "videos.parquet", "videos")
    assert videos["label"].nunique() == 2


def test_nothing_is_changed(plant_tree: Planter, tree_name: str) -> None:
    root = plant_tree(tree_name)
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    doctor(root)
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


def test_half_of_the_files_missing_is_a_gap_or_a_reason(
    plant_tree: Planter, tree_name: str
) -> None:
    media = (".mp4", ".png", ".jpg")

    def keep(path: str) -> bool:
        return not path.endswith(media) or sha256(path.encode()).digest()[0] % 2 == 0

    diagnosis = only_diagnosis(plant_tree(tree_name, keep=keep))
    assert diagnosis.state in (USABLE_WITH_GAPS, NOT_USABLE)
    assert diagnosis.problem or diagnosis.gaps or diagnosis.missing or diagnosis.faults


def test_fakes_alone_are_not_usable(plant_tree: Planter) -> None:
    root = plant_tree("ffpp", keep=lambda path: not path.startswith("original"))
    checkup = doctor(root)
    assert checkup.exit_code == NOT_USABLE
    assert "looked for manipulated_sequences or original_sequences" in (
        checkup.diagnoses[0].problem
    )


def test_an_empty_folder_holds_nothing(tmp_path: Path) -> None:
    checkup = doctor(tmp_path)
    assert checkup.exit_code == NOT_USABLE
    assert checkup.problem.startswith(f"No data set is recognised in {tmp_path}; found nothing.")


def test_a_folder_of_something_else_is_named_with_what_is_there(tmp_path: Path) -> None:
    for name in ("n01440764", "n01443537"):
        write_images(tmp_path / name, 2, seed=0)
    (tmp_path / "synset_words.txt").touch()
    checkup = doctor(tmp_path)
    assert checkup.exit_code == NOT_USABLE
    assert "found n01440764, n01443537, synset_words.txt." in checkup.problem


def test_a_path_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere does not exist; `unmask doctor` examines"):
        doctor(tmp_path / "nowhere")
    (tmp_path / "a.zip").touch()
    with pytest.raises(DataError, match=r"a\.zip is a file; `unmask doctor` examines a folder"):
        doctor(tmp_path / "a.zip")


def test_several_data_sets_in_one_folder_are_all_found(plant_tree: Planter, tmp_path: Path) -> None:
    for name in ("ffpp", "celebdf_v2", "uadfv"):
        plant_tree(name, inside=f"all/sets/{name}")
    found = [diagnosis.data for diagnosis in doctor(tmp_path / "all").diagnoses]
    assert found == ["celebdf_v2", "ffpp", "uadfv"]


def test_dfd_beside_ffpp_in_one_tree_is_a_data_set_of_its_own(plant_tree: Planter) -> None:
    plant_tree("ffpp")
    checkup = doctor(plant_tree("dfd"))
    assert [diagnosis.data for diagnosis in checkup.diagnoses] == ["ffpp", "dfd"]


def test_dfd_posing_as_ffpp_is_called_dfd(plant_tree: Planter) -> None:
    diagnosis = only_diagnosis(plant_tree("dfd_kaggle"))
    assert diagnosis.title == "DeepFakeDetection posing as FaceForensics++"
    assert "this is a part of DeepFakeDetection" in diagnosis.suspicions[0]


def test_dfd_fakes_without_their_reals_are_suspicious(plant_tree: Planter) -> None:
    (suspicion,) = only_diagnosis(plant_tree("ffpp_kaggle")).suspicions
    assert suspicion.startswith("DeepFakeDetection fakes lie here without their real videos")


def test_split_lists_that_are_not_official_are_a_gap(plant_tree: Planter) -> None:
    gaps = only_diagnosis(plant_tree("ffpp")).gaps
    assert any(gap.startswith("These split lists are not the official ones") for gap in gaps)


def test_without_split_lists_the_command_splits_by_identity(plant_tree: Planter) -> None:
    diagnosis = only_diagnosis(plant_tree("ffpp", keep=lambda path: not path.endswith(".json")))
    assert "data/split=identity" in diagnosis.command
    assert any("videos have no official split" in gap for gap in diagnosis.gaps)


@pytest.mark.parametrize("name", ["ffpp", "ffpp_kaggle", "ffpp_gend"])
def test_what_a_missing_map_of_youtube_ids_hides_is_told(plant_tree: Planter, name: str) -> None:
    root = plant_tree(name)
    (note,) = [note for note in only_diagnosis(root).notes if "conversion_dict.json" in note]
    assert "clips that were cut from one YouTube video count as different people" in note
    (root / "conversion_dict.json").write_text('{"000": "abc 0", "001": "abc 1"}')
    assert not any("conversion_dict.json" in note for note in only_diagnosis(root).notes)


def test_a_short_text_called_a_video_is_not_called_truncated(plant_tree: Planter) -> None:
    root = plant_tree("uadfv")
    (root / "real" / "0000.mp4").write_text("hello\n")
    reasons = {fault.path: fault.reason for fault in only_diagnosis(root).faults}
    assert reasons["real/0000.mp4"] == "not_a_video"


def test_unfinished_downloads_are_a_gap(plant_tree: Planter) -> None:
    gaps = only_diagnosis(plant_tree("ffpp")).gaps
    name = "manipulated_sequences/FaceSwap/c23/videos/000_003.mp4.part"
    assert f"Unfinished downloads: 1, for example {name}." in gaps


@pytest.mark.parametrize("name", ["celebdf_v2", "faces140k", "dfdc_test", "openforensics"])
def test_label_conventions_are_told(plant_tree: Planter, name: str) -> None:
    assert only_diagnosis(plant_tree(name)).labels


def test_complete_and_readable_is_healthy(tmp_path: Path) -> None:
    for seed, word in enumerate(("real", "fake")):
        write_images(tmp_path / "set" / word, 4, seed=seed)
    checkup = doctor(tmp_path / "set")
    assert checkup.exit_code == HEALTHY
    assert checkup.diagnoses[0].num_opened == 8


def test_copies_across_classes_are_suspicious(tmp_path: Path) -> None:
    for seed, word in enumerate(("real", "fake")):
        write_images(tmp_path / "set" / word, 4, seed=seed)
    copy = tmp_path / "set" / "fake" / "9.png"
    copy.write_bytes((tmp_path / "set" / "real" / "0.png").read_bytes())
    checkup = doctor(tmp_path / "set")
    assert checkup.exit_code == USABLE_WITH_GAPS
    (suspicion,) = checkup.suspicions
    assert "identical content in different classes: 1 groups" in suspicion


def test_copies_across_data_sets_are_suspicious(plant_tree: Planter, tmp_path: Path) -> None:
    plant_tree("uadfv", inside="all/one")
    celeb = plant_tree("celebdf_v2", inside="all/two")
    copy = (tmp_path / "all" / "one" / "real" / "0000.mp4").read_bytes()
    (celeb / "Celeb-real" / "id0_0000.mp4").write_bytes(copy)
    assert any("in different data sets: 1 groups" in s for s in doctor(tmp_path / "all").suspicions)


def test_the_json_says_what_the_exit_code_says(
    plant_tree: Planter, tree_name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    root = plant_tree(tree_name)
    with pytest.raises(SystemExit) as ended:
        main(["doctor", str(root), "--json"])
    content = json.loads(capsys.readouterr().out)
    assert content["exit_code"] == ended.value.code
    assert content["diagnoses"][0]["data"] == tree_name


def test_the_table_names_the_set_and_the_way_on(
    plant_tree: Planter, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["doctor", str(plant_tree("celebdf_v3"))])
    shown = capsys.readouterr().out
    assert ended.value.code == USABLE_WITH_GAPS
    assert "Celeb-DF++" in shown
    assert "unmask prepare data=celebdf_v3" in shown


def test_a_missing_folder_exits_with_2(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["doctor", str(tmp_path / "nowhere")])
    assert ended.value.code == NOT_USABLE
    assert "does not exist" in capsys.readouterr().err


@pytest.mark.slow
def test_100_000_entries_are_examined_with_few_files_opened(tmp_path: Path) -> None:
    for split in ("train", "val", "test"):
        for word in ("real", "fake"):
            (tmp_path / split / word).mkdir(parents=True)
            for number in range(16_667):
                (tmp_path / split / word / f"{number}.jpg").write_bytes(os.urandom(8))
    diagnosis = only_diagnosis(tmp_path)
    assert sum(part.found for part in diagnosis.parts) == 100_002
    assert diagnosis.num_opened == 256
