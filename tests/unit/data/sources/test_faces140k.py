from collections.abc import Callable
from pathlib import Path

import pytest

from unmask.core.errors import DataError
from unmask.data.sources.faces140k import Faces140k

Planter = Callable[..., Path]


def test_the_folder_is_believed_and_not_the_number_1_for_real(plant_tree: Planter) -> None:
    found = Faces140k().index(plant_tree("faces140k"))
    assert found.videos.groupby("method")["label"].unique().map(list).to_dict() == {
        "FFHQ": [0],
        "StyleGAN": [1],
    }
    assert any(
        note.startswith("In the tables 1 means real: the number of 6") for note in found.notes
    )


def test_splits_come_from_the_folders(plant_tree: Planter) -> None:
    splits = Faces140k().index(plant_tree("faces140k")).videos["split"]
    assert splits.value_counts().to_dict() == {"train": 2, "val": 2, "test": 2}


def test_a_table_whose_word_contradicts_the_folder_is_noted(plant_tree: Planter) -> None:
    root = plant_tree("faces140k")
    table = root / "test.csv"
    table.write_text(table.read_text().replace(",fake,test/fake", ",real,test/fake"))
    notes = Faces140k().index(root).notes
    assert any("contradict the folder of 1 pictures, for example test/fake" in n for n in notes)


def test_tables_are_no_files_left_over(plant_tree: Planter) -> None:
    assert Faces140k().index(plant_tree("faces140k")).ignored == []


def test_a_picture_outside_the_splits_is_refused(plant_tree: Planter) -> None:
    root = plant_tree("faces140k")
    (root / "real").mkdir()
    (root / "real" / "a.jpg").touch()
    with pytest.raises(DataError, match=r"1 pictures are in no folder train, .* real/a\.jpg"):
        Faces140k().index(root)
