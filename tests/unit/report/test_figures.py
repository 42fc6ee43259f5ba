"""What the charts draw, read back from their points and from the text of the SVG."""

import base64
import re
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn import metrics as reference
from sklearn.calibration import calibration_curve

from unmask.core.errors import PredictionsError
from unmask.report.figures import (
    InlineImage,
    confusion_chart,
    det_chart,
    features_chart,
    heat_map,
    histogram_chart,
    learning_chart,
    pr_chart,
    ranking_chart,
    reliability_chart,
    roc_chart,
    score_chart,
    training_charts,
)
from unmask.report.figures.comparison import cell_texts, ranked
from unmask.report.figures.decisions import confusion_counts
from unmask.report.figures.features import looks, thinned
from unmask.report.figures.points import (
    DET_EDGE,
    det_line,
    kept_points,
    points_per_curve,
    pr_line,
    reliability_line,
    roc_line,
)
from unmask.report.figures.style import line_look, short_name
from unmask.report.figures.training import epoch_line

MOST_BYTES = 60_000
NAN = float("nan")


def svg_of(picture: InlineImage) -> str:
    head, _, content = picture.uri.partition(",")
    assert head == "data:image/svg+xml;base64"
    return base64.b64decode(content).decode()


def texts_of(picture: InlineImage) -> list[str]:
    return re.findall(r"<(?:text|tspan)[^>]*>([^<]+)</", svg_of(picture))


def videos(count: int, seed: int = 0, *, shift: float = 1.5) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, count)
    scores = norm.cdf(random.normal(shift * (labels - 0.5)))
    return pd.DataFrame({"label": labels, "score": scores})


@pytest.fixture(scope="module")
def many() -> pd.DataFrame:
    return videos(1_000_000)


EPOCHS = pd.DataFrame(
    {
        "train/loss_epoch": [0.9, 0.5, 0.4],
        "val/loss": [0.8, NAN, 0.6],
        "val/video_auc": [0.6, 0.8, 0.7],
    }
)
MATRIX = pd.DataFrame(
    {"ffpp": [0.98765, 0.7], "celebdf": [0.61, NAN]}, index=["effb0_lstm", "swin_mean"]
)
RANKING = pd.DataFrame(
    {"name": ["b", "a", "c", "none"], "value": [0.7, 0.7, 0.9, NAN],
     "low": [0.6, NAN, 0.8, NAN], "high": [0.8, NAN, 0.95, NAN]}
)  # fmt: skip
POINTS = pd.DataFrame(
    {
        "x": [0.0, 1.0, 2.0],
        "y": [1.0, 0.0, 1.0],
        "label": [0, 1, 1],
        "method": ["youtube", "swap", "edit"],
    }
)
TWO = [("one", videos(200, 1)), ("other", videos(200, 2))]
CHARTS: dict[str, Callable[[], InlineImage]] = {
    "roc": lambda: roc_chart(TWO),
    "pr": lambda: pr_chart(TWO),
    "det": lambda: det_chart(TWO),
    "reliability": lambda: reliability_chart(TWO),
    "score": lambda: score_chart("set", TWO[0][1], 0.4),
    "histogram": lambda: histogram_chart("Sizes", [("a", np.arange(9.0))], axis="pixels"),
    "confusion": lambda: confusion_chart("set", [[5, 1], [2, 4]]),
    "training": lambda: training_charts(EPOCHS, 1)[0],
    "learning": lambda: learning_chart([("a", EPOCHS), ("b", EPOCHS)], "val/video_auc"),
    "matrix": lambda: heat_map(MATRIX, title="AUC"),
    "ranking": lambda: ranking_chart(RANKING),
    "features": lambda: features_chart("set", POINTS, shares=[0.6, 0.2]),
}


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", CHARTS)
def test_equal_data_gives_equal_text(name: str) -> None:
    assert CHARTS[name]() == CHARTS[name]()


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_is_small_and_says_what_it_shows(name: str) -> None:
    picture = CHARTS[name]()
    assert len(svg_of(picture)) <= MOST_BYTES
    assert len(picture.alt) > 10
    assert picture._repr_html_() == f'<img src="{picture.uri}" alt="{picture.alt}">'


@pytest.mark.one_in(2)
@pytest.mark.parametrize("draw", [roc_chart, pr_chart, det_chart, reliability_chart])
def test_curves_through_a_million_videos_fit_a_page(
    draw: Callable[..., InlineImage], many: pd.DataFrame
) -> None:
    assert len(svg_of(draw([("all", many)]))) <= MOST_BYTES


@pytest.mark.one_in(2)
@pytest.mark.parametrize("draw", [roc_chart, pr_chart, det_chart, reliability_chart])
def test_many_variants_fit_a_page_and_are_all_named(draw: Callable[..., InlineImage]) -> None:
    names = [f"backbone_{index}_head" for index in range(20)]
    picture = draw([(name, videos(3000, index)) for index, name in enumerate(names)])
    assert len(svg_of(picture)) <= MOST_BYTES
    assert set(names) <= set(texts_of(picture))


def test_thirty_lines_differ_in_colour_or_dash() -> None:
    assert len({str(line_look(index)) for index in range(30)}) == 30


def test_a_thinned_roc_curve_keeps_its_ends_and_its_area(many: pd.DataFrame) -> None:
    x, y = roc_line(many, 300)
    assert len(x) <= 300
    assert ((x[0], y[0]), (x[-1], y[-1])) == ((0.0, 0.0), (1.0, 1.0))
    exact = reference.roc_auc_score(many["label"], many["score"])
    assert reference.auc(x, y) == pytest.approx(exact, abs=1e-3)


@pytest.mark.parametrize("count", [60, 1000, 20_000])
@pytest.mark.parametrize("shift", [0.0, 1.0, 3.0])
def test_thinned_curves_keep_their_areas(count: int, shift: float) -> None:
    table = videos(count, shift=shift)
    most = points_per_curve(6)
    roc = reference.roc_auc_score(table["label"], table["score"])
    assert reference.auc(*roc_line(table, most)) == pytest.approx(roc, abs=1e-3)
    x, y = pr_line(table, most)
    # The area of steps is average precision itself.
    precision = reference.average_precision_score(table["label"], table["score"])
    assert np.trapezoid(y, x) == pytest.approx(precision, abs=2e-3)


def test_few_points_are_drawn_as_they_are() -> None:
    table = pd.DataFrame({"label": [0, 0, 1, 1], "score": [0.1, 0.4, 0.35, 0.8]})
    assert [line.tolist() for line in roc_line(table, 48)] == [
        [0.0, 0.0, 0.5, 0.5, 1.0], [0.0, 0.5, 0.5, 1.0, 1.0],
    ]  # fmt: skip
    # Without error up to one of two fakes; 2 of the 3 called fake for both; all 4 in the end.
    x, y = pr_line(table, 48)
    assert x.tolist() == [0.0, 0.0, 0.5, 0.5, 0.5, 0.5, 1.0, 1.0, 1.0]
    assert y == pytest.approx([1, 1, 1, 0.5, 0.5, 2 / 3, 2 / 3, 0.5, 0.5])


def test_the_det_curve_of_normal_scores_is_a_line_of_normal_deviates(many: pd.DataFrame) -> None:
    x, y = det_line(many, 300)
    inside = (np.abs(x) < 1.5) & (np.abs(y) < 1.5)
    # Both classes have unit variance and means 1.5 apart, hence y = -1.5 - x.
    assert y[inside] == pytest.approx(-1.5 - x[inside], abs=0.02)


def test_a_detector_without_errors_runs_along_the_border_of_the_det_chart() -> None:
    table = pd.DataFrame({"label": [0, 0, 1, 1], "score": [0.1, 0.2, 0.8, 0.9]})
    x, y = det_line(table, 48)
    assert np.isfinite([x, y]).all()
    assert min(x.min(), y.min()) == pytest.approx(norm.ppf(DET_EDGE))
    assert len(svg_of(det_chart([("perfect", table)]))) > 0


def test_points_that_say_nothing_are_left_out_first() -> None:
    x = np.array([0.0, 0.2, 0.5, 0.6, 1.0])
    assert kept_points((x, np.array([0.0, 0.2, 0.9, 0.6, 1.0])), 3).tolist() == [0, 2, 4]
    assert kept_points((x, x), 4).tolist() == [0, 4]


def test_a_closed_curve_is_thinned_from_its_farthest_point() -> None:
    line = (np.array([0.0, 1.0, 2.0, 1.0, 0.0]), np.array([0.0, 1.0, 0.0, -1.0, 0.0]))
    assert kept_points(line, 3).tolist() == [0, 2, 4]


def test_fewer_than_two_points_are_no_curve() -> None:
    with pytest.raises(ValueError, match="most must be at least 2, got 1"):
        kept_points((np.arange(3.0), np.arange(3.0)), 1)


def test_calibration_points_are_those_of_the_bins() -> None:
    table = pd.DataFrame({"label": [0, 1, 1, 1], "score": [0.1, 0.2, 0.7, 0.9]})
    x, y = reliability_line(table, num_bins=2)
    assert x == pytest.approx([0.15, 0.8])
    assert y == pytest.approx([0.5, 1.0])
    fractions, means = reference_calibration(videos(500))
    x, y = reliability_line(videos(500), num_bins=10)
    assert (x, y) == (pytest.approx(means), pytest.approx(fractions))


def reference_calibration(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    return calibration_curve(table["label"], table["score"], n_bins=10)


def test_a_set_of_one_class_is_refused_by_the_curves() -> None:
    table = pd.DataFrame({"label": [1, 1], "score": [0.1, 0.2]})
    for draw in (roc_chart, pr_chart, det_chart):
        with pytest.raises(PredictionsError, match="0 real and 2 fake"):
            draw([("fakes", table)])


def test_a_set_of_one_class_has_a_score_chart() -> None:
    table = pd.DataFrame({"label": [1, 1], "score": [0.1, 0.2]})
    assert {"real (0)", "fake (2)"} <= set(texts_of(score_chart("fakes", table, None)))


@pytest.mark.parametrize(
    "picture",
    [
        lambda: roc_chart([]), lambda: pr_chart([]), lambda: det_chart([]),
        lambda: reliability_chart([]), lambda: learning_chart([("a", EPOCHS)], "val/other"),
        lambda: heat_map(pd.DataFrame(), title="AUC"), lambda: ranking_chart(RANKING.head(0)),
        lambda: features_chart("set", POINTS.head(0)),
    ],
)  # fmt: skip
def test_without_data_a_chart_says_so(picture: Callable[[], InlineImage]) -> None:
    assert "nothing to draw" in texts_of(picture())


def test_the_numbers_of_a_matrix_stand_in_its_cells() -> None:
    texts = texts_of(heat_map(MATRIX, title="AUC"))
    assert {"0.988", "0.700", "0.610", "n/a", "effb0_lstm", "swin_mean", "celebdf"} <= set(texts)


def test_marks_stand_behind_their_numbers_and_may_be_missing() -> None:
    marks = pd.DataFrame({"ffpp": ["*"]}, index=["swin_mean"])
    assert cell_texts(MATRIX, marks) == [["0.988", "0.610"], ["0.700*", "n/a"]]


def test_a_matrix_without_any_value_is_drawn_and_described() -> None:
    picture = heat_map(pd.DataFrame({"a": [NAN]}, index=["r"]), title="AUC")
    assert "n/a" in texts_of(picture)
    assert picture.alt == "AUC: a: no value"


def test_the_text_of_a_matrix_says_the_best_of_each_column() -> None:
    alt = heat_map(MATRIX, title="AUC").alt
    assert alt == "AUC: ffpp: best 0.988 (effb0_lstm); celebdf: best 0.610 (effb0_lstm)"


def test_long_headings_and_marks_take_no_room_from_the_cells() -> None:
    long = MATRIX.rename(columns={"ffpp": "a_data_set_of_a_long_name (n=84)"})
    marks = MATRIX.map(lambda _: " n=10, set 2")
    sizes = [
        [float(size) for size in re.findall(r'(?:width|height)="([\d.]+)pt"', svg_of(one))[:2]]
        for one in (
            heat_map(MATRIX, title="AUC"),
            heat_map(long, title="AUC"),
            heat_map(MATRIX, title="AUC", marks=marks),
        )
    ]
    assert sizes[1][1] > sizes[0][1] + 60
    assert sizes[2][0] > sizes[0][0] + 60


def test_a_large_matrix_fits_a_page() -> None:
    values = pd.DataFrame(np.full((12, 8), 0.75), index=[f"model_{n}" for n in range(12)])
    assert len(svg_of(heat_map(values, title="AUC"))) <= MOST_BYTES


def test_a_ranking_puts_the_best_first_and_the_unknown_last() -> None:
    assert ranked(RANKING)["name"].tolist() == ["c", "a", "b", "none"]
    picture = ranking_chart(RANKING)
    assert picture.alt.endswith("c, a, b, none")
    assert "no value" in texts_of(picture)


def test_a_confusion_matrix_is_read_by_name_or_by_row() -> None:
    named = {"true_real": 5, "false_fake": 1, "false_real": 2, "true_fake": 4}
    assert confusion_counts(named).tolist() == confusion_counts([[5, 1], [2, 4]]).tolist()
    assert confusion_chart("set", named) == confusion_chart("set", [[5, 1], [2, 4]])


def test_a_confusion_matrix_shows_counts_and_shares_of_the_class() -> None:
    picture = confusion_chart("set", [[3, 1], [0, 0]])
    assert {"3", "75.0 %", "25.0 %"} <= set(texts_of(picture))
    assert "of 4 real videos 1 were called fake, of 0 fake ones 0" in picture.alt


@pytest.mark.parametrize(
    ("matrix", "message"),
    [({"true_real": 1}, "needs .*'false_fake'"), ([[1, 2, 3]], r"got \(1, 3\)")],
)
def test_another_matrix_is_no_confusion_matrix(matrix: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        confusion_counts(matrix)  # type: ignore[arg-type]


def test_gaps_in_a_metric_are_not_drawn_and_long_ones_are_thinned_at_real_epochs() -> None:
    epochs, values = epoch_line(EPOCHS["val/loss"], 10)
    assert (epochs.tolist(), values.tolist()) == ([0.0, 2.0], [0.8, 0.6])
    long = pd.Series(np.sin(np.arange(5000) / 500))
    epochs, values = epoch_line(long, 50)
    assert len(epochs) <= 50
    assert values.tolist() == long[epochs.astype(int)].tolist()


def test_a_metric_logged_by_step_and_epoch_is_one_line() -> None:
    curves = pd.DataFrame({"train/loss": [0.5], "train/loss_epoch": [0.6]})
    assert learning_chart([("a", curves), ("b", EPOCHS)], "train/loss").alt.endswith(": a, b")


def test_runs_without_the_metric_are_left_out() -> None:
    picture = learning_chart([("a", EPOCHS), ("b", EPOCHS[["val/loss"]])], "val/video_auc")
    assert picture.alt == "val/video_auc by epoch: a"


def test_long_training_fits_a_page() -> None:
    random = np.random.default_rng(0)
    runs = [(f"run{n}", pd.DataFrame({"val/video_auc": random.random(2000)})) for n in range(12)]
    assert len(svg_of(learning_chart(runs, "val/video_auc"))) <= MOST_BYTES


def test_of_many_videos_a_part_is_drawn_that_is_spread_like_all() -> None:
    random = np.random.default_rng(0)
    points = pd.DataFrame(
        {
            "x": random.normal(size=20_000),
            "y": random.normal(size=20_000),
            "label": np.repeat([0, 1], 10_000),
            "method": np.repeat(["youtube", "swap", "edit", "rare"], [10_000, 8000, 1990, 10]),
        }
    )
    drawn = thinned(points, 320)
    assert len(drawn) <= 324
    assert set(drawn["method"]) == set(points["method"])
    by_label = [table.groupby("label")["x"].mean() for table in (drawn, points)]
    assert by_label[0].to_numpy() == pytest.approx(by_label[1].to_numpy(), abs=0.03)
    shuffled = thinned(points.sample(frac=1, random_state=1), 320)
    assert shuffled.equals(drawn)
    picture = features_chart("set", points)
    assert len(svg_of(picture)) <= MOST_BYTES
    assert any("of 20,000 videos" in text for text in texts_of(picture))


def test_methods_have_shapes_until_they_are_too_many() -> None:
    assert looks(POINTS) == [(0, "youtube", "o"), (1, "edit", "^"), (1, "swap", "s")]
    many = pd.DataFrame({"label": 1, "method": [f"m{n}" for n in range(9)]})
    assert looks(many) == [(1, "", "^")]


def test_axes_of_features_say_their_share_of_the_variance() -> None:
    texts = texts_of(features_chart("set", POINTS, shares=[0.6, 0.2]))
    assert "first principal component (60 % of the variance)" in texts
    assert "first UMAP axis" in texts_of(features_chart("set", POINTS, axis="UMAP axis"))


def test_a_name_with_an_underscore_in_front_or_a_dollar_is_shown() -> None:
    texts = texts_of(roc_chart([("_hidden", TWO[0][1]), ("a$b$", TWO[1][1])]))
    assert any("_hidden" in text for text in texts)
    assert "a$b$" in texts


def test_a_long_name_keeps_both_ends() -> None:
    name = "effb0_" + "x" * 60 + "_s1"
    assert len(short_name(name)) == 44
    assert short_name(name).startswith("effb0_")
    assert short_name(name).endswith("_s1")
