"""What a detector costs, as a table for people."""

from rich.table import Table

from unmask.models.complexity import Complexity


def complexity_table(complexity: Complexity, name: str) -> Table:
    """Lay out the cost of a detector.

    Args:
        complexity: What was measured.
        name: Of the model.
    """
    frames, side = complexity.num_frames, complexity.image_size
    formula = complexity.system_a_flops
    rows = {
        "parameters": f"{complexity.num_parameters:,}",
        "of these trained": f"{complexity.num_trainable:,}",
        "checkpoint": f"{complexity.checkpoint_bytes / 1e6:,.1f} MB (weights alone)",
        "clip": f"{frames} frames of {side} x {side} px",
        "features": f"{frames} x {complexity.num_features}",
        "logits": "2 (real, fake)",
        "operations per clip": f"{complexity.flops_per_clip / 1e9:,.2f} GFLOP "
        "(a multiplication and an addition are two)",
        "by system A's formula": "has no meaning without convolutions"
        if formula is None
        else f"{formula / 1e9:,.2f} G (no groups; a multiplication and an addition are one)",
        "memory of a training step": f"about {complexity.training_bytes / 2**30:,.1f} GiB "
        f"({complexity.batch_size} clips, Adam, float32, without the libraries' workspace)",
    }
    table = Table(title=name, title_justify="left", show_header=False)
    for what, value in rows.items():
        table.add_row(what, value)
    return table
