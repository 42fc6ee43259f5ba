"""Which names of data sets stand for the same footage: copies, re-packs, versions and parts."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class _Known:
    """Whose footage a data set holds, and under which names others publish numbers on its videos.

    Args:
        family: Data sets of one family share footage.
        published: Names of test sets; one that leaves the version open is in each version's.
    """

    family: str
    published: tuple[str, ...]


_KNOWN: Final = {
    "ffpp": _Known("ffpp", ("ffpp",)),
    "ffpp_gend": _Known("ffpp", ("ffpp",)),
    "ffpp_kaggle": _Known("ffpp", ("ffpp",)),
    "dfd": _Known("dfd", ("dfd",)),
    "dfd_kaggle": _Known("dfd", ("dfd",)),
    # Each version extends the one before; a published number is of one of them.
    "celebdf_v1": _Known("celebdf", ("celebdf_v1", "celebdf")),
    "celebdf_v2": _Known("celebdf", ("celebdf_v2", "celebdf")),
    "celebdf_v3": _Known("celebdf", ("celebdf_v3",)),
    "dfdc": _Known("dfdc", ("dfdc",)),
    "dfdc_test": _Known("dfdc", ("dfdc_test",)),
}


def same_footage(one: str, other: str) -> bool:
    """Return whether two names stand for the same footage, as far as names tell.

    A name that goes on behind a known one, such as ``ffpp_c40``, is taken for a copy of it: too
    much called seen does less harm than too little.

    Args:
        one: Our name of a data set.
        other: Of another, or of the same.

    Example:
        >>> same_footage("ffpp_gend", "ffpp"), same_footage("dfd_kaggle", "dfd")
        (True, True)
        >>> same_footage("ffpp_c40", "ffpp"), same_footage("dfdcp", "dfdc")
        (True, False)
        >>> same_footage("synthetic_ffpp", "ffpp")
        False
    """
    return one == other or _family_of(one) == _family_of(other)


def same_people(one: str, other: str, source: str) -> bool:
    """Return whether two groups' first parts, such as ``ffpp/youtube``, count the same people.

    Only those of known footage, or named after the data set trained on, tell anything: other first
    parts, such as ``real``, are no more than words.

    Args:
        other: Of the data set trained on.

    Example:
        >>> same_people("ffpp/youtube", "ffpp/youtube", "my_copy")
        True
        >>> same_people("real", "real", "site"), same_people("ffpp/actors", "ffpp/youtube", "ffpp")
        (False, False)
    """
    first = one.partition("/")[0]
    return one == other and (first == source or first in _KNOWN)


def published_names(dataset: str) -> tuple[str, ...]:
    """Return the names under which others publish numbers on a data set's videos.

    Example:
        >>> published_names("dfd_kaggle"), published_names("uadfv")
        (('dfd',), ('uadfv',))
    """
    return _KNOWN[dataset].published if dataset in _KNOWN else (dataset,)


def _family_of(name: str) -> str:
    # The longest known name, so that what goes on behind "dfdc_test" is not taken for "dfdc" first.
    for known in sorted(_KNOWN, key=len, reverse=True):
        if name == known or name.startswith(f"{known}_"):
            return _KNOWN[known].family
    return name
