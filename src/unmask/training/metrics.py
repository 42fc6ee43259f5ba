"""Metrics of the validation split while a run trains, joined over its processes."""

from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torchmetrics import Metric

from unmask.core.labels import FAKE, REAL
from unmask.evaluation.metrics import roc_auc


class VideoAUROC(Metric):
    """Area under the ROC curve over videos, a video's score being the mean over its clips.

    The states of several processes are joined before clips are averaged, so that the clips of a
    video may lie on any of them. A clip that came twice counts once. The result is scikit-learn's,
    of double precision until the end, and does not depend on the order in which clips came.
    """

    full_state_update = False
    is_differentiable = False
    higher_is_better = True
    scores: list[Tensor]
    labels: list[Tensor]
    videos: list[Tensor]
    clips: list[Tensor]

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401 - torchmetrics' own settings
        super().__init__(**kwargs)
        for name in ("scores", "labels", "videos", "clips"):
            self.add_state(name, default=[], dist_reduce_fx="cat")

    def update(self, scores: Tensor, labels: Tensor, videos: Tensor, clips: Tensor) -> None:
        """Add clips, ``(batch,)`` each.

        Args:
            scores: Probability of fake.
            labels: 0 real, 1 fake.
            videos: A number of the clip's video.
            clips: A number of the clip itself, which orders the clips of its video.
        """
        self.scores.append(scores.detach())
        self.labels.append(labels)
        self.videos.append(videos)
        self.clips.append(clips)

    def compute(self) -> Tensor:
        """Return the area, NaN where one class is missing, as in a validation that is cut short."""
        scores, labels, videos, clips = (
            _joined(getattr(self, name)) for name in ("scores", "labels", "videos", "clips")
        )
        _, order = np.unique(clips, return_index=True)  # sums of floats depend on their order
        table = pd.DataFrame({"label": labels[order], "score": scores[order].astype(np.float64)})
        by_video = table.groupby(videos[order], sort=True)
        of_videos = by_video["label"].first().to_numpy()
        if not {REAL, FAKE} <= set(of_videos.tolist()):
            return torch.tensor(float("nan"), device=self.device)
        auc = roc_auc(of_videos, by_video["score"].mean().to_numpy())
        return torch.tensor(auc, device=self.device)


def _joined(state: list[Tensor] | Tensor) -> Any:  # noqa: ANN401 - an array of any kind
    """Return a state as an array; torchmetrics joins the lists of several processes by itself."""
    parts = state if isinstance(state, list) else [state]
    return torch.cat(parts).cpu().numpy() if parts else np.empty(0)
