"""Numbers, named levels and pass rates out of the data's own columns."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sparft_verl.prepare.errors import PrepareError, require


def is_gap(value: Any) -> bool:
    """Return whether a value stands for none: null, nan, or a text of white space."""
    if isinstance(value, str):
        return not value.strip()
    return value is None or (isinstance(value, float) and math.isnan(value))


def numbers(values: Sequence[Any], origin: np.ndarray[Any, Any], option: str) -> np.ndarray[Any, Any]:
    """Return float64 [N], nan where there is no value. PrepareError, naming the input row, for what is no number."""
    found = np.full(len(values), np.nan)
    for row, value in enumerate(values):
        if is_gap(value):
            continue
        try:
            found[row] = float(value)
        except (TypeError, ValueError):
            raise PrepareError(
                f"{option} must hold numbers, but row {origin[row]} holds {value!r:.80}; give the level of each "
                "name by difficulty.levels={easy: 0, hard: 1}, or write numbers into a column of their own"
            ) from None
        require(
            not np.isinf(found[row]),
            f"{option} must be finite",
            f"{value} in row {origin[row]}",
            "use null where it is unknown",
        )
    return found


def named_levels(
    values: Sequence[Any], levels: Mapping[Any, float], origin: np.ndarray[Any, Any], column: str
) -> np.ndarray[Any, Any]:
    """Return float64 [N]: the level of each name, nan where there is none. A name without a level is refused.

    Names are compared as text: 1, 1.0 and "1" are the same one.
    """
    found = np.full(len(values), np.nan)
    known = {_name(name): float(level) for name, level in levels.items()}
    for row, value in enumerate(values):
        if is_gap(value):
            continue
        level = known.get(_name(value))
        if level is None:
            others = sorted({_name(v) for v in values if not is_gap(v)} - set(known))
            raise PrepareError(
                f"difficulty.levels must give a level to every value of difficulty.column={column}, but row "
                f"{origin[row]} holds {value!r:.80} and there are levels for {sorted(known)}; "
                f"add {others[:10]}, or use null where the level is unknown"
            )
        found[row] = level
    return found


def pass_rates(values: Sequence[Any], origin: np.ndarray[Any, Any], column: str) -> np.ndarray[Any, Any]:
    """Return float64 [N] in [0, 1], nan where there is no value. PrepareError naming the row otherwise."""
    option = f"difficulty.references.columns: {column}"
    found = numbers(values, origin, option)
    outside = np.flatnonzero((found < 0) | (found > 1))
    require(
        len(outside) == 0,
        f"{option} must hold pass rates in [0, 1]",
        f"{found[outside[0]]:g} in row {origin[outside[0]]}" if len(outside) else None,
        "divide counts by the number of rollouts",
    )
    return found


def _name(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value).strip()
    return text[:-2] if text.endswith(".0") and text[:-2].lstrip("-").isdigit() else text
