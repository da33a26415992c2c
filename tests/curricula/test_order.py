"""Order within an arm: without replacement, nothing lost, exact after a restore."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparft_verl.curricula.order import ShuffledOrder


def order_of(*sizes, seed=0):
    ends = np.cumsum(sizes)
    return ShuffledOrder([np.arange(end - size, end) for size, end in zip(sizes, ends, strict=True)], seed)


def test_each_pass_serves_each_prompt_once_in_a_new_order():
    order = order_of(3, 8)
    passes = [[order.take(1, ()) for _ in range(8)] for _ in range(3)]
    assert all(sorted(items) == list(range(3, 11)) for items in passes)
    assert passes[0] != passes[1] != passes[2]


def test_pools_and_seeds_are_shuffled_independently():
    a, b = order_of(20, 20), order_of(20, 20, seed=1)
    first = [a.take(0, ()) for _ in range(20)]
    assert first != [item - 20 for item in (a.take(1, ()) for _ in range(20))]
    assert first != [b.take(0, ()) for _ in range(20)]


def test_a_prompt_passed_over_comes_first_next_time_and_before_the_refill():
    order = order_of(4)
    batch = [order.take(0, ()) for _ in range(3)]
    rest = order.take(0, ())
    used = {rest}
    served = []
    for _ in range(3):  # the next pass, within a batch that holds `rest`
        served.append(order.take(0, used))
        used.add(served[-1])
    assert sorted(served) == sorted(batch)
    assert order.remaining(0).tolist() == [rest]
    assert order.take(0, ()) == rest


@settings(max_examples=60, deadline=None)
@given(
    size=st.integers(1, 9),
    batches=st.lists(st.integers(1, 9), min_size=1, max_size=40),
    cut=st.integers(0, 39),
)
def test_any_batches_skip_no_prompt_and_a_restore_changes_nothing(size, batches, cut):
    order, counts = order_of(size), np.zeros(size, dtype=int)
    restored = None
    for number, n in enumerate(batches):
        if number == cut:
            restored = order_of(size)
            restored.load(order.state_dict())
        used = set()
        for _ in range(min(n, size)):
            left = order.remaining(0)
            item = order.take(0, used)
            assert item not in used
            assert item in left or set(left) <= used  # a pass ends only when the batch holds all that is left
            if restored is not None:
                assert restored.take(0, used) == item
            used.add(item)
            counts[item] += 1
        assert counts.max() - counts.min() <= 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cursor": np.array([9])}, "cursor outside"),
        ({"cursor": np.array([1, 1])}, "1 values"),
        ({"epoch": np.array([1.5])}, "vector of int64"),
        ({"held": np.array([7]), "held_pool": np.array([0])}, "does not belong"),
        ({"held": np.array([1]), "held_pool": np.array([3])}, "pool that is not there"),
    ],
)
def test_a_damaged_state_is_refused(change, message):
    order = order_of(3)
    with pytest.raises(ValueError, match=message):
        order.load({**order.state_dict(), **change})
