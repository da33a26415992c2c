"""Checks of settings: each raises ValueError naming key, rule, value and fix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def number(params: object, key: str, low: float, high: float) -> None:
    """Nothing; makes `params.key` a float if it is a finite number in [low, high], raises otherwise."""
    value = getattr(params, key)
    valid = isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
    if not valid:
        raise ValueError(
            f"{key} must be a number in {low:g} .. {high:g}, got {value!r}{_default(params, key)}"
        )
    object.__setattr__(params, key, float(value))


def integer(params: object, key: str, low: int, high: int) -> None:
    """Nothing; raises unless `params.key` is an integer in low .. high."""
    value = getattr(params, key)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        limit = "2**63 - 1" if high == 2**63 - 1 else high
        raise ValueError(
            f"{key} must be an integer in {low} .. {limit}, got {value!r}{_default(params, key)}"
        )


def flag(params: object, key: str) -> None:
    """Nothing; raises unless `params.key` is true or false."""
    value = getattr(params, key)
    if not isinstance(value, bool):
        raise ValueError(f"{key} must be true or false, got {value!r}{_default(params, key)}")


def one_of(params: object, key: str, names: Sequence[str]) -> None:
    """Nothing; raises unless `params.key` is one of `names`."""
    value = getattr(params, key)
    if value not in names:
        raise ValueError(f"{key} must be one of {', '.join(names)}, got {value!r}{_default(params, key)}")


def mapping(params: object, key: str) -> None:
    """Nothing; makes `params.key` a dict with string keys, raises if it is no mapping."""
    value = getattr(params, key)
    if not isinstance(value, Mapping):
        raise ValueError(f"{key} must be a mapping such as {{NAME: value}}, got {value!r}")
    object.__setattr__(params, key, {str(name): item for name, item in value.items()})


def _default(params: object, key: str) -> str:
    fields: dict[str, Any] = getattr(params, "__dataclass_fields__", {})
    default = getattr(fields.get(key), "default", None)
    return f"; {default!r} is the default"
