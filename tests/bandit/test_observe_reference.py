"""NumPy and C++ leave the same bits in every array, whatever the lists; exact sums do not show the order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sparft_verl import bandit
from sparft_verl.bandit import reference_observe as reference

Arrays = list[np.ndarray]
SHAPES = {"arms": st.integers(1, 60), "n": st.integers(0, 400), "seed": st.integers(0, 2**32)}


def bits(array: np.ndarray) -> np.ndarray:
    return array.view(np.int64)


def quanta(rng: np.random.Generator, arms: int) -> np.ndarray:
    return np.rint(rng.exponential(size=arms) * 2.0**32) / 2.0**32


def both(
    compiled: Callable[..., Any], numpy: Callable[..., Any], state: Arrays, *rest: Any, **options: Any
) -> None:
    copies = [array.copy() for array in state]
    compiled(*state, *rest, **options)
    numpy(*copies, *rest, **options)
    for array, copy in zip(state, copies, strict=True):
        np.testing.assert_array_equal(bits(array), bits(copy))


@given(**SHAPES, weighted=st.booleans(), scale=st.sampled_from([1.0, 0.97, 2.0**-8, 3.0]))
@settings(max_examples=80, deadline=None)
def test_sums(arms: int, n: int, seed: int, weighted: bool, scale: float) -> None:
    rng = np.random.default_rng(seed)
    arm = rng.integers(0, arms, n).astype(np.int32)
    value = rng.normal(size=n) * 10.0 ** rng.integers(-12, 2, n)
    weight = rng.exponential(size=n) * (rng.random(n) < 0.9) if weighted else None
    state = [quanta(rng, arms) - quanta(rng, arms), quanta(rng, arms)]
    both(bandit.observe_sum, reference.observe_sum, state, arm, value, weight, scale=scale)


@given(**SHAPES, keep=st.sampled_from([1.0, 0.5, 0.0, 0.3]), scale=st.sampled_from([1.0, 0.9, 2.0**-8]))
@settings(max_examples=80, deadline=None)
def test_beta_evidence(arms: int, n: int, seed: int, keep: float, scale: float) -> None:
    rng = np.random.default_rng(seed)
    arm = rng.integers(0, arms, n).astype(np.int32)
    rollouts = rng.integers(1, 33, n) * rng.choice([1.0, 0.7], n)
    successes = rollouts * rng.choice([0.0, 1.0, 0.37], n)
    state = [quanta(rng, arms), quanta(rng, arms)]
    both(bandit.observe_beta, reference.observe_beta, state, arm, successes, rollouts, keep=keep, scale=scale)


@given(**SHAPES, inflation=st.sampled_from([0.0, 0.02, 17.0]), sparse=st.booleans())
@settings(max_examples=80, deadline=None)
def test_kalman(arms: int, n: int, seed: int, inflation: float, sparse: bool) -> None:
    rng = np.random.default_rng(seed)
    total = arms * (1000 if sparse else 1)  # few observations among many arms are found by hashing
    arm = rng.integers(0, total, n).astype(np.int32)
    value, weight = rng.normal(size=n), rng.exponential(size=n) * rng.integers(0, 3, n)
    state = [rng.normal(size=total), rng.exponential(size=total) + 1e-3]
    both(bandit.observe_kalman, reference.observe_kalman, state, arm, value, weight, inflation=inflation)


@given(**SHAPES, width=st.integers(1, 20))
@settings(max_examples=80, deadline=None)
def test_windows_and_their_means(arms: int, n: int, seed: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    window, seen = np.zeros((arms, width)), np.zeros(arms, dtype=np.int64)
    for size in (n, n // 3):
        arm = rng.integers(0, arms, size).astype(np.int32)
        both(bandit.observe_window, reference.observe_window, [window, seen], arm, rng.normal(size=size))
        mean = bandit.window_mean(window, seen)
        np.testing.assert_array_equal(bits(mean), bits(reference.window_mean(window, seen)))


@given(arms=st.integers(0, 60), seed=st.integers(0, 2**32), factor=st.floats(2.0**-30, 4.0))
@settings(max_examples=60, deadline=None)
def test_rescaling(arms: int, seed: int, factor: float) -> None:
    rng = np.random.default_rng(seed)
    state = [quanta(rng, arms) - 1, rng.normal(size=arms) * 10.0 ** rng.integers(-12, 4, arms)]
    both(bandit.rescale, reference.rescale, state, factor=factor)


def cuts(n: int, rng: np.random.Generator) -> list[np.ndarray]:
    """The positions 0 .. n-1 in random order, in up to four lists."""
    return np.split(rng.permutation(n), np.sort(rng.integers(0, n + 1, 3)))


@given(**SHAPES, scale=st.sampled_from([1.0, 0.9**7]))
@settings(max_examples=80, deadline=None)
def test_the_order_and_the_calls_in_which_observations_arrive_do_not_show(
    arms: int, n: int, seed: int, scale: float
) -> None:
    rng = np.random.default_rng(seed)
    arm = rng.integers(0, arms, n).astype(np.int32)
    value, weight = rng.normal(size=n) * 10.0 ** rng.integers(-9, 3, n), rng.exponential(size=n)
    rollouts = 1 + rng.exponential(size=n)
    successes = rollouts * rng.random(n)
    state = [np.zeros((arms,)) for _ in range(8)]
    bandit.observe_sum(state[0], state[1], arm, value, weight, scale=scale)
    bandit.observe_beta(state[4], state[5], arm, successes, rollouts, scale=scale)
    for at in cuts(n, rng):
        bandit.observe_sum(state[2], state[3], arm[at], value[at], weight[at], scale=scale)
        bandit.observe_beta(state[6], state[7], arm[at], successes[at], rollouts[at], scale=scale)
    for one, other in ((0, 2), (1, 3), (4, 6), (5, 7)):
        np.testing.assert_array_equal(bits(state[one]), bits(state[other]))


@given(**SHAPES, keep=st.sampled_from([0.5, 0.3]))
@settings(max_examples=40, deadline=None)
def test_what_is_kept_of_visited_arms_does_not_show_the_order(
    arms: int, n: int, seed: int, keep: float
) -> None:
    rng = np.random.default_rng(seed)
    arm, at = rng.integers(0, arms, n).astype(np.int32), rng.permutation(n)
    rollouts = 1 + rng.exponential(size=n)
    one = [quanta(rng, arms), quanta(rng, arms)]
    other = [array.copy() for array in one]
    bandit.observe_beta(*one, arm, rollouts / 3, rollouts, keep=keep)
    bandit.observe_beta(*other, arm[at], rollouts[at] / 3, rollouts[at], keep=keep)
    np.testing.assert_array_equal(np.stack(one), np.stack(other))
