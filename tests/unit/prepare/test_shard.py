import pytest
from hypothesis import given
from hypothesis import strategies as st

from unmask.prepare.shard import Shard


@given(st.integers(1, 20), st.integers(0, 50))
def test_shards_hold_every_item_once(count: int, num_items: int) -> None:
    slices = [Shard(number, count).of(range(num_items)) for number in range(1, count + 1)]
    assert sorted(item for part in slices for item in part) == list(range(num_items))
    assert max(map(len, slices)) - min(map(len, slices)) <= 1


@pytest.mark.parametrize("text", ["3", "a/b", "-1/2", "1/2/3", "1.5/2", ""])
def test_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f"shard must be i/n .* got {text!r}"):
        Shard.parse(text)


@pytest.mark.parametrize("text", ["0/8", "9/8", "1/0"])
def test_a_slice_that_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f"shard={text} names no slice"):
        Shard.parse(text)


def test_a_shard_reads_what_it_writes() -> None:
    assert Shard.parse(str(Shard(3, 8))) == Shard(3, 8)
