"""Running means: sums in the order given, nothing written when anything is wrong."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparft_verl import bandit
from sparft_verl.bandit import reference_observe as reference


@given(arms=st.integers(1, 50), n=st.integers(0, 300), seed=st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_numpy_and_cpp_leave_the_same_bits(arms: int, n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    total, count = rng.normal(size=arms), rng.integers(0, 9, arms)
    arm = rng.integers(0, arms, n).astype(np.int32)
    value = rng.normal(size=n) * 10.0 ** rng.integers(-12, 12, n)
    total_reference, count_reference = total.copy(), count.copy()
    bandit.observe_mean(total, count, arm, value)
    reference.observe_mean(total_reference, count_reference, arm, value)
    np.testing.assert_array_equal(total.view(np.int64), total_reference.view(np.int64))
    np.testing.assert_array_equal(count, count_reference)


def test_total_over_count_is_the_mean_of_what_was_seen() -> None:
    total, count = np.zeros(3), np.zeros(3, dtype=np.int64)
    bandit.observe_mean(total, count, np.array([2, 0, 2], dtype=np.int32), np.array([1.0, 0.5, 0.0]))
    bandit.observe_mean(total, count, np.array([2], dtype=np.int32), np.array([0.5]))
    assert count.tolist() == [1, 0, 3]
    assert total.tolist() == [0.5, 0.0, 1.5]


BAD = {
    "an arm above the last": (
        "arm",
        np.array([0, 3], dtype=np.int32),
        r"arm\[1\] = 3 is out of range; arms are 0..2",
    ),
    "a negative arm": ("arm", np.array([-1, 0], dtype=np.int32), r"arm\[0\] = -1 is out of range"),
    "a value that is nan": ("value", np.array([0.5, np.nan]), r"value\[1\] = nan is not finite"),
    "a value that is infinite": ("value", np.array([-np.inf, 0.5]), r"value\[0\] = -inf is not finite"),
    "lengths that differ": ("value", np.array([0.5]), "value has length 1 but arm has length 2"),
    "counts of other arms": (
        "count",
        np.zeros(2, dtype=np.int64),
        "count has length 2 but total has length 3",
    ),
    "a broken total": ("total", np.array([np.nan, 0, 0]), r"total\[0\] = nan is not finite"),
    "a total about to overflow": ("value", np.array([1.7e308, 1.7e308]), r"total\[0\] = .* would overflow"),
    "a negative count": ("count", np.array([0, -1, 0]), r"count\[1\] = -1 is negative"),
    "a count about to overflow": (
        "count",
        np.array([2**63 - 1, 0, 0]),
        r"count\[0\] = 9223372036854775807 .*overflow",
    ),
    "no arms": ("total", np.zeros(0), "total has no arms|count has length"),
}


@pytest.mark.parametrize("case", BAD)
def test_observe_refuses_and_writes_nothing_on(case: str) -> None:
    name, value, message = BAD[case]
    arguments = {
        "total": np.zeros(3),
        "count": np.zeros(3, dtype=np.int64),
        "arm": np.array([0, 1], dtype=np.int32),
        "value": np.array([0.5, 1.0]),
        name: value,
    }
    before = {key: array.copy() for key, array in arguments.items()}
    with pytest.raises(ValueError, match=message):
        bandit.observe_mean(**arguments)
    for key, array in arguments.items():
        np.testing.assert_array_equal(array, before[key])


def test_observe_refuses_a_read_only_total() -> None:
    total = np.zeros(2)
    total.flags.writeable = False
    with pytest.raises(ValueError, match="total is read-only but is updated in place"):
        bandit.observe_mean(total, np.zeros(2, dtype=np.int64), np.zeros(1, dtype=np.int32), np.zeros(1))


def test_observe_refuses_arms_that_share_memory_with_what_is_written() -> None:
    count = np.zeros(4, dtype=np.int64)
    with pytest.raises(ValueError, match="count and arm share memory"):
        bandit.observe_mean(np.zeros(4), count, count.view(np.int32)[:2], np.zeros(2))
