"""Numbers that change with the optimiser step: constants, or knots joined by straight lines."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np


def knots(key: str, value: Any, high: float) -> list[list[float]]:
    """Return `value` as [[step, value], ...], steps >= 0 and strictly rising, values in 0 .. high.

    A number stands for the same value at every step. Raises ValueError naming `key`.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = [[0, value]]
    try:
        pairs = [[float(step), float(share)] for step, share in value]
    except (TypeError, ValueError) as error:
        raise ValueError(f"{key} must be a number or [[step, number], ...], got {value!r}") from error
    steps = [step for step, _ in pairs]
    if not pairs or steps[0] < 0 or any(a >= b for a, b in pairwise(steps)):
        raise ValueError(f"{key}: steps must be >= 0 and rise, got {value!r}")
    if not all(0.0 <= share <= high for _, share in pairs):
        raise ValueError(f"{key}: values must lie in 0 .. {high:g}, got {value!r}")
    return pairs


def at(pairs: list[list[float]], step: int) -> float:
    """Return the value at `step`: linear between knots, constant before the first and after the last."""
    return float(np.interp(step, [x for x, _ in pairs], [y for _, y in pairs]))


def check_shares(key: str, shares: Mapping[str, Any], high: float) -> None:
    """Nothing; raises ValueError unless each value is a schedule in 0 .. high and, where high is 1, so is each sum."""
    schedules = {name: knots(f"{key}[{name!r}]", value, high) for name, value in shares.items()}
    for step in sorted({step for pairs in schedules.values() for step, _ in pairs}):
        total = sum(at(pairs, int(step)) for pairs in schedules.values())
        if high == 1.0 and total > 1.0 + 1e-9:
            raise ValueError(
                f"{key}: shares must sum to at most 1, got {total:g} at step {step:g}; lower one of them"
            )
