"""Beliefs, utilities, masks and floors that break their rules are refused in words; fuzz never crashes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparft_verl import bandit

KEY = {"seed": 1, "stream": 2, "step": 3}
X = np.array([0.5, 0.0, 2.0])
NAN, MINUS, INF = np.array([0, 0, np.nan]), np.array([0, -1.5, 0]), np.array([np.inf, 0, 0])
HUGE = np.full(3, 1e300)

BAD_BELIEFS: list[tuple[bandit.Posterior, str]] = [
    (bandit.Gaussian(INF, X), r"mean\[0\] = inf is not finite; give a number"),
    (bandit.GaussianMean(NAN, X), r"total\[2\] = nan is not finite"),
    (bandit.GaussianMean(X, MINUS), r"count\[1\] = -1.5 is negative; a count is >= 0"),
    (bandit.GaussianMean(X, X, scale=0.0), r"scale = 0 is not above 0; give a number > 0"),
    (bandit.GaussianMean(X, X, sigma=-1.0), r"sigma = -1 is negative; give a number >= 0"),
    (bandit.GaussianMean(X, X, prior_mean=np.inf), "prior_mean = inf is not finite"),
    (
        bandit.GaussianMean(HUGE, 1 / HUGE),
        r"total\[0\] = 1e\+300 over count\[0\] = 1e-300 is not a finite mean",
    ),
    (bandit.Kalman(X, X), r"variance\[1\] = 0 \+ inflation = 0 is not above 0"),
    (bandit.Kalman(X, NAN, inflation=1.0), r"variance\[2\] = nan is not finite"),
    (bandit.Kalman(X, X, inflation=-0.1), "inflation = -0.1 is negative"),
    (bandit.Beta(MINUS, X), r"success\[1\] = -1.5 is negative; evidence is >= 0"),
    (bandit.Beta(X, NAN), r"failure\[2\] = nan is not finite"),
    (bandit.Beta(X, X, scale=np.nan), "scale = nan is not finite"),
    (
        bandit.Beta(X, X, prior_success=0.0),
        "prior_success = 0 is out of range; give a number from 1e-6 to 1e30",
    ),
    (
        bandit.Beta(X, X, prior_failure=np.array([1.0, 1e31, 1.0])),
        r"prior_failure\[1\] = 1e\+31 is out of range",
    ),
    (bandit.Beta(X, X, prior_failure=np.ones(2)), "prior_failure has length 2 but success has length 3"),
    (
        bandit.Beta(np.array([0, 1e31, 0]), X),
        r"success\[1\] = 1e\+31 makes a shape of 1e\+31; shapes are at most",
    ),
    (bandit.Beta(np.full(3, 1e20), X, scale=1e11), r"success\[0\] = 1e\+20 makes a shape of"),
    (bandit.Softmax(NAN), r"value\[2\] = nan is not finite"),
    (bandit.Softmax(X, temperature=0.0), "temperature = 0 is not above 0"),
    (bandit.Fixed(INF), r"value\[0\] = inf is not finite"),
    (bandit.Fixed(np.zeros(0)), r"value has no arms \(length 0\); give at least one arm"),
    (bandit.MixedProportional(X, X, 1), "group = 1 is out of range; give an integer from 2 to 1024"),
    (bandit.MixedProportional(X, MINUS, 8), r"failure\[1\] = -1.5 is negative"),
]


@pytest.mark.parametrize("backend", ["cpu", "numpy"])
@pytest.mark.parametrize(("p", "message"), BAD_BELIEFS)
def test_beliefs_that_break_their_rule_are_refused_by_every_op(
    p: bandit.Posterior, message: str, backend: Any
) -> None:
    for call in (bandit.draw, bandit.choose, bandit.choose_top):
        with pytest.raises(ValueError, match=message):
            call(p, 1, backend=backend, **KEY)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (
            lambda: bandit.choose([0.5], 1, **KEY),
            TypeError,
            r"posterior = \[0.5\] is no posterior; give Gaussian",
        ),
        (lambda: bandit.choose(bandit.Gaussian, 1, **KEY), TypeError, "is no posterior"),
        (
            lambda: bandit.choose(bandit.Fixed(X), 1, utility="p", **KEY),
            TypeError,
            "utility = 'p' is no utility",
        ),
        (
            lambda: bandit.choose(bandit.Fixed(X), 1, utility=bandit.Target(np.nan), **KEY),
            ValueError,
            "tau = nan",
        ),
        (lambda: bandit.choose(bandit.Fixed(X), 1, utility=bandit.Mixed(0), **KEY), ValueError, "group = 0"),
        (
            lambda: bandit.choose(bandit.Fixed(X), 1, utility=bandit.Target("x"), **KEY),
            TypeError,
            "tau = 'x'",
        ),
        (
            lambda: bandit.choose(bandit.Softmax(X), 1, utility=bandit.Negative(), **KEY),
            ValueError,
            r"utility must be Identity\(\) with Softmax",
        ),
        (
            lambda: bandit.choose(bandit.Fixed(X), 1, floor=0.34, **KEY),
            ValueError,
            "floor = 0.34.* give 0 to 1/3",
        ),
        (
            lambda: bandit.choose(bandit.Fixed(X), 1, floor=np.nan, **KEY),
            ValueError,
            "floor = nan is out of range",
        ),
        (
            lambda: bandit.choose(bandit.Fixed(X), 1, floor="a", **KEY),
            TypeError,
            "floor = 'a' is not a number",
        ),
        (lambda: bandit.choose_top(bandit.Fixed(X), 4, **KEY), ValueError, "n = 4 exceeds the 3 items"),
        (
            lambda: bandit.choose_top(bandit.Fixed(X), 2, open=np.array([True, False, False]), **KEY),
            ValueError,
            "n = 2 exceeds the 1 open items; ask for fewer or open more",
        ),
        (
            lambda: bandit.choose_top(bandit.Fixed(X), 1, open=np.array([0, 2, 1], dtype=np.uint8), **KEY),
            ValueError,
            r"open\[1\] = 2 is neither 0 nor 1; give a mask",
        ),
        (
            lambda: bandit.choose_top(bandit.Fixed(X), 1, open=np.ones(2, dtype=bool), **KEY),
            ValueError,
            "open has length 2 but value has length 3",
        ),
        (
            lambda: bandit.choose_top(bandit.Fixed(X), 1, open=np.ones(3), **KEY),
            TypeError,
            "open has dtype <f8",
        ),
        (lambda: bandit.choose_top(bandit.Fixed(X), -1, **KEY), ValueError, "n = -1 is out of range"),
        (lambda: bandit.draw(bandit.Fixed(X), 1.5, **KEY), TypeError, "rounds = 1.5 is a float"),
        (
            lambda: bandit.draw(bandit.Beta(X, X), 2**48, **KEY),
            ValueError,
            r"rounds = 281474976710656 times 3 arms exceeds 2\*\*48 draws",
        ),
        (lambda: bandit.draw(bandit.Fixed(X), 1, threads=np.bool_(True), **KEY), TypeError, "is a bool"),
        (lambda: bandit.draw(bandit.Gaussian(X, X[:2].copy()), 1, **KEY), ValueError, "sd has length 2"),
        (
            lambda: bandit.draw(bandit.Gaussian(X, [1.0]), 1, **KEY),
            TypeError,
            "sd is a list; give a NumPy array",
        ),
    ],
)
def test_other_arguments_are_refused_by_name(call: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        call()


NUMBER = st.one_of(st.floats(), st.integers(-(2**70), 2**70), st.sampled_from([0.0, 1.0, 0.5, 1e-6, 1e30]))
ARRAY = st.one_of(
    st.lists(st.floats(), min_size=0, max_size=4).map(np.array),
    st.lists(st.floats(0, 1e31), min_size=3, max_size=3).map(np.array),
    st.sampled_from(
        [X, np.zeros((3, 1)), np.zeros(6)[::2], np.zeros(3, dtype=np.float32), np.array("a"), None, 5]
    ),
)
FREE = st.one_of(NUMBER, ARRAY, st.none(), st.text(max_size=2), st.booleans())
SHAPES = {"success": ARRAY, "failure": ARRAY, "scale": NUMBER, "prior_success": FREE, "prior_failure": FREE}
BELIEFS = st.one_of(
    st.builds(bandit.Gaussian, mean=ARRAY, sd=ARRAY),
    st.builds(bandit.GaussianMean, total=ARRAY, count=ARRAY, scale=NUMBER, sigma=NUMBER, prior_mean=FREE),
    st.builds(bandit.Kalman, mean=ARRAY, variance=ARRAY, inflation=FREE),
    st.builds(bandit.Beta, **SHAPES),
    st.builds(bandit.Softmax, value=ARRAY, temperature=NUMBER),
    st.builds(bandit.Fixed, value=ARRAY),
    st.builds(bandit.MixedProportional, group=FREE, **SHAPES),
    FREE,
)
WORTH = st.one_of(
    st.just(bandit.Identity()), st.builds(bandit.Target, tau=FREE), st.builds(bandit.Mixed, group=FREE), FREE
)
FEW = st.one_of(st.integers(-2, 5), st.just(2**62), FREE.filter(lambda x: not isinstance(x, int)))
MASK = st.one_of(FREE, st.lists(st.integers(0, 3), max_size=4).map(lambda x: np.array(x, dtype=np.uint8)))
ROOM = st.one_of(
    FREE, st.lists(st.integers(-1, 2**63 - 1), max_size=4).map(lambda x: np.array(x, dtype=np.int64))
)


@given(p=BELIEFS, n=FEW, utility=WORTH, floor=FREE, mask=MASK, room=ROOM, op=st.integers(0, 2))
@settings(max_examples=800, deadline=None)
def test_whatever_is_passed_there_is_an_answer_or_a_refusal(
    p: Any, n: Any, utility: Any, floor: Any, mask: Any, room: Any, op: int
) -> None:
    try:
        if op == 0:
            out = bandit.draw(p, n, utility=utility, **KEY)
            assert out.shape[0] == n and not np.isnan(out).any()
        elif op == 1:
            out = bandit.choose(p, n, utility=utility, floor=floor, capacity=room, **KEY)
            assert len(out) == n and (out >= 0).all()
        else:
            out = bandit.choose_top(p, n, utility=utility, open=mask, **KEY)
            assert len(set(out.tolist())) == n
    except (TypeError, ValueError) as error:
        assert "; " in str(error)
    except MemoryError:
        assert n == 2**62


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0])
@pytest.mark.parametrize("at", [0, 1024, 99_999])
def test_one_bad_number_among_many_is_found_wherever_it_stands(at: int, bad: float, threads: int) -> None:
    """Many arms are checked while they are drawn, tile by tile: the answer is the refusal all the same."""
    good, broken = np.ones(100_000), np.ones(100_000)
    broken[at] = bad
    for p, name in [
        (bandit.Gaussian(good, broken), "sd"),
        (bandit.Beta(good, broken), "failure"),
        (bandit.Beta(broken, good, prior_failure=good), "success"),
        (bandit.GaussianMean(good, broken), "count"),
        (bandit.Kalman(good, broken), "variance"),
        (bandit.MixedProportional(broken, good, 4), "success"),
    ]:
        for call in (bandit.draw, bandit.choose, bandit.choose_top):
            with pytest.raises(ValueError, match=rf"{name}\[{at}\] = {bad:g}"):
                call(p, 1, threads=threads, **KEY)


def test_what_looks_odd_but_is_right_is_drawn_all_the_same() -> None:
    """-0, huge and tiny numbers make the fast check doubt; they are allowed and give what NumPy gives."""
    rng = np.random.default_rng(0)
    odd = rng.random(5000)
    odd[[7, 4000]] = -0.0
    tiny, huge = odd + 1e-300, odd * 1e28
    tiny[3000] = 5e-324
    for p in [
        bandit.Gaussian(odd, odd),
        bandit.GaussianMean(odd * 1e160, odd + 1),
        bandit.GaussianMean(odd * 1e-30, tiny),
        bandit.Kalman(odd, odd, inflation=0.1),
        bandit.Kalman(odd, tiny),
        bandit.Beta(odd, huge, scale=20.0),
        bandit.MixedProportional(huge, odd, 9),
    ]:
        ours, theirs = (bandit.draw(p, 1, backend=b, threads=2, **KEY) for b in ("cpu", "numpy"))
        np.testing.assert_array_equal(ours, theirs)
        top, reference = (bandit.choose_top(p, 100, backend=b, **KEY) for b in ("cpu", "numpy"))
        np.testing.assert_array_equal(top, reference)
        one, same = (bandit.choose(p, 1, backend=b, **KEY) for b in ("cpu", "numpy"))
        assert one == same == reference[0]
