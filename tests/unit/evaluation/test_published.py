import pytest

from unmask.core.errors import DataError
from unmask.evaluation.published import (
    COLUMNS,
    LEVELS,
    METRICS,
    PublishedRow,
    published_for,
    published_rows,
    read_rows,
)


def found(**what: object) -> list[PublishedRow]:
    return [
        row
        for row in published_rows()
        if all(getattr(row, name) == value for name, value in what.items())
    ]


def test_every_row_has_source_protocol_and_a_fraction() -> None:
    rows = published_rows()
    assert len(rows) > 500
    for row in rows:
        assert row.source.strip()
        assert row.protocol.strip()
        assert 0.0 < row.value <= 1.0
        assert row.level in LEVELS
        assert row.metric in METRICS
        assert row.num_frames is None or row.num_frames > 0


def test_no_row_stands_twice() -> None:
    rows = published_rows()
    assert len(set(rows)) == len(rows)


@pytest.mark.parametrize(
    ("what", "value"),
    [
        ({"system": "DeepfakeBench", "model": "Xception", "test_set": "celebdf_v2"}, 0.737),
        ({"system": "DeepfakeBench", "model": "SRM", "test_set": "cross average"}, 0.776),
        ({"system": "DeepfakeBench", "model": "UCF", "test_set": "ffpp", "subset": "c40"}, 0.840),
        ({"system": "Effort", "test_set": "deeperforensics"}, 0.977),
        ({"system": "Effort Table 1", "model": "LSDA", "test_set": "wilddeepfake"}, 0.797),
        ({"system": "SBI", "train_set": "ffpp c23, reals alone", "test_set": "dfd"}, 0.9816),
        ({"system": "M2TR", "test_set": "ffpp", "subset": "c40"}, 0.9289),
        ({"system": "A: tbd", "model": "EffB0+LSTM", "test_set": "ffpp", "num_frames": 30,
          "metric": "accuracy"}, 0.9676),
        ({"system": "A: tbd", "model": "ResNeXt50+LSTM", "test_set": "ffpp",
          "metric": "recall_real"}, 0.953),
        ({"system": "A: tbd", "model": "EffB0+LSTM", "test_set": "celebdf_v1", "num_frames": 20},
         0.76),
        ({"system": "B: deepinsight", "model": "DenseNet121, grayscale", "metric": "auc"}, 0.998),
        ({"system": "C: customized", "model": "ResNeXt50+LSTM, spatial transformer",
          "subset": "test"}, 0.911),
        ({"system": "E: hybrid", "subset": "2,041 images"}, 0.8093),
    ],
)  # fmt: skip
def test_a_number_is_the_published_one(what: dict[str, object], value: float) -> None:
    assert [row.value for row in found(**what)] == [value]


def test_each_system_with_numbers_is_there() -> None:
    letters = {row.system[0] for row in published_rows() if row.system[1:3] == ": "}
    # System D published none.
    assert letters == {"A", "B", "C", "E"}


def test_a_range_is_two_rows_that_say_so() -> None:
    rows = found(system="GenD", test_set="dfd")
    assert [row.value for row in rows] == [0.965, 0.97]
    assert ["lower" in rows[0].note, "upper" in rows[1].note] == [True, True]


def test_copies_of_a_data_set_share_its_rows_and_imitations_have_none() -> None:
    assert published_for("ffpp_gend") == published_for("ffpp")
    assert published_for("dfd_kaggle") == published_for("dfd") != []
    assert published_for("synthetic_celebdf") == []
    assert {row.test_set for row in published_for("celebdf_v1")} == {"celebdf_v1", "celebdf"}
    assert {row.test_set for row in published_for("dfdc_test")} == {"dfdc_test"}


def line(**changes: str) -> list[str]:
    row = dict.fromkeys(COLUMNS, "x") | {
        "level": "video", "metric": "auc", "value": "0.9", "num_frames": "",
    }  # fmt: skip
    return [",".join(COLUMNS), ",".join((row | changes).values())]


def test_a_row_is_read() -> None:
    [row] = read_rows(line(), "a.csv")
    assert (row.value, row.num_frames, row.level) == (0.9, None, "video")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"source": ""}, r"a\.csv, row 1 has nothing in \['source'\]"),
        ({"protocol": ""}, r"nothing in \['protocol'\]"),
        ({"value": "96.4"}, r"the value 96\.4; a fraction"),
        ({"level": "image"}, "the level 'image'"),
        ({"metric": "acc"}, "the metric 'acc'"),
    ],
)
def test_a_broken_row_is_named(changes: dict[str, str], words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_rows(line(**changes), "a.csv")


def test_a_table_with_other_columns_is_named() -> None:
    with pytest.raises(DataError, match=r"a\.csv has the columns \['model'\]"):
        read_rows(["model", "x"], "a.csv")
