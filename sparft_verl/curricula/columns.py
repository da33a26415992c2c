"""Small vector operations that several modules need."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sparft_verl.curricula.types import F64, I64

QUANTUM = 2.0**-32
"""Successes and statistics are rounded to this before they are summed. Sums below 2**20 are then exact, so that the
order in which rollouts or groups arrive cannot change a single bit of the state."""


def quantised(values: F64) -> F64:
    """float64 like `values`: multiples of QUANTUM."""
    return np.rint(values * (1.0 / QUANTUM)) * QUANTUM


def mentions(values: NDArray[Any]) -> I64:
    """int64 like `values`: how many equal values come before each."""
    order = np.argsort(values, kind="stable")
    ranked = values[order]
    out = np.empty(len(values), dtype=np.int64)
    out[order] = np.arange(len(values)) - np.searchsorted(ranked, ranked)
    return out


def distinct(values: I64) -> I64:
    """int64 [m]: the different values, rising; several times as fast as np.unique at the size of a batch."""
    ordered = np.sort(values)
    first = np.ones(len(ordered), dtype=np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return ordered[first]


def member(ordered: NDArray[Any], values: NDArray[Any]) -> NDArray[np.bool_]:
    """bool like `values`: whether each is in `ordered`, which rises."""
    if not len(ordered):
        return np.zeros(len(values), dtype=np.bool_)
    place = np.minimum(np.searchsorted(ordered, values), len(ordered) - 1)
    return ordered[place] == values
