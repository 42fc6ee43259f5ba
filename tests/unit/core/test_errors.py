import pickle

import pytest

from unmask.core.errors import (
    CheckpointError,
    ConfigError,
    DataError,
    PredictionsError,
    UnmaskError,
    VideoError,
    did_you_mean,
)


@pytest.mark.parametrize(
    "kind", [DataError, VideoError, ConfigError, CheckpointError, PredictionsError]
)
def test_every_error_of_the_world_is_caught_as_one(kind: type[UnmaskError]) -> None:
    assert issubclass(kind, UnmaskError)
    assert not issubclass(kind, ValueError)


def test_a_video_error_keeps_its_reason_between_processes() -> None:
    error = pickle.loads(pickle.dumps(VideoError("a.mp4 ends early.", reason="truncated")))  # noqa: S301 - our own bytes
    assert (str(error), error.reason) == ("a.mp4 ends early.", "truncated")


@pytest.mark.parametrize(
    ("name", "choices", "expected"),
    [
        ("effb0_lstn", ["effb0_lstm", "swin_mean"], "; did you mean 'effb0_lstm'?"),
        ("x", ["swin", "effb0"], "; choose one of: effb0, swin."),
        ("x", [], "; none are available."),
        ("", ["a"], "; choose one of: a."),
    ],
)
def test_the_nearest_or_every_choice_is_offered(
    name: str, choices: list[str], expected: str
) -> None:
    assert did_you_mean(name, choices) == expected


def test_choices_may_be_an_iterator() -> None:
    assert did_you_mean("zz", iter(["b", "a"])) == "; choose one of: a, b."
