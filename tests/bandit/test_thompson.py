"""Thompson sampling under capacities: one answer whatever computes it, and the right one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sparft_verl import bandit

KEY = {"seed": 7, "stream": 1, "step": 9}


def choose(mean: np.ndarray, sd: np.ndarray, capacity: np.ndarray, rounds: int, **options: Any) -> np.ndarray:
    return bandit.choose(bandit.Gaussian(mean, sd), rounds, capacity=capacity, **options)


def flat(arms: int, capacity: int, sd: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return np.zeros(arms), np.full(arms, sd), np.full(arms, capacity, dtype=np.int64)


@st.composite
def cases(draw: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, int, dict[str, int]]:
    arms = draw(st.integers(1, 700))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    mean = rng.normal(size=arms) * draw(st.sampled_from([0.0, 0.1, 1.0, 1e300]))
    sd = rng.random(arms) * draw(st.sampled_from([0.0, 1.0, 1e308])) * (rng.random(arms) < 0.9)
    capacity = rng.integers(0, draw(st.integers(1, 6)) + 1, arms)
    rounds = draw(st.integers(0, min(int(capacity.sum()), 400)))
    key = {name: draw(st.integers(0, 2**63 - 1)) for name in ("seed", "stream", "step")}
    return mean, sd, capacity, rounds, key


@given(case=cases(), threads=st.integers(1, 16))
@settings(max_examples=80, deadline=None)
def test_numpy_and_cpp_choose_the_same_arms_within_capacity(case: Any, threads: int) -> None:
    mean, sd, capacity, rounds, key = case
    before = capacity.copy()
    ours = choose(mean, sd, capacity, rounds, threads=threads, **key)
    theirs = choose(mean, sd, capacity, rounds, backend="numpy", **key)
    assert ours.dtype == theirs.dtype == np.int32
    np.testing.assert_array_equal(ours, theirs)
    assert len(ours) == rounds
    assert (np.bincount(ours, minlength=len(mean)) <= capacity).all()
    np.testing.assert_array_equal(capacity, before)


@pytest.mark.parametrize(
    ("arms", "rounds", "capacity"),
    [
        (150_001, 1, 1),
        (50_000, 7, 1),
        (10, 14_000, 2_000),
        (10, 14_000, 1_400),
        (513, 300, 1),
        (3000, 700, 2),
    ],
)
def test_the_number_of_threads_does_not_show(arms: int, rounds: int, capacity: int) -> None:
    """Sizes above the 2**16 draws from which threads are used, some with arms that run out in mid-batch."""
    rng = np.random.default_rng(arms)
    mean, sd, room = rng.normal(size=arms) * 3, rng.random(arms), np.full(arms, capacity, dtype=np.int64)
    expected = choose(mean, sd, room, rounds, backend="numpy", **KEY)
    for threads in (1, 2, 3, 16):
        chosen = choose(mean, sd, room, rounds, threads=threads, **KEY)
        np.testing.assert_array_equal(chosen, expected)


def test_each_round_takes_the_largest_draw_of_an_open_arm() -> None:
    """Told again from the public normals, one round at a time."""
    arms, rounds = 23, 60
    rng = np.random.default_rng(0)
    mean, sd, capacity = rng.normal(size=arms), rng.random(arms), np.full(arms, 3, dtype=np.int64)
    left = capacity.copy()
    chosen = choose(mean, sd, capacity, rounds, **KEY)
    for r in range(rounds):
        z = bandit.normal(arms, first=r * arms, **KEY).astype(np.float64)
        theta = np.where(left > 0, mean + sd * z, -np.inf)
        assert chosen[r] == int(np.argmax(theta))
        left[chosen[r]] -= 1


def test_ties_go_to_the_lowest_open_arm() -> None:
    mean, sd, capacity = flat(5, 2, sd=0.0)
    capacity[0] = 0
    chosen = choose(mean, sd, capacity, 8, **KEY)
    assert chosen.tolist() == [1, 1, 2, 2, 3, 3, 4, 4]


def test_using_up_every_arm_leaves_exactly_the_capacities() -> None:
    mean, sd, capacity = flat(40, 3)
    capacity[::7] = 0
    chosen = choose(mean, sd, capacity, int(capacity.sum()), **KEY)
    np.testing.assert_array_equal(np.bincount(chosen, minlength=40), capacity)


def test_rounds_chosen_so_far_do_not_depend_on_how_many_follow() -> None:
    mean, sd, capacity = flat(9, 50)
    long = choose(mean, sd, capacity, 300, **KEY)
    np.testing.assert_array_equal(choose(mean, sd, capacity, 17, **KEY), long[:17])


def test_an_arm_is_chosen_as_often_as_it_is_the_best_under_the_posterior() -> None:
    mean, sd = np.array([0.3, 0.0]), np.array([0.5, 1.2])
    n = 200_000
    chosen = choose(mean, sd, np.full(2, n), n, **KEY)
    p = stats.norm.cdf(0.3 / np.hypot(0.5, 1.2))
    assert stats.binomtest(int((chosen == 0).sum()), n, p).pvalue > 1e-3


def test_equal_arms_are_chosen_uniformly() -> None:
    mean, sd, capacity = flat(10, 10**9)
    chosen = choose(mean, sd, capacity, 100_000, **KEY)
    assert stats.chisquare(np.bincount(chosen, minlength=10)).pvalue > 1e-3


def test_zero_rounds_choose_nothing_and_one_arm_chooses_itself() -> None:
    mean, sd, capacity = flat(1, 4)
    assert choose(mean, sd, capacity, 0, **KEY).tolist() == []
    assert choose(mean, sd, capacity, 4, **KEY).tolist() == [0, 0, 0, 0]
