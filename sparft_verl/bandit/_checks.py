"""Types and ranges of the numbers given to the small functions; arrays are checked by the compiled ops."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

KEY_LIMIT = 2**63
INDEX_LIMIT = 2**60
BACKENDS = ("auto", "cpu", "cuda", "numpy")


def check_integer(name: str, value: Any, low: int, stop: int) -> int:
    """`value` as int when it is an integer in [low, stop)."""
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name} = {value!r} is a bool; give an integer")
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} = {value!r} is a {type(value).__name__}; give an integer") from None
    if not low <= number < stop:
        raise ValueError(f"{name} = {number} is out of range; give an integer from {low} to {stop - 1}")
    return number


def check_key(seed: Any, stream: Any, step: Any) -> tuple[int, int, int]:
    """(seed, stream, step) as int."""
    return (
        check_integer("seed", seed, 0, KEY_LIMIT),
        check_integer("stream", stream, 0, KEY_LIMIT),
        check_integer("step", step, 0, KEY_LIMIT),
    )


def check_range(n: Any, first: Any) -> tuple[int, int]:
    """(n, first) as int, when the elements first .. first+n-1 exist."""
    n, first = check_integer("n", n, 0, INDEX_LIMIT), check_integer("first", first, 0, INDEX_LIMIT)
    if first + n > INDEX_LIMIT:
        raise ValueError(f"first + n = {first + n} is beyond 2**60; use another step or stream from there on")
    return n, first


def choose_backend(backend: Any, known: tuple[str, ...] = BACKENDS) -> str:
    """`backend` when it is known; whether CUDA can run is left to the op, which says why it cannot."""
    if not isinstance(backend, str) or backend not in known:
        raise ValueError(f"backend = {backend!r} is unknown; use one of {', '.join(known)}")
    return backend
