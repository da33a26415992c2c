"""Order within an arm: without replacement, nothing lost, exact after a restore."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparft_verl.curricula.order import PassOrder, ReplacementOrder, ShuffledOrder, by_difficulty

PROMPTS = 60


def pools_of(*sizes):
    ends = np.cumsum(sizes)
    return [np.arange(end - size, end) for size, end in zip(sizes, ends, strict=True)]


def order_of(*sizes, seed=0):
    return ShuffledOrder(pools_of(*sizes), seed)


def take(order, pool, used=(), count=1):
    """The next prompts, none of `used`; one prompt where one is asked for."""
    blocked = np.zeros(PROMPTS, dtype=bool)
    blocked[list(used)] = True
    items = order.take(pool, count, blocked).tolist()
    assert blocked[items].all() and blocked.sum() == len({*used, *items})
    return items[0] if count == 1 else items


def test_each_pass_serves_each_prompt_once_in_a_new_order():
    order = order_of(3, 8)
    passes = [[take(order, 1) for _ in range(8)] for _ in range(3)]
    assert all(sorted(items) == list(range(3, 11)) for items in passes)
    assert passes[0] != passes[1] != passes[2]


def test_pools_and_seeds_are_shuffled_independently():
    a, b = order_of(20, 20), order_of(20, 20, seed=1)
    first = [take(a, 0) for _ in range(20)]
    assert first != [item - 20 for item in (take(a, 1) for _ in range(20))]
    assert first != [take(b, 0) for _ in range(20)]


def test_a_prompt_passed_over_comes_first_next_time_and_before_the_refill():
    order = order_of(4)
    batch = [take(order, 0) for _ in range(3)]
    rest = take(order, 0)
    used = {rest}
    served = []
    for _ in range(3):  # the next pass, within a batch that holds `rest`
        served.append(take(order, 0, used))
        used.add(served[-1])
    assert sorted(served) == sorted(batch)
    assert order.remaining(0).tolist() == [rest]
    assert take(order, 0) == rest


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
            item = take(order, 0, used)
            assert item not in used
            assert item in left or set(left) <= used  # a pass ends only when the batch holds all that is left
            if restored is not None:
                assert take(restored, 0, used) == item
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


def test_a_batch_taken_at_once_is_what_it_is_one_by_one():
    a, b = order_of(7, 9, seed=3), order_of(7, 9, seed=3)
    for count in (3, 5, 6, 2, 7):
        used: list[int] = []
        for _ in range(count):
            used.append(take(b, 0, used))
        assert take(a, 0, (), count) == (used if count > 1 else used[0])
        assert {k: v.tolist() for k, v in a.state_dict().items()} == {
            k: v.tolist() for k, v in b.state_dict().items()
        }


def test_slots_are_filled_from_the_pools_they_name():
    order = order_of(4, 6)
    pools = np.array([1, 0, 1, 1, 0])
    items = order.fill(pools, np.zeros(PROMPTS, dtype=bool), repeat=False)
    assert ((items >= 4) == (pools == 1)).all() and len(set(items.tolist())) == 5
    again = order.fill(np.zeros(9, dtype=int), np.zeros(PROMPTS, dtype=bool), repeat=True)
    assert np.bincount(again, minlength=4).max() <= 3


def test_a_given_order_is_the_same_in_every_pass():
    order = PassOrder([np.array([5, 2, 9])])
    assert [take(order, 0) for _ in range(7)] == [5, 2, 9, 5, 2, 9, 5]


def test_with_replacement_every_draw_is_uniform_over_what_is_free_and_restores():
    order = ReplacementOrder(pools_of(5, 20), seed=1)
    counts = np.bincount([take(order, 0, (3,)) for _ in range(4000)], minlength=5)
    assert counts[3] == 0 and abs(counts[[0, 1, 2, 4]] - 1000).max() < 150
    again = ReplacementOrder(pools_of(5, 20), seed=1)
    again.load(order.state_dict())
    assert take(order, 1, (), 12) == take(again, 1, (), 12)
    with pytest.raises(ValueError, match="'calls' must be an integer >= 0"):
        again.load({"calls": -1})


@pytest.mark.parametrize("repeat", [False, True])
def test_with_replacement_a_nearly_empty_pool_is_served_at_once_and_evenly(repeat):
    """Three of 20000 are free: eight rounds of draws find none, the rest is drawn among the three."""
    size, free = 20_000, (7, 11, 19_999)
    counts = {number: np.zeros(3, int) for number in free}
    for seed in range(300):
        order = ReplacementOrder([np.arange(size)], seed)
        blocked = np.ones(size, dtype=bool)
        blocked[list(free)] = False
        items = order.take(0, 3, blocked, repeat).tolist()
        assert set(items) <= set(free) and (repeat or len(set(items)) == 3)
        assert blocked.all() != repeat
        for slot, number in enumerate(items):
            counts[number][slot] += 1
    assert all(abs(slots - 100).max() < 40 for slots in counts.values())  # 5 deviations
    whole = ReplacementOrder([np.arange(size)], 0).take(0, size, np.zeros(size, dtype=bool))
    assert sorted(whole.tolist()) == list(range(size))


def test_difficulty_orders_prompts_with_ties_shuffled_and_the_unknown_in_the_middle(arms_of):
    import dataclasses

    arms = arms_of([8])
    arms = dataclasses.replace(arms, difficulty=np.array([0.9, 0.1, 0.1, 0.5, np.nan, 0.1, 1.0, 0.7]))
    order = by_difficulty(arms, 0)
    assert set(order[:3].tolist()) == {1, 2, 5} and set(order[3:5].tolist()) == {3, 4}
    assert order[5:].tolist() == [7, 0, 6]
    assert len({tuple(by_difficulty(arms, seed)[:3].tolist()) for seed in range(20)}) > 3
    assert by_difficulty(arms, 0, hardest_first=True)[:2].tolist() == [6, 0]
    with pytest.raises(ValueError, match=r"no difficulty .* difficulty.column"):
        by_difficulty(dataclasses.replace(arms, difficulty=np.full(8, np.nan)), 0)
