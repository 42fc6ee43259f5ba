"""Small takes and data sets that several tests look at."""

from pathlib import Path

import numpy as np
import pytest

from unmask.demo.layouts import (
    Picture,
    SyntheticCelebDF,
    SyntheticFFPP,
    make_celebdf,
    make_ffpp,
)
from unmask.demo.motion import make_performance
from unmask.demo.people import make_person
from unmask.demo.scene import make_light
from unmask.demo.take import Footage, Take, film, make_take, recast, redirect

TINY_FFPP = SyntheticFFPP(
    num_train_pairs=1,
    num_val_pairs=0,
    num_test_pairs=1,
    picture=Picture(num_frames=3, height=128, width=128),
)
TINY_CELEBDF = SyntheticCelebDF(
    num_train_pairs=1,
    num_test_pairs=1,
    num_youtube=1,
    picture=Picture(num_frames=3, height=128, width=160),
)


def take_of(seed: int, *, num_frames: int = 4, size: int = 192) -> Take:
    rng = np.random.default_rng(seed)
    performance = make_performance(rng, num_frames=num_frames, frames_per_second=10)
    return make_take(
        make_person(seed), performance, light=make_light(rng), rng=rng, height=size, width=size
    )


@pytest.fixture(scope="session")
def target() -> Footage:
    return film(take_of(1))


@pytest.fixture(scope="session")
def source() -> Footage:
    return film(take_of(2))


@pytest.fixture(scope="session")
def double(target: Footage, source: Footage) -> Footage:
    return film(recast(target.take, source.take.person))


@pytest.fixture(scope="session")
def driven(target: Footage, source: Footage) -> Footage:
    return film(redirect(target.take, source.take.performance))


@pytest.fixture(scope="session")
def ffpp_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("synthetic") / "ffpp"
    make_ffpp(root, TINY_FFPP, num_workers=1)
    return root


@pytest.fixture(scope="session")
def celebdf_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("synthetic") / "celebdf"
    make_celebdf(root, TINY_CELEBDF, num_workers=1)
    return root
