"""Permutations: complete, uniform, and the same from NumPy and C++."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sparft_verl import bandit

KEYS = st.integers(0, 2**63 - 1)


@given(n=st.integers(0, 400), seed=KEYS, stream=KEYS, step=KEYS)
@settings(max_examples=60, deadline=None)
def test_numpy_and_cpp_permute_alike_and_miss_nothing(n: int, seed: int, stream: int, step: int) -> None:
    ours = bandit.permutation(n, seed=seed, stream=stream, step=step)
    theirs = bandit.permutation(n, seed=seed, stream=stream, step=step, backend="numpy")
    assert ours.dtype == theirs.dtype == np.int64
    np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(np.sort(ours), np.arange(n))


def test_every_order_of_four_is_equally_likely() -> None:
    names = {order: i for i, order in enumerate(itertools.permutations(range(4)))}
    seen = np.zeros(len(names))
    for step in range(12_000):
        seen[names[tuple(bandit.permutation(4, seed=3, stream=1, step=step).tolist())]] += 1
    assert stats.chisquare(seen).pvalue > 1e-3


def test_every_item_lands_everywhere_equally_often() -> None:
    n, repeats = 12, 6_000
    table = np.zeros((n, n))
    for step in range(repeats):
        table[np.arange(n), bandit.permutation(n, seed=4, stream=1, step=step)] += 1
    statistic = ((table - repeats / n) ** 2 / (repeats / n)).sum() * (n - 1) / n
    assert stats.chi2.sf(statistic, (n - 1) ** 2) > 1e-3


def test_another_step_gives_another_order() -> None:
    one, other = (bandit.permutation(1000, seed=1, stream=1, step=step) for step in (0, 1))
    assert (one == other).mean() < 0.02
