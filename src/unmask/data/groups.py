"""Identity groups: identities that share footage, directly or through others."""

from collections.abc import Iterable, Sequence


def connected_groups(links: Iterable[Sequence[str]]) -> dict[str, str]:
    """Join names that occur together, and name each joined group after its smallest member.

    A fake shows one person over footage of another, so the two belong to one group; a chain of
    fakes joins everybody along it. A split that never cuts through a group never tests on a face
    or a background that was trained on.

    Args:
        links: Each a set of names that belong together; one name alone becomes a group of its own.

    Returns:
        The group of every name that occurs in ``links``. It depends on the links alone, not on
        their order.

    Example:
        >>> connected_groups([["id0"], ["id1", "id2"], ["id2", "id3"]])
        {'id0': 'id0', 'id1': 'id1', 'id2': 'id1', 'id3': 'id1'}
    """
    parents: dict[str, str] = {}
    for names in links:
        for name in names:
            parents.setdefault(name, name)
            _join(parents, names[0], name)
    return {name: _find(parents, name) for name in parents}


def _find(parents: dict[str, str], name: str) -> str:
    """Follow parents to the root, halving the path so that later look-ups are short."""
    while parents[name] != name:
        parents[name] = parents[parents[name]]
        name = parents[name]
    return name


def _join(parents: dict[str, str], one: str, other: str) -> None:
    """Put two trees under the smaller of their roots, which makes the root the smallest member."""
    first, second = _find(parents, one), _find(parents, other)
    parents[max(first, second)] = min(first, second)
