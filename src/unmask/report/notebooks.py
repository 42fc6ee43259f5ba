"""What the notebooks call, so that their cells stay short: finished runs as tables and pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from unmask.core.errors import DataError
from unmask.core.labels import CLASS_NAMES, FAKE
from unmask.evaluation.aggregate import video_scores
from unmask.evaluation.metrics import roc_auc
from unmask.evaluation.significance import compare_aucs, holm
from unmask.report.compare.grouping import distinct_names
from unmask.report.examples import THUMBNAIL_PX, thumbnail
from unmask.report.measure import fix_threshold
from unmask.runs.run import Run


@dataclass(frozen=True)
class ContactSheet:
    """Crops beside each other; a notebook shows them.

    Args:
        title: What they have in common.
        crops: A ``data:`` address, or None where there is no file, and a text for each.
    """

    title: str
    crops: list[tuple[str | None, str]]

    def _repr_html_(self) -> str:
        cells = "".join(
            '<figure style="display:inline-block;vertical-align:top;margin:4px;'
            f'width:{THUMBNAIL_PX}px;overflow-wrap:anywhere;font-size:11px">'
            + (f'<img src="{uri}" alt="{escape(text)}">' if uri else "<em>no crop</em>")
            + f"<figcaption>{escape(text)}</figcaption></figure>"
            for uri, text in self.crops
        )
        return f"<h4>{escape(self.title)}</h4><div>{cells}</div>"


def finished_runs(pattern: str) -> list[Run]:
    """Read the runs that have predictions.

    Args:
        pattern: Pattern of run folders, or of folders of runs, e.g. ``"../outputs/train/*"``.

    Returns:
        At least one, in the order of their folders.

    Raises:
        DataError: If none matches, or a file of one is unreadable.
        PredictionsError: If a table breaks its schema.
    """
    finished = [run for run in Run.find(pattern) if run.has_tables]
    if not finished:
        raise DataError(
            f"No finished run matches '{pattern}'. `unmask train experiment=demo` makes one in "
            "minutes; for runs elsewhere change RUNS or set the environment variable UNMASK_RUNS."
        )
    return finished


def videos_tested(run: Run, dataset: str | None = None) -> pd.DataFrame:
    """Return one row per video of the test splits, with its score.

    Args:
        run: With predictions.
        dataset: One data set; None for all.

    Returns:
        Columns of :func:`unmask.evaluation.aggregate.video_scores`; mean over clips.
    """
    clips = run.predictions[run.predictions["split"] == "test"]
    if dataset is not None:
        clips = clips[clips["dataset"] == dataset]
    return video_scores(clips)


def auc_matrix(runs: Sequence[Run]) -> pd.DataFrame:
    """Return the AUC over test videos of each run on each data set.

    Args:
        runs: With predictions.

    Returns:
        Rows: ``name, trained on ...``, the name with its folder where two runs share one; columns:
        data sets; NaN where a run was not tested or one class is missing.

    Raises:
        DataError: If a run stands there twice.
    """
    cells = {
        f"{name}, trained on {run.card.source_dataset}": {
            str(dataset): _auc(videos)
            for dataset, videos in videos_tested(run).groupby("dataset", sort=True)
        }
        for name, run in _named(runs).items()
    }
    matrix = pd.DataFrame.from_dict(cells, orient="index", dtype=np.float64)
    return matrix.sort_index(axis="columns")


def _named(runs: Sequence[Run]) -> dict[str, Run]:
    """Give every run a name of its own: sweeps number their jobs alike.

    Raises:
        DataError: If a run stands there twice.
    """
    folders = [run.folder.resolve() for run in runs]
    twice = next((folder for folder in folders if folders.count(folder) > 1), None)
    if twice is not None:
        raise DataError(f"The run {twice} is given twice; a comparison counts it once.")
    return dict(zip(distinct_names([run.name for run in runs], folders), runs, strict=True))


def _auc(videos: pd.DataFrame) -> float:
    if videos["label"].nunique() < len(CLASS_NAMES):
        return float("nan")
    return roc_auc(videos["label"].to_numpy(np.int64), videos["score"].to_numpy(np.float64))


def compare_with_best(
    runs: Sequence[Run], dataset: str, *, num_resamples: int = 1000
) -> pd.DataFrame:
    """Compare the run that ranks best on a test set with each other one on the same videos.

    Args:
        runs: Tested on the data set; the same videos.
        num_resamples: Draws of identity groups behind each interval.

    Returns:
        ``best, other, difference, low, high, p_value`` and ``p_holm``, corrected for the number of
        rows; no rows where there is one run. Values are None where there is one group.

    Raises:
        DataError: If a run stands there twice.
        PredictionsError: If the runs scored other videos, or a class is missing.
    """
    videos = {name: videos_tested(run, dataset) for name, run in _named(runs).items()}
    ordered = sorted(videos, key=lambda name: (-_auc(videos[name]), name))
    rows = []
    for other in ordered[1:]:
        found = compare_aucs(videos[ordered[0]], videos[other], num_resamples=num_resamples)
        rows.append((ordered[0], other, found.difference, found.low, found.high, found.p_value))
    names = ["best", "other", "difference", "low", "high", "p_value"]
    table = pd.DataFrame(rows, columns=names)
    known = table["p_value"].notna()
    table.loc[known, "p_holm"] = holm(table.loc[known, "p_value"].astype(float).tolist())
    return table


def judged_videos(run: Run) -> pd.DataFrame:
    """Return the test videos with what they were called at the threshold fixed on validation.

    Args:
        run: With predictions of the validation split too; else the threshold is 0.5.

    Returns:
        Videos with ``called_fake``, ``is_wrong`` and ``distance``, how far the score lies from the
        label, in [0, 1]; the farthest first.
    """
    fixed = fix_threshold(video_scores(run.predictions), run.source_datasets, run.threshold_split)
    threshold = 0.5 if fixed["value"] is None else fixed["value"]
    videos = videos_tested(run)
    called_fake = videos["score"] >= threshold
    judged = videos.assign(
        called_fake=called_fake,
        is_wrong=called_fake != (videos["label"] == FAKE),
        distance=(videos["score"] - videos["label"]).abs(),
    )
    return judged.sort_values(
        ["distance", "dataset", "video_id"], ascending=[False, True, True], ignore_index=True
    )


def errors_by(videos: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return the share of videos called wrongly for each value of a column.

    The interval is Wilson's of 95 % (1927, Probable inference, the law of succession, and
    statistical inference); it takes videos for independent and is too narrow where they share
    people.

    Args:
        videos: With ``is_wrong`` and the column.
        column: Such as ``"method"``.

    Returns:
        ``name`` with the count, ``value``, ``low`` and ``high``: rows of a ranking chart.
    """
    rows = []
    for value, part in videos.groupby(column, sort=True, observed=True):
        test = binomtest(int(part["is_wrong"].sum()), len(part))
        ends = test.proportion_ci(method="wilson")
        rows.append((f"{value} ({len(part)})", test.statistic, ends.low, ends.high))
    return pd.DataFrame(rows, columns=["name", "value", "low", "high"])


def face_sizes(faces: pd.DataFrame) -> pd.Series:
    """Return the longer side of each box, in source pixels.

    Args:
        faces: Rows of ``faces.parquet``.
    """
    sides = [faces[f"box_{axis}2"] - faces[f"box_{axis}1"] for axis in "xy"]
    return pd.concat(sides, axis="columns").max(axis="columns")


def crops_by_method(
    videos: pd.DataFrame, faces: pd.DataFrame, store_dir: Path, *, count: int = 6
) -> list[ContactSheet]:
    """Show a crop of a few videos of each method: the middle one of the largest face.

    Args:
        videos: Rows of ``videos.parquet``.
        faces: Rows of ``faces.parquet``.
        store_dir: The store that they describe.
        count: Videos of each method.

    Returns:
        One sheet per class and method, real ones first.
    """
    main = faces[faces["track_id"] == 0].sort_values(["video_id", "frame_index"])
    by_video = main.groupby("video_id")
    middle = main[by_video.cumcount() == by_video["frame_index"].transform("size") // 2]
    named = middle.merge(videos[["video_id", "label", "method"]], on="video_id")
    return [
        ContactSheet(
            f"{CLASS_NAMES[int(part['label'].iloc[0])]}: {part['method'].iloc[0]}",
            [
                (thumbnail(store_dir / path), video_id)
                for path, video_id in part[["crop_path", "video_id"]].head(count).to_numpy()
            ],
        )
        for _, part in named.groupby(["label", "method"], sort=True)
    ]


def hardest_videos(run: Run, videos: pd.DataFrame, *, count: int = 12) -> ContactSheet:
    """Show the videos whose scores lie farthest from what they are.

    Args:
        run: Which scored them; its stores hold the crops.
        videos: What :func:`judged_videos` returned.

    Returns:
        A sheet, the hardest first.
    """
    crops: list[tuple[str | None, str]] = []
    for video in videos.head(count).to_dict("records"):
        clips = run.predictions
        own = clips[
            (clips["dataset"] == video["dataset"])
            & (clips["video_id"] == video["video_id"])
            & (clips["example_crop"] != "")
        ]
        folder = run.stores.get(video["dataset"])
        uri = None
        if folder is not None and len(own):
            uri = thumbnail(folder / str(own["example_crop"].iloc[0]))
        word = CLASS_NAMES[video["label"]]
        crops.append((uri, f"{video['video_id']}: {word}, score {video['score']:.3f}"))
    return ContactSheet(f"The {len(crops)} hardest videos of {run.name}", crops)
