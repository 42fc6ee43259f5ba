"""The report's sentences and numbers, in words that a reader outside the field can follow."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from unmask.core.labels import CHANGED_VIDEO
from unmask.pages.numbers import number

ROLES: Final = {
    "training": "training set",
    "validation": "validation",
    "in_domain": "test, same data set",
    "cross_dataset": "test, unseen data set",
}
# Mark of every number of a run with leaks.
LEAK_MARK: Final = " (leak allowed)"
# Mark of every number of a run that was scored on other data than it was trained with.
CHANGED_MARK: Final = " (data changed)"
# Mark of every number of other weights.
CHECKPOINT_MARKS: Final[dict[str, str]] = {
    "chosen": "",
    "other": " (checkpoint not chosen on validation)",
    "unknown": " (checkpoint not confirmed)",
}
# Below this many groups a percentile interval is known to be too narrow.
FEW_GROUPS: Final = 20


@dataclass(frozen=True)
class Block:
    """One split of one data set in ``metrics.json``.

    Args:
        split: ``"train"``, ``"val"`` or ``"test"``.
        content: What was measured on it.
    """

    dataset: str
    split: str
    content: dict[str, Any]

    @property
    def role(self) -> str:
        """What this split is to the detector, as a key of ``ROLES``."""
        role: str = self.content["role"]
        return role

    @property
    def is_test(self) -> bool:
        """Whether nothing was fitted or chosen on it."""
        return self.role in ("in_domain", "cross_dataset")

    @property
    def role_name(self) -> str:
        """The same in words, e.g. ``"test, copy of ffpp"``."""
        if self.is_test and self.content.get("copy_of"):
            return f"test, copy of {self.content['copy_of']}"
        return ROLES[self.role]

    @property
    def mark(self) -> str:
        """What stands at every number of this split."""
        return mark_in(self.content)

    @property
    def title(self) -> str:
        """Data set and split, e.g. ``"celebdf, test"``, marked where it must be."""
        return f"{self.dataset}, {self.split}{self.mark}"


def mark_in(content: Mapping[str, Any]) -> str:
    """Return what stands at every number: leaks, changed data, weights not chosen on validation.

    Args:
        content: ``metrics.json``, or its part for one split.

    Example:
        >>> mark_in({"leak_allowed": True, "checkpoint": "chosen"})
        ' (leak allowed)'
        >>> mark_in({"leak_allowed": False, "checkpoint": "other"})
        ' (checkpoint not chosen on validation)'
    """
    leak = LEAK_MARK if content.get("leak_allowed") else ""
    if content.get("data_changed"):
        leak = CHANGED_MARK
    return leak + CHECKPOINT_MARKS[content.get("checkpoint", "chosen")]


def blocks(metrics: dict[str, Any]) -> list[Block]:
    """Return what was measured in reading order: training, validation, test, other data sets."""
    found = [
        Block(dataset, split, content)
        for dataset, splits in metrics["datasets"].items()
        for split, content in splits.items()
    ]
    order = list(ROLES)
    return sorted(found, key=lambda block: (order.index(block.role), block.dataset, block.split))


def headline(metrics: dict[str, Any]) -> list[str]:
    """Describe in plain words how well the tests went, in-domain first, and what crossing costs."""
    level = f"{100 * metrics['protocol']['level']:g} % interval"
    tests = [block for block in blocks(metrics) if block.is_test]
    homes = [one for one in tests if one.role == "in_domain" and not one.content.get("copy_of")]
    own = "the data set it was trained on" if len(homes) < 2 else "a data set it was trained on"
    sentences = []
    for block in tests:
        auc = block.content["video"]["auc"]
        seen = own if block in homes else _seen_before(block)
        # With several data sets trained on, none is the one to compare with.
        is_compared = block not in homes and len(homes) == 1
        gap = _gap(homes[0].content["video"]["auc"], auc) if is_compared else ""
        sentences.append(
            f"Of one real and one fake video of {block.title} ({seen}), the fake gets the higher "
            f"score {100 * auc['value']:.1f} times in 100{_times(auc, level)}{gap}."
            + _against_guessing(auc)
        )
    return sentences or ["No test set was evaluated: the numbers below are not a test result."]


def _seen_before(block: Block) -> str:
    if block.role == "cross_dataset":
        return "which it has never seen"
    return f"footage of {block.content['copy_of']}, which it was trained on, in another copy"


def _times(auc: dict[str, Any], level: str) -> str:
    if auc["low"] is None or auc["low"] == auc["high"]:
        return ", but the set is too small for an interval" if auc["low"] is None else ""
    return f" ({level} {100 * auc['low']:.1f} to {100 * auc['high']:.1f})"


def _gap(home: dict[str, Any], away: dict[str, Any]) -> str:
    points = 100 * (home["value"] - away["value"])
    if abs(points) < 0.05:
        return ", as often as on its own data set"
    return f", {abs(points):.1f} points {'less' if points > 0 else 'more'} than on its own data set"


def _against_guessing(auc: dict[str, Any]) -> str:
    if auc["low"] is not None and auc["low"] <= 0.5 <= auc["high"]:
        return " The interval holds 50, which is guessing."
    if auc["high"] is not None and auc["high"] < 0.5:
        return " That is worse than guessing; are the labels of this set the other way round?"
    return ""


def cautions(metrics: dict[str, Any]) -> list[str]:
    """List what a reader should know before believing the numbers, worst first."""
    return [
        *_leaks_allowed(metrics),
        *_other_checkpoint(metrics),
        *_shared_groups(metrics),
        *_no_threshold(metrics),
        *_unscored(metrics),
        *(sentence for block in blocks(metrics) for sentence in _without_reals(block)),
        *(sentence for block in blocks(metrics) for sentence in _without_width(block)),
        *_few_groups(metrics),
        *_chosen_on_validation(metrics),
    ]


def _leaks_allowed(metrics: dict[str, Any]) -> Iterator[str]:
    leaks = dict(metrics["leaks"]) if metrics.get("leak_allowed") else {}
    if changed := leaks.pop(CHANGED_VIDEO, 0):
        yield (
            f"This run was scored with allow_changed_data=true: {changed} videos are not as they "
            "were when it was trained. Those that it was trained on were left out; every number "
            "is marked and none may be compared."
        )
    if leaks or (metrics.get("leak_allowed") and not changed):
        found = ", ".join(f"{kind}s: {count}" for kind, count in sorted(leaks.items()))
        yield (
            f"This run was made with allow_leak=true. Shared between splits: {found or 'unknown'}. "
            "Its numbers may measure memory; every one is marked and none may be compared."
        )


def _other_checkpoint(metrics: dict[str, Any]) -> Iterator[str]:
    why = {
        "other": "The scored weights are not those that validation chose, so that somebody who had "
        "seen a test may have chosen them. `unmask evaluate run=<run>`, of an ensemble each "
        "member's, scores those.",
        "unknown": "Nobody can tell whether validation chose the scored weights: the checkpoint "
        "that it chose is gone, and its hash or theirs is not recorded. Train it again to know.",
    }.get(metrics.get("checkpoint", "chosen"))
    if why is not None:
        yield (
            f"{why} Every number is marked, and the run takes no part where validation chooses "
            "among runs."
        )


def _shared_groups(metrics: dict[str, Any]) -> Iterator[str]:
    for dataset, count in metrics["groups_shared_between_splits"].items():
        yield (
            f"Leak: {count} identity group{_s(count)} of {dataset} found in more than one split, "
            "so that the test shows people or footage known from training or validation."
        )


def _no_threshold(metrics: dict[str, Any]) -> Iterator[str]:
    threshold = metrics["threshold"]
    if threshold["value"] is None:
        yield (
            f"No threshold could be fixed on {threshold['dataset']}, {threshold['split']}, because "
            f"{threshold['reason']}; decisions are shown at 0.5 only."
        )


def _unscored(metrics: dict[str, Any]) -> Iterator[str]:
    policy = metrics["protocol"]["unscored"]
    effect = "left out of every metric" if policy == "exclude" else "given the score 0.5 as videos"
    for block in blocks(metrics):
        missing = block.content["unscored"]
        if missing["count"]:
            reasons = ", ".join(f"{name}: {count}" for name, count in missing["reasons"].items())
            yield (
                f"{block.title}: {missing['count']} video{_s(missing['count'])} without a usable "
                f"face ({missing['num_real']} real, {missing['num_fake']} fake; {reasons}), "
                f"{effect}."
            )
    for part in metrics["not_measured"]:
        yield (
            f"{part['dataset']}, {part['split']}: none of its {part['count']} videos has a score, "
            "so that it is not measured at all."
        )


def _without_reals(block: Block) -> Iterator[str]:
    for method, facts in block.content["methods"]["fake"].items():
        if facts["auc"] is None:
            yield (
                f"{block.title}: no AUC of {method}, because {facts['reason']}; against other real "
                f"videos it would measure the footage. Every number of the whole set has its "
                f"{facts['count']} video{_s(facts['count'])} against such."
            )


def _without_width(block: Block) -> Iterator[str]:
    auc = block.content["video"]["auc"]
    if auc["low"] is None:
        yield f"{block.title}: all videos belong to one identity group, hence no interval."
    elif auc["low"] == auc["high"]:
        yield (
            f"{block.title}: every resample gives the same AUC ({number(auc['value'])}), so the "
            "interval has no width. That shows a small or easy set, not a certain result."
        )


def _few_groups(metrics: dict[str, Any]) -> Iterator[str]:
    few = [
        f"{block.content['video']['num_groups']} in {block.title}"
        for block in blocks(metrics)
        if 1 < block.content["video"]["num_groups"] < FEW_GROUPS
    ]
    if few:
        yield (
            f"Few identity groups ({'; '.join(few)}): their intervals are rough, "
            "and rather too narrow than too wide."
        )


def _chosen_on_validation(metrics: dict[str, Any]) -> Iterator[str]:
    if any(block.role == "validation" for block in blocks(metrics)):
        is_chosen = metrics.get("checkpoint", "chosen") == "chosen"
        what = "The checkpoint and the threshold are" if is_chosen else "The threshold is"
        yield (
            f"{what} chosen on validation, so numbers on validation flatter the detector"
            + ("; the test sets do not." if is_chosen else ".")
        )


def _s(count: int) -> str:
    return "" if count == 1 else "s"
