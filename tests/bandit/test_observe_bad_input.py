"""Whatever is passed to an update, it is refused by name and nothing is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparft_verl import bandit

NAN, INF = np.nan, np.inf


def good() -> dict[str, tuple[Callable[..., Any], dict[str, Any]]]:
    arm = np.array([0, 2], dtype=np.int32)
    value = np.array([0.5, 0.25])
    return {
        "mean": (
            bandit.observe_mean,
            {"total": np.zeros(3), "count": np.zeros(3, dtype=np.int64), "arm": arm, "value": value},
        ),
        "sum": (
            bandit.observe_sum,
            {
                "total": np.array([0.5, 0.0, -1.0]),
                "weight": np.ones(3),
                "arm": arm,
                "value": value,
                "observed_weight": np.array([1.0, 0.0]),
                "scale": 1.0,
            },
        ),
        "beta": (
            bandit.observe_beta,
            {
                "success": np.ones(3),
                "failure": np.ones(3),
                "arm": arm,
                "successes": np.array([0.0, 4.0]),
                "rollouts": np.array([4.0, 4.0]),
                "keep": 0.5,
                "scale": 1.0,
            },
        ),
        "kalman": (
            bandit.observe_kalman,
            {
                "mean": np.zeros(3),
                "variance": np.ones(3),
                "arm": arm,
                "value": value,
                "weight": np.ones(2),
                "inflation": 0.0,
            },
        ),
        "window": (
            bandit.observe_window,
            {"window": np.zeros((3, 2)), "seen": np.zeros(3, dtype=np.int64), "arm": arm, "value": value},
        ),
        "window mean": (
            bandit.window_mean,
            {"window": np.zeros((3, 2)), "seen": np.zeros(3, dtype=np.int64)},
        ),
    }


def f8(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float64)


I8_3, F8_2, READ_ONLY = np.zeros(3, dtype=np.int64), np.zeros(2), np.zeros(3)
READ_ONLY.flags.writeable = False
BAD: list[tuple[str, str, Any, type[Exception], str]] = [
    (
        "sum",
        "arm",
        np.array([0, 3], dtype=np.int32),
        ValueError,
        r"arm\[1\] = 3 is out of range; arms are 0..2",
    ),
    ("beta", "arm", np.array([-1, 0], dtype=np.int32), ValueError, r"arm\[0\] = -1 is out of range"),
    ("kalman", "arm", np.array([0, 3], dtype=np.int32), ValueError, r"arm\[1\] = 3 is out of range"),
    ("window", "arm", np.array([-1, 3], dtype=np.int32), ValueError, r"arm\[0\] = -1 is out of range"),
    ("sum", "arm", np.zeros(2, dtype=np.int64), TypeError, "arm has dtype <i8, not int32; cast it to int32"),
    ("sum", "value", f8(NAN, 0), ValueError, r"value\[0\] = nan is not finite"),
    ("sum", "value", f8(0, INF), ValueError, r"value\[1\] = inf is not finite"),
    ("sum", "value", f8(0.5), ValueError, "value has length 1 but arm has length 2"),
    (
        "sum",
        "value",
        f8(2.0**21, 0),
        ValueError,
        r"value\[0\] = 2097152 with weight 1 and scale 1 is beyond 2\*\*21",
    ),
    (
        "sum",
        "observed_weight",
        f8(1, -1),
        ValueError,
        r"observed_weight\[1\] = -1 is not a finite number >= 0",
    ),
    ("sum", "observed_weight", f8(NAN, 1), ValueError, r"observed_weight\[0\] = nan is not a finite"),
    ("sum", "observed_weight", f8(1, INF), ValueError, r"observed_weight\[1\] = inf is not a finite"),
    ("sum", "observed_weight", f8(1), ValueError, "observed_weight has length 1 but arm has length 2"),
    ("sum", "total", f8(0.1, 0, 0), ValueError, r"total\[0\] = 0.1.* not a multiple of 2\*\*-32"),
    ("sum", "total", f8(0, 0, NAN), ValueError, r"total\[2\] = nan is not finite"),
    ("sum", "total", READ_ONLY, ValueError, "total is read-only but is updated in place"),
    (
        "sum",
        "total",
        np.zeros(6)[::2],
        ValueError,
        r"total is not contiguous and aligned; give total.copy\(\)",
    ),
    ("sum", "total", np.zeros((3, 1)), ValueError, r"total has shape \(3, 1\); give one dimension"),
    ("sum", "total", [0.0, 0.0, 0.0], TypeError, "total is a list; give a NumPy array of dtype float64"),
    ("sum", "weight", f8(-1, 0, 0), ValueError, r"weight\[0\] = -1 is negative"),
    ("sum", "weight", np.zeros(2), ValueError, "weight has length 2 but total has length 3"),
    ("sum", "weight", np.zeros(3, dtype=np.float32), TypeError, "weight has dtype <f4, not float64"),
    ("sum", "scale", 0.0, ValueError, "scale = 0 is not a finite number above 0"),
    ("sum", "scale", NAN, ValueError, "scale = nan is not a finite number above 0"),
    ("sum", "scale", "1", TypeError, "scale = '1' is not a number"),
    ("sum", "scale", None, TypeError, "scale = None is not a number"),
    ("beta", "successes", f8(0, 4.5), ValueError, r"successes\[1\] = 4.5 is not in 0 .. rollouts\[1\] = 4"),
    ("beta", "successes", f8(-1, 0), ValueError, r"successes\[0\] = -1 is not in 0"),
    ("beta", "successes", f8(NAN, 0), ValueError, r"successes\[0\] = nan is not in 0"),
    ("beta", "rollouts", f8(4, 0), ValueError, r"rollouts\[1\] = 0 is not a finite number above 0"),
    ("beta", "rollouts", f8(INF, 4), ValueError, r"rollouts\[0\] = inf is not a finite number above 0"),
    ("beta", "rollouts", f8(2.0**21, 4), ValueError, r"rollouts\[0\] = 2097152 with scale 1 is beyond"),
    ("beta", "success", f8(-1, 0, 0), ValueError, r"success\[0\] = -1 is negative"),
    ("beta", "failure", f8(0, 0, 2.0**21 - 1), ValueError, None),
    ("beta", "failure", f8(2.0**21 - 1, 0, 0), ValueError, r"failure\[0\] = 2097151 would pass 2\*\*21"),
    ("beta", "keep", 1.5, ValueError, "keep = 1.5 is not in 0 .. 1"),
    ("beta", "keep", NAN, ValueError, "keep = nan is not in 0 .. 1"),
    ("kalman", "value", f8(INF, 0), ValueError, r"value\[0\] = inf is not finite"),
    ("kalman", "weight", f8(1, -2), ValueError, r"weight\[1\] = -2 is not a finite number >= 0"),
    (
        "kalman",
        "variance",
        f8(1, 1, 0),
        ValueError,
        r"variance\[2\] = 0 with inflation = 0 is not a finite variance",
    ),
    ("kalman", "variance", f8(NAN, 1, 1), ValueError, r"variance\[0\] = nan with inflation"),
    ("kalman", "mean", f8(0, 0, INF), ValueError, r"mean\[2\] = inf is not finite"),
    ("kalman", "value", f8(1e308, 1e308), ValueError, None),
    (
        "kalman",
        "variance",
        f8(1e-310, 1, 1),
        ValueError,
        r"mean\[0\] = 0, variance\[0\] = .*e-31. would not stay finite",
    ),
    ("kalman", "inflation", -0.1, ValueError, "inflation = -0.1.* is not a finite number >= 0"),
    ("window", "value", f8(0, NAN), ValueError, r"value\[1\] = nan is not finite"),
    ("window", "seen", np.array([0, 0, -1]), ValueError, r"seen\[2\] = -1 is negative or would overflow"),
    (
        "window",
        "seen",
        np.array([2**63 - 1, 0, 0]),
        ValueError,
        r"seen\[0\] = 9223372036854775807 is negative or",
    ),
    ("window", "window", np.zeros((3, 0)), ValueError, r"window has no slots \(0 columns\)"),
    ("window", "window", np.zeros(3), ValueError, r"window has shape \(3,\); give two dimensions"),
    ("window", "window", np.zeros((2, 3)).T, ValueError, "window is not contiguous"),
    ("window mean", "window", f8(0, 0, NAN, 0, 0, 0).reshape(3, 2), ValueError, None),
    ("window mean", "seen", np.array([0, -3, 0]), ValueError, r"seen\[1\] = -3 is negative"),
]
ACCEPTED = [case for case in BAD if case[4] is None]
REFUSED = [case for case in BAD if case[4] is not None]


def state_of(arguments: dict[str, Any]) -> list[bytes]:
    return [np.asarray(value).tobytes() for value in arguments.values()]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: f"{case[0]}: {case[4][:40]}")
def test_is_refused_and_nothing_is_written(case: tuple[str, str, Any, type[Exception], str]) -> None:
    op, name, value, kind, message = case
    call, arguments = good()[op]
    arguments[name] = value
    before = state_of(arguments)
    with pytest.raises(kind, match=message):
        call(**arguments)
    assert state_of(arguments) == before


@pytest.mark.parametrize("case", ACCEPTED, ids=lambda case: f"{case[0]} {case[1]}")
def test_only_what_a_call_touches_must_be_right(case: tuple[str, str, Any, type[Exception], str]) -> None:
    op, name, value, *_ = case
    call, arguments = good()[op]
    arguments[name] = value
    if op == "beta":
        arguments["arm"] = np.array([0, 1], dtype=np.int32)
    if op == "kalman":
        arguments["weight"] = np.full(2, 0.5)
    call(**arguments)


@pytest.mark.parametrize("op", good())
def test_the_arguments_above_are_good_and_no_observations_change_nothing(op: str) -> None:
    call, arguments = good()[op]
    call(**arguments)
    for name in set(arguments) & {"arm", "value", "observed_weight", "weight", "successes", "rollouts"}:
        if op != "sum" or name != "weight":
            arguments[name] = arguments[name][:0]
    before = state_of(arguments)
    call(**arguments)
    assert state_of(arguments) == before


@pytest.mark.parametrize("op", sorted(set(good()) - {"window mean"}))
def test_a_state_that_shares_memory_with_another_argument_is_refused(op: str) -> None:
    call, arguments = good()[op]
    names = [name for name, value in arguments.items() if isinstance(value, np.ndarray)]
    for i, written in enumerate(names[:2]):
        for other in names[i + 1 :]:
            changed = dict(arguments)
            pool = np.zeros(changed[written].size, dtype=changed[written].dtype)
            changed[written] = pool.reshape(changed[written].shape)
            shared = pool.view(changed[other].dtype)[: changed[other].size]
            changed[other] = shared.reshape(changed[other].shape)
            with pytest.raises(ValueError, match=f"{written} and {other} share memory; pass a copy"):
                call(**changed)


def test_rescaling_refuses_before_it_writes() -> None:
    fine, broken = np.ones(2), np.array([0.0, NAN])
    with pytest.raises(ValueError, match=r"arrays\[1\]\[1\] = nan is not finite"):
        bandit.rescale(fine, broken, factor=0.5)
    with pytest.raises(ValueError, match=r"arrays\[0\]\[0\] = 1 times factor = 2097152 is not below 2\*\*21"):
        bandit.rescale(fine, factor=2.0**21)
    with pytest.raises(ValueError, match="factor = 0 is not a finite number above 0"):
        bandit.rescale(fine, factor=0)
    with pytest.raises(
        ValueError, match=r"arrays\[0\] and arrays\[1\] share memory, which would be rescaled twice"
    ):
        bandit.rescale(fine, fine[1:], factor=0.5)
    with pytest.raises(TypeError, match=r"arrays\[0\] is a float"):
        bandit.rescale(0.5, factor=0.5)
    assert fine.tolist() == [1.0, 1.0]


ANYTHING = st.one_of(
    st.none(),
    st.floats(),
    st.integers(-(2**70), 2**70),
    st.sampled_from([np.zeros(0), np.zeros(3), I8_3, F8_2, np.zeros((2, 2)), np.array(["a"]), READ_ONLY]),
    st.lists(st.floats(), max_size=3).map(np.array),
    st.lists(st.integers(-3, 3), max_size=3).map(lambda x: np.array(x, dtype=np.int32)),
)


@given(data=st.data(), op=st.sampled_from(list(good())))
@settings(max_examples=400, deadline=None)
def test_anything_whatever_is_taken_or_refused_by_name(data: st.DataObject, op: str) -> None:
    call, arguments = good()[op]
    change = {name: data.draw(ANYTHING) for name in arguments if data.draw(st.booleans())}
    arguments.update(change)
    before = state_of(arguments)
    try:
        call(**arguments)
    except (TypeError, ValueError) as error:
        assert any(name in str(error) for name in arguments)
        assert state_of(arguments) == before
