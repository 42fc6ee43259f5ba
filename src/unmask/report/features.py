"""What a run's backbone tells apart before its head: a plane of the features, a linear score."""

from typing import Final

import numpy as np
import pandas as pd

from unmask.core.errors import PredictionsError
from unmask.evaluation.features import FloatArray, project, svm_score, umap_points
from unmask.report.figures import InlineImage, features_chart
from unmask.report.table import DASH, Cell, Section, Table, number_cell
from unmask.report.wording import Block

TITLE: Final = "Features of the backbone"


def features_section(
    embeddings: pd.DataFrame | None, shown: list[Block], *, sources: list[str], split: str
) -> Section:
    """Draw the features of each set and score a linear classifier of them.

    Args:
        embeddings: What :func:`unmask.evaluation.embeddings.read_embeddings` says;
            None where a model has no features of single frames.
        sources: The data sets trained on.
        split: Their split that the linear classifier is fitted on; never ``"test"``.

    Returns:
        The section; a sentence where there are no features.
    """
    if embeddings is None:
        return Section(TITLE, notes=["The run has no embeddings.parquet, so nothing is shown."])
    is_fit = embeddings["dataset"].isin(sources) & (embeddings["split"] == split)
    rows, pictures = [], []
    for block in shown:
        part = embeddings[
            (embeddings["dataset"] == block.dataset) & (embeddings["split"] == block.split)
        ]
        is_own = block.dataset in sources and block.split == split
        value, reason = (
            (None, "it was fitted on these videos")
            if is_own
            else _linear_score(embeddings[is_fit], part)
        )
        rows.append([Cell(block.title), number_cell(value), Cell(reason or DASH)])
        if len(part) > 1:
            pictures += _planes(block.title, part)
    return Section(
        TITLE,
        notes=[
            "Mean over a video's frames of what the backbone says, on its first two principal "
            "components (and by UMAP where it is installed). The table: AUC of a linear support "
            f"vector machine fitted on {'+'.join(sources)}, {split}."
        ],
        tables=[Table("A linear classifier of the features", ["set", "AUC", "why not"], rows)],
        pictures=pictures,
    )


def _linear_score(fit: pd.DataFrame, test: pd.DataFrame) -> tuple[float | None, str]:
    if fit.empty or test.empty:
        return None, "there are no features of one of the two splits"
    try:
        return svm_score(
            _vectors(fit),
            fit["label"].to_numpy(np.int64),
            fit["group"].to_numpy(),
            _vectors(test),
            test["label"].to_numpy(np.int64),
        ), ""
    except PredictionsError as error:
        return None, str(error)


def _planes(title: str, part: pd.DataFrame) -> list[InlineImage]:
    vectors = _vectors(part)
    found = project(vectors)
    shares = [float(one) for one in found.explained]
    pictures = [features_chart(title, _points(part, found.points), shares=shares)]
    umap = umap_points(vectors) if len(part) > 2 else None
    if umap is not None:
        pictures.append(features_chart(title, _points(part, umap), axis="UMAP coordinate"))
    return pictures


def _points(part: pd.DataFrame, points: FloatArray) -> pd.DataFrame:
    return part[["label", "method"]].assign(x=points[:, 0], y=points[:, 1])


def _vectors(part: pd.DataFrame) -> FloatArray:
    vectors: FloatArray = np.stack(part["vector"].tolist()).astype(np.float64)
    return vectors
