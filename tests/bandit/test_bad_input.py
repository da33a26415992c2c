"""Whatever is passed to choose, a Python exception names argument, value and fix; nothing crashes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sparft_verl import bandit

GOOD: dict[str, Any] = {
    "mean": np.array([0.1, 0.2, 0.3]),
    "sd": np.array([1.0, 1.0, 0.0]),
    "capacity": np.array([2, 2, 2]),
    "rounds": 4,
    "seed": 1,
    "stream": 2,
    "step": 3,
}


def choose(**given: Any) -> np.ndarray:
    belief = bandit.Gaussian(given.pop("mean"), given.pop("sd"))
    return bandit.choose(belief, given.pop("rounds"), **given)


UNALIGNED = np.frombuffer(b"x" + bytes(24), dtype=np.uint8)[1:].view(np.float64)
BAD: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "nan mean": ({"mean": np.array([0.1, np.nan, 0.3])}, ValueError, r"mean\[1\] = nan is not finite"),
    "infinite mean": ({"mean": np.array([0.1, 0.2, -np.inf])}, ValueError, r"mean\[2\] = -inf is not finite"),
    "nan sd": ({"sd": np.array([np.nan, 1, 1])}, ValueError, r"sd\[0\] = nan is not finite"),
    "infinite sd": ({"sd": np.array([1, np.inf, 1])}, ValueError, r"sd\[1\] = inf is not finite"),
    "negative sd": ({"sd": np.array([1, 1, -0.5])}, ValueError, r"sd\[2\] = -0.5 is negative"),
    "short sd": ({"sd": np.ones(2)}, ValueError, "sd has length 2 but mean has length 3"),
    "long capacity": ({"capacity": np.ones(4, dtype=np.int64)}, ValueError, "capacity has length 4"),
    "negative capacity": ({"capacity": np.array([9, -1, 9])}, ValueError, r"capacity\[1\] = -1 is negative"),
    "too many rounds": ({"rounds": 7}, ValueError, r"rounds = 7 exceeds sum\(capacity\) = 6; ask for fewer"),
    "negative rounds": ({"rounds": -1}, ValueError, "rounds = -1 is out of range"),
    "fractional rounds": ({"rounds": 2.0}, TypeError, "rounds = 2.0 is a float"),
    "too many draws": (
        {"rounds": 2**59, "capacity": np.full(3, 2**60)},
        ValueError,
        r"rounds = 576460752303423488 times 3 arms exceeds 2\*\*60",
    ),
    "no arms": (
        {"mean": np.zeros(0), "sd": np.zeros(0), "capacity": np.zeros(0, dtype=np.int64), "rounds": 0},
        ValueError,
        "mean has no arms",
    ),
    "a list": ({"mean": [0.1, 0.2, 0.3]}, TypeError, "mean is a list; give a NumPy array of dtype float64"),
    "float32": ({"mean": np.zeros(3, dtype=np.float32)}, TypeError, "mean has dtype <f4, not float64"),
    "other byte order": ({"sd": np.ones(3, dtype=">f8")}, TypeError, "sd has dtype >f8, not float64"),
    "int32 capacity": (
        {"capacity": np.ones(3, dtype=np.int32)},
        TypeError,
        "capacity has dtype <i4, not int64",
    ),
    "two dimensions": (
        {"mean": np.zeros((3, 1))},
        ValueError,
        r"mean has shape \(3, 1\); give one dimension",
    ),
    "no dimension": ({"mean": np.array(1.0)}, ValueError, r"mean has shape \(\)"),
    "strided": (
        {"mean": np.zeros(6)[::2]},
        ValueError,
        r"mean is not contiguous and aligned; give mean.copy\(\)",
    ),
    "reversed": ({"capacity": np.ones(3, dtype=np.int64)[::-1]}, ValueError, "capacity is not contiguous"),
    "unaligned": ({"mean": UNALIGNED}, ValueError, "mean is not contiguous and aligned"),
    "masked": ({"mean": np.ma.masked_equal(np.zeros(3), 1)}, TypeError, "mean is a masked array"),
    "negative seed": (
        {"seed": -1},
        ValueError,
        "seed = -1 is out of range; give an integer from 0 to 9223372036854775807",
    ),
    "huge stream": ({"stream": 2**63}, ValueError, "stream = 9223372036854775808 is out of range"),
    "boolean step": ({"step": True}, TypeError, "step = True is a bool"),
    "text seed": ({"seed": "1"}, TypeError, "seed = '1' is a str"),
    "no threads": ({"threads": 0}, ValueError, "threads = 0 is out of range; give an integer from 1 to 64"),
    "too many threads": ({"threads": 65}, ValueError, "threads = 65 is out of range"),
    "unknown backend": (
        {"backend": "gpu"},
        ValueError,
        "backend = 'gpu' is unknown; use one of auto, cpu, cuda, numpy",
    ),
    "backend of another type": ({"backend": None}, ValueError, "backend = None is unknown"),
}


@pytest.mark.parametrize("backend", ["cpu", "numpy"])
@pytest.mark.parametrize("case", BAD)
def test_choose_refuses(case: str, backend: str) -> None:
    change, kind, message = BAD[case]
    with pytest.raises(kind, match=message):
        choose(**{**GOOD, "backend": backend, **change})


def test_the_arguments_above_are_good_before_they_are_changed() -> None:
    assert len(choose(**GOOD)) == 4


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bandit.permutation(-1, seed=0, stream=0, step=0), "n = -1 is out of range"),
        (lambda: bandit.permutation(2**31, seed=0, stream=0, step=0), "n = 2147483648 is out of range"),
        (lambda: bandit.permutation(3, seed=0, stream=0, step=-2), "step = -2 is out of range"),
        (
            lambda: bandit.permutation(3, seed=0, stream=0, step=0, backend="cuda"),
            "use one of auto, cpu, numpy",
        ),
        (lambda: bandit.normal(-5, seed=0, stream=0, step=0), "n = -5 is out of range"),
        (lambda: bandit.normal(5, first=-1, seed=0, stream=0, step=0), "first = -1 is out of range"),
        (
            lambda: bandit.normal(5, first=2**60 - 4, seed=0, stream=0, step=0),
            "first \\+ n = .* beyond 2\\*\\*60",
        ),
        (lambda: bandit.uniform_words(5, first=2**60, seed=0, stream=0, step=0), "first = .* out of range"),
    ],
)
def test_the_smaller_functions_refuse(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
