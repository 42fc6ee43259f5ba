from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask.data.groups import connected_groups

NAMES = st.sampled_from([f"id{number}" for number in range(12)])
LINKS = st.lists(st.lists(NAMES, min_size=1, max_size=3), max_size=15)


def reference_groups(links: list[list[str]]) -> set[frozenset[str]]:
    """Walk the graph from every name, an independent way to the same groups."""
    neighbours = defaultdict(set)
    for names in links:
        for name in names:
            neighbours[name] |= set(names)
    groups = set()
    for start in neighbours:
        reached, waiting = {start}, [start]
        while waiting:
            new = neighbours[waiting.pop()] - reached
            reached |= new
            waiting += new
        groups.add(frozenset(reached))
    return groups


@given(LINKS)
def test_groups_are_the_connected_components(links: list[list[str]]) -> None:
    members = defaultdict(set)
    for name, group in connected_groups(links).items():
        members[group].add(name)
    assert {frozenset(names) for names in members.values()} == reference_groups(links)


@given(LINKS)
def test_a_group_is_named_after_its_smallest_member(links: list[list[str]]) -> None:
    groups = connected_groups(links)
    for group in set(groups.values()):
        assert group == min(name for name in groups if groups[name] == group)


@given(LINKS, st.randoms())
def test_the_order_of_links_does_not_matter(links: list[list[str]], random: object) -> None:
    shuffled = [list(names) for names in links]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    for names in shuffled:
        random.shuffle(names)  # type: ignore[attr-defined]
    assert connected_groups(shuffled) == connected_groups(links)


@pytest.mark.parametrize("length", [2000])
def test_a_long_chain_is_one_group(length: int) -> None:
    chain = [[f"{n:05d}", f"{n + 1:05d}"] for n in reversed(range(length))]
    assert set(connected_groups(chain).values()) == {"00000"}


def test_no_links_make_no_groups() -> None:
    assert connected_groups([]) == {}
