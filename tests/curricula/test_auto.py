"""`auto` against its rule by hand: P(k) proportional to rate_k ** power * size_k ** by_size, prompts by dull streaks.

rate_k = (1 + m) / (2 + n), of n discounted groups m mixed; a prompt is served with probability retry ** streak.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparft_verl.curricula import CurriculumConfig, Feedback, build
from sparft_verl.curricula.order import ShuffledOrder
from sparft_verl.curricula.skipping import SkippingOrder


def make(arms, **settings):
    return build(CurriculumConfig.of(method="auto", **settings), arms)


def tell(curriculum, group_of, ticket, rates):
    """Observe every slot of a ticket; rates: arm -> solve rate of all of its groups."""
    curriculum.observe(
        [
            group_of(ticket.id, row, rates[arm])
            for row, arm in zip(ticket.rows.tolist(), ticket.arms.tolist(), strict=True)
        ]
    )


def odds(rates, sizes, power, by_size):
    weight = np.asarray(rates) ** power * np.asarray(sizes, dtype=float) ** by_size
    return weight / weight.sum()


def test_unseen_arms_are_drawn_by_the_root_of_their_size(arms_of):
    ticket = make(arms_of([1, 4, 16])).propose(1)
    assert ticket.propensity[0] == pytest.approx(np.array([1, 2, 4])[ticket.arms[0]] / 7)


def test_two_steps_by_hand(arms_of, group_of):
    sizes, discount = [8, 32], 0.5
    curriculum = make(arms_of(sizes), power=2.0, by_size=0.5, discount=discount)
    mixed = np.zeros(2)
    groups = np.zeros(2)
    for step in (1, 2):
        ticket = curriculum.propose(6)
        expected = odds((1 + mixed) / (2 + groups), sizes, 2.0, 0.5)
        assert ticket.propensity[0] == pytest.approx(expected[ticket.arms[0]])
        tell(curriculum, group_of, ticket, {0: 0.5, 1: 0.0})
        count = np.bincount(ticket.arms, minlength=2)
        mixed, groups = mixed + np.array([count[0], 0]), groups + count
        curriculum.tick(step)
        mixed, groups = discount * mixed, discount * groups
    expected = odds((1 + mixed) / (2 + groups), sizes, 2.0, 0.5)
    ticket = curriculum.propose(1)
    assert ticket.propensity[0] == pytest.approx(expected[ticket.arms[0]])


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_failed_and_solved_groups_count_alike(arms_of, group_of, rate):
    curriculum = make(arms_of([9]))
    tell(curriculum, group_of, curriculum.propose(3), {0: rate})
    curriculum.tick(1)
    metrics = curriculum.metrics()
    assert metrics["sparft/arm/arm0/signal"] == pytest.approx(1 / (2 + 0.98 * 3))
    assert metrics["sparft/dull_prompts"] == pytest.approx(3 / 9)


def test_equal_partial_credit_is_no_signal(arms_of):
    curriculum = make(arms_of([4]))
    ticket = curriculum.propose(1)
    curriculum.observe([Feedback(ticket.id, int(ticket.rows[0]), np.array([0.5, 0.5, 0.5]))])
    curriculum.tick(1)
    assert curriculum.metrics()["sparft/dull_prompts"] == pytest.approx(1 / 4)


def test_a_mixed_group_ends_a_streak(arms_of, group_of):
    curriculum = make(arms_of([2]), retry=0.0)
    for step, rate in ((1, 0.0), (2, 0.5)):
        tell(curriculum, group_of, curriculum.propose(2), {0: rate})
        curriculum.tick(step)
    assert curriculum.metrics()["sparft/dull_prompts"] == 0.0


def test_dull_prompts_are_left_to_their_chance_in_the_next_passes(arms_of, group_of):
    """Half of the prompts never bring a signal: after the first pass each of them comes retry as often as others."""
    curriculum = make(arms_of([400]), retry=0.3)
    dull = set(range(100, 1300, 6))  # every other row of the arm
    served = []
    for step in range(1, 91):
        ticket = curriculum.propose(20)
        rows = ticket.rows.tolist()
        if step > 20:
            served += rows
        curriculum.observe([group_of(ticket.id, row, 0.0 if row in dull else 0.5) for row in rows])
        curriculum.tick(step)
    share = sum(row in dull for row in served) / len(served)
    # a pass holds all others, of the dull ones .3 in the first after the streak began, then .09, ...: below .3 / 1.3
    assert 0.05 < share < 0.3 / 1.3 + 0.02


def test_an_arm_without_signal_is_left_and_found_again(arms_of, group_of):
    curriculum = make(arms_of([200, 200]), discount=0.9)
    for step in range(1, 31):
        tell(curriculum, group_of, curriculum.propose(8), {0: 0.0, 1: 0.5})
        curriculum.tick(step)
    left = curriculum.metrics()["sparft/arm/arm0/signal"]
    assert left < 0.25
    ticket = curriculum.propose(64)
    assert (ticket.arms == 0).mean() < 0.2
    tell(curriculum, group_of, ticket, {0: 0.5, 1: 0.5})
    curriculum.tick(31)
    assert curriculum.metrics()["sparft/arm/arm0/signal"] > left


def pools_of(*sizes):
    ends = np.cumsum(sizes)
    return [np.arange(end - size, end) for size, end in zip(sizes, ends, strict=True)]


def test_with_every_chance_one_the_passes_are_those_of_a_shuffled_order():
    one = SkippingOrder(pools_of(7, 5), 3, lambda items: np.ones(len(items)))
    two = ShuffledOrder(pools_of(7, 5), 3)
    pools = np.array([0, 1, 1, 0, 0])
    for _ in range(9):
        a, b = np.zeros(12, bool), np.zeros(12, bool)
        assert one.fill(pools, a, False).tolist() == two.fill(pools, b, False).tolist()
        assert (a == b).all()


@settings(max_examples=50, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 8), min_size=1, max_size=4),
    seed=st.integers(0, 1000),
    chance=st.floats(0.0, 1.0),
    data=st.data(),
)
def test_a_batch_is_filled_with_different_free_prompts_and_marks_them_alone(sizes, seed, chance, data):
    pools = pools_of(*sizes)
    order = SkippingOrder(pools, seed, lambda items: np.where(items % 2, chance, 1.0))
    for _ in range(12):
        blocked = np.zeros(sum(sizes), dtype=bool)
        blocked[data.draw(st.lists(st.integers(0, sum(sizes) - 1), max_size=4))] = True
        before = blocked.copy()
        free = [int((~blocked[pool]).sum()) for pool in pools]
        counts = [data.draw(st.integers(0, count)) for count in free]
        asked = np.repeat(np.arange(len(sizes)), counts)
        if not len(asked):
            continue
        items = order.fill(asked, blocked, False)
        assert len(set(items.tolist())) == len(items) and not before[items].any()
        assert all(item in pools[pool] for item, pool in zip(items, asked, strict=True))
        assert (np.flatnonzero(blocked & ~before) == np.sort(items)).all() and (blocked >= before).all()


def test_a_pool_of_prompts_without_a_chance_still_fills_the_batch():
    order = SkippingOrder(pools_of(3), 0, lambda items: np.zeros(len(items)))
    blocked = np.zeros(3, bool)
    assert sorted(order.fill(np.zeros(3, int), blocked, False).tolist()) == [0, 1, 2]
    assert order.fill(np.zeros(5, int), np.zeros(3, bool), True).shape == (5,)
