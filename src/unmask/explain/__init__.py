"""Heat maps of what a detector saw, and their measured quality. No Lightning, no config."""

from unmask.explain.clip import HeatMaps
from unmask.explain.dropout import DropoutScores, mc_dropout
from unmask.explain.explanation import Explanation, explain
from unmask.explain.grad_cam import grad_cam
from unmask.explain.learned import LearnedAttention, learned_attention
from unmask.explain.occlusion import occlusion
from unmask.explain.overlay import colour_scale, overlay
from unmask.explain.quality import deletion, insertion, pointing, randomisation_check
from unmask.explain.rollout import attention_rollout

__all__ = [
    "DropoutScores",
    "Explanation",
    "HeatMaps",
    "LearnedAttention",
    "attention_rollout",
    "colour_scale",
    "deletion",
    "explain",
    "grad_cam",
    "insertion",
    "learned_attention",
    "mc_dropout",
    "occlusion",
    "overlay",
    "pointing",
    "randomisation_check",
]
