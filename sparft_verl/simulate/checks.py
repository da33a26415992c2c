"""Rules for the fields of a scenario; every message names the key, the rule and the value."""

from __future__ import annotations

import math
from typing import Any


def whole(key: str, value: Any, low: int, high: int = 2**31) -> None:
    """Raise ValueError unless `value` is an integer in low .. high."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"{key} must be an integer in {low} .. {high}, got {value!r}")


def number(key: str, value: Any, low: float, high: float = 1e6) -> None:
    """Raise ValueError unless `value` is a finite number in low .. high."""
    known = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not known or not low <= value <= high:
        raise ValueError(f"{key} must be a number in {low:g} .. {high:g}, got {value!r}")
