"""The report's charts, as SVG that is equal for equal data.

Each function takes plain tables or arrays and returns a :class:`InlineImage` that travels inside a
page. What is drawn is prepared in ``points``, so that tests read numbers and not pictures.
"""

from unmask.report.figures.comparison import heat_map, ranking_chart
from unmask.report.figures.curves import (
    det_chart,
    pr_chart,
    reliability_chart,
    roc_chart,
)
from unmask.report.figures.decisions import (
    confusion_chart,
    histogram_chart,
    score_chart,
)
from unmask.report.figures.features import features_chart
from unmask.report.figures.style import (
    FAKE_COLOUR,
    INK,
    LINE_COLOURS,
    REAL_COLOUR,
    STYLE,
    InlineImage,
)
from unmask.report.figures.training import learning_chart, training_charts

__all__ = [
    "FAKE_COLOUR",
    "INK",
    "LINE_COLOURS",
    "REAL_COLOUR",
    "STYLE",
    "InlineImage",
    "confusion_chart",
    "det_chart",
    "features_chart",
    "heat_map",
    "histogram_chart",
    "learning_chart",
    "pr_chart",
    "ranking_chart",
    "reliability_chart",
    "roc_chart",
    "score_chart",
    "training_charts",
]
