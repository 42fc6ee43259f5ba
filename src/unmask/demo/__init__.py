"""Invented people: a procedural renderer of talking heads, four forgeries, two data sets.

Everything follows from a seed, so that a demo and the tests need no download. The demo says nothing
about real faces: it shows that the whole path works and what crossing data sets costs.
"""

from unmask.demo.layouts import (
    Picture,
    SyntheticCelebDF,
    SyntheticFFPP,
    make_celebdf,
    make_ffpp,
)
from unmask.demo.manipulations import METHODS

__all__ = [
    "METHODS",
    "Picture",
    "SyntheticCelebDF",
    "SyntheticFFPP",
    "make_celebdf",
    "make_ffpp",
]
