"""One answer whatever computes it: NumPy, and C++ by 1, 4 or 8 lanes and any number of threads, to the last bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparft_verl import bandit
from sparft_verl.bandit import _kernel, reference_choose

LANES = (1, 4, 8)
KINDS = ("gaussian", "mean", "kalman", "beta", "prior", "softmax", "fixed", "mapp")
UTILITIES = (
    bandit.Identity(),
    bandit.Negative(),
    bandit.Target(0.5),
    bandit.Learnability(),
    bandit.Mixed(8),
    bandit.Mixed(13),
)


def belief(kind: str, arms: int, rng: np.random.Generator, size: float) -> bandit.Posterior:
    """A belief of that kind; size makes numbers large and some of them 0."""

    def some() -> np.ndarray:
        return rng.random(arms) * size * (rng.random(arms) < 0.9)

    if kind == "gaussian":
        return bandit.Gaussian(rng.normal(size=arms) * size, some())
    if kind == "mean":
        return bandit.GaussianMean(some(), np.floor(some()), scale=0.7, sigma=0.5, prior_mean=0.2)
    if kind == "kalman":
        return bandit.Kalman(some(), some() + 1e-3, inflation=0.3)
    if kind == "beta":
        return bandit.Beta(some(), some(), scale=0.5)
    if kind == "prior":
        return bandit.Beta(some(), some(), prior_success=rng.random(arms) + 0.01, prior_failure=0.3)
    if kind == "softmax":
        return bandit.Softmax(some(), temperature=0.3)
    if kind == "fixed":
        return bandit.Fixed(np.round(some(), 1))  # rounded, so that keys tie
    return bandit.MixedProportional(some(), some(), group=int(rng.integers(2, 40)), prior_success=0.5)


@st.composite
def cases(draw: Any) -> dict[str, Any]:
    kind = draw(st.sampled_from(KINDS))
    arms = draw(st.one_of(st.integers(1, 40), st.integers(1, 2500)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    return {
        "p": belief(kind, arms, rng, draw(st.sampled_from([1.0, 30.0, 1e6]))),
        "arms": arms,
        "rng": rng,
        "utility": draw(st.sampled_from(UTILITIES if kind not in ("softmax", "mapp") else UTILITIES[:1])),
        "rounds": draw(st.integers(0, max(1, 3000 // arms))),
        "key": [draw(st.integers(0, 2**63 - 1)) for _ in range(3)],
        "threads": draw(st.sampled_from([1, 2, 5, 16])),
    }


@given(case=cases())
@settings(max_examples=120, deadline=None)
def test_draws_have_the_same_bits(case: dict[str, Any]) -> None:
    p, utility, rounds, key = case["p"], case["utility"], case["rounds"], case["key"]
    expected = reference_choose.draw(p, rounds, utility, *key)
    assert expected.shape == (rounds, case["arms"])
    assert not np.isnan(expected).any()
    for lanes in LANES:
        drawn = _kernel.draw(p, rounds, utility, *key, "cpu", case["threads"], lanes)
        np.testing.assert_array_equal(drawn.view(np.uint64), expected.view(np.uint64))


@given(case=cases(), capacity=st.sampled_from([None, 1, 3]), floor=st.sampled_from([0.0, 0.4, 1.0]))
@settings(max_examples=120, deadline=None)
def test_choices_are_the_same_under_capacities_and_floors(
    case: dict[str, Any], capacity: int | None, floor: float
) -> None:
    p, arms, rounds = case["p"], case["arms"], case["rounds"]
    room = None if capacity is None else case["rng"].integers(0, capacity + 1, arms)
    if room is not None:
        rounds = min(rounds, int(room.sum()))
    arguments = (p, rounds, room, case["utility"], floor / arms, *case["key"])
    expected = reference_choose.choose(*arguments)
    for lanes in LANES:
        chosen = _kernel.choose(*arguments, "cpu", case["threads"], lanes)
        assert chosen.dtype == np.int32
        np.testing.assert_array_equal(chosen, expected)
    if room is not None:
        assert (np.bincount(expected, minlength=arms) <= room).all()


@given(case=cases(), share=st.floats(0, 1), masked=st.sampled_from([None, np.bool_, np.uint8]))
@settings(max_examples=120, deadline=None)
def test_the_top_is_the_same_under_masks(case: dict[str, Any], share: float, masked: type | None) -> None:
    p, arms, key = case["p"], case["arms"], case["key"]
    mask = None if masked is None else (case["rng"].random(arms) < 0.7).astype(masked)
    count = arms if mask is None else int(mask.sum())
    n = round(share * count)
    expected = reference_choose.choose_top(p, n, mask, case["utility"], *key)
    assert len(set(expected.tolist())) == n
    for lanes in LANES:
        chosen = _kernel.choose_top(p, n, mask, case["utility"], *key, "cpu", case["threads"], lanes)
        assert chosen.dtype == np.int64
        np.testing.assert_array_equal(chosen, expected)


@given(
    n=st.integers(0, 3000),
    first=st.integers(0, 2**60 - 10_000),
    key=st.tuples(*[st.integers(0, 2**63 - 1)] * 3),
)
@settings(max_examples=50, deadline=None)
def test_normals_have_the_same_bits_by_any_number_of_lanes(
    n: int, first: int, key: tuple[int, int, int]
) -> None:
    one, four, eight = (_kernel.normal(n, first, *key, False, lanes).view(np.uint32) for lanes in LANES)
    np.testing.assert_array_equal(one, four)
    np.testing.assert_array_equal(one, eight)


@pytest.mark.parametrize("kind", ["gaussian", "mean", "beta", "softmax"])
@pytest.mark.parametrize(("arms", "rounds"), [(200_001, 1), (70_000, 3), (12, 20_000), (1500, 150)])
def test_sizes_at_which_threads_are_used_give_what_one_thread_gives(
    kind: str, arms: int, rounds: int
) -> None:
    rng = np.random.default_rng(arms)
    p, key = belief(kind, arms, rng, 9.0), (1, 2, 3)
    room = rng.integers(0, 4 * rounds // arms + 3, arms)
    floor = 0.2 / arms
    utility = bandit.Identity()
    one = _kernel.choose(p, rounds, room, utility, floor, *key, "cpu", 1)
    top = _kernel.choose_top(p, arms // 3, room > 0, utility, *key, "cpu", 1)
    drawn = _kernel.draw(p, rounds, utility, *key, "cpu", 1)
    assert drawn[0, top[0]] == drawn[0, room > 0].max()
    for threads in (2, 3, 16):
        np.testing.assert_array_equal(
            _kernel.choose(p, rounds, room, utility, floor, *key, "cpu", threads), one
        )
        np.testing.assert_array_equal(
            _kernel.choose_top(p, arms // 3, room > 0, utility, *key, "cpu", threads), top
        )
        np.testing.assert_array_equal(_kernel.draw(p, rounds, utility, *key, "cpu", threads), drawn)


def test_an_element_near_the_end_of_the_counter_is_drawn_alike() -> None:
    """Rounds so late that the low half of the counter overflows within a vector: read through `normal`."""
    for first in (2**34 - 40, 2**34 - 4, 2**60 - 64):
        one, eight = (_kernel.normal(60, first, 1, 2, 3, False, lanes) for lanes in (1, 8))
        np.testing.assert_array_equal(one, eight)
