"""Standard normals: the same bits from NumPy and C++, and normal ones at that."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sparft_verl import bandit
from sparft_verl.bandit import reference_math

KEYS = st.integers(0, 2**63 - 1)
KEY = {"seed": 11, "stream": 3, "step": 5}


@pytest.fixture(scope="module")
def sample() -> np.ndarray:
    return bandit.normal(4_000_000, **KEY).astype(np.float64)


@given(n=st.integers(0, 3000), first=st.integers(0, 2**60 - 10_000), seed=KEYS, stream=KEYS, step=KEYS)
@settings(max_examples=60, deadline=None)
def test_normals_of_numpy_and_cpp_have_the_same_bits(
    n: int, first: int, seed: int, stream: int, step: int
) -> None:
    ours = bandit.normal(n, first=first, seed=seed, stream=stream, step=step)
    theirs = bandit.normal(n, first=first, seed=seed, stream=stream, step=step, backend="numpy")
    assert ours.dtype == theirs.dtype == np.float32
    np.testing.assert_array_equal(ours.view(np.uint32), theirs.view(np.uint32))


def test_a_million_normals_of_numpy_and_cpp_have_the_same_bits() -> None:
    ours, theirs = bandit.normal(2**20, **KEY), bandit.normal(2**20, backend="numpy", **KEY)
    np.testing.assert_array_equal(ours.view(np.uint32), theirs.view(np.uint32))


def test_own_log_sine_and_cosine_are_within_two_units_in_the_last_place() -> None:
    words = bandit.uniform_words(300_000, **KEY)
    u = words.astype(np.float32) * np.float32(2.0**-32) + np.float32(2.0**-33)
    exact = np.log(u.astype(np.float64))
    assert np.max(np.abs(reference_math.log_positive(u) - exact) / np.maximum(-exact, 1e-30)) < 2 * 2.0**-23
    angle = words.astype(np.float64) * (2 * np.pi / 2**32)
    sine, cosine = reference_math.sincos_turn(words)
    assert np.max(np.abs(sine - np.sin(angle))) < 2.0**-22
    assert np.max(np.abs(cosine - np.cos(angle))) < 2.0**-22


def test_smallest_and_largest_uniform_give_finite_logarithms_of_the_right_sign() -> None:
    ends = np.array([2.0**-32, 1 - 2.0**-24, 1.0], dtype=np.float32)
    low, near_one, one = reference_math.log_positive(ends)
    assert low == pytest.approx(-32 * np.log(2), rel=1e-7)
    assert -(2.0**-23) < near_one < 0
    assert one == 0


def test_normals_pass_kolmogorov_smirnov(sample: np.ndarray) -> None:
    assert stats.kstest(sample, "norm").pvalue > 1e-3


def test_moments_are_those_of_a_standard_normal(sample: np.ndarray) -> None:
    n = len(sample)
    for power, moment, variance in [(1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)]:
        error = (np.mean(sample**power) - moment) / np.sqrt(variance / n)
        assert abs(error) < 4, f"moment {power} is off by {error:.1f} standard errors"


@pytest.mark.parametrize("threshold", [2.0, 3.0, 4.0, 4.75])
def test_both_tails_hold_as_much_as_they_should(sample: np.ndarray, threshold: float) -> None:
    n, p = len(sample), stats.norm.sf(threshold)
    for beyond in (int((sample > threshold).sum()), int((sample < -threshold).sum())):
        assert stats.binomtest(beyond, n, p).pvalue > 1e-4


def test_neighbours_within_a_block_are_independent(sample: np.ndarray) -> None:
    lanes = sample.reshape(-1, 4)
    for moment in (lanes, lanes**2):
        correlation = np.corrcoef(moment.T)[np.triu_indices(4, 1)]
        assert np.abs(correlation).max() < 4.5 / np.sqrt(len(lanes))
