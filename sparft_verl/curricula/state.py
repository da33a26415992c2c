"""Reading a saved state: every value is checked before anything takes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

SCHEMA = 3


def header(
    method: str, config: Mapping[str, Any], config_hash: str, fingerprint: str, layout: str
) -> dict[str, Any]:
    """Return what a state must agree on with the curriculum that loads it."""
    return {
        "schema": SCHEMA,
        "method": method,
        "config": dict(config),
        "config_hash": config_hash,
        "fingerprint": fingerprint,
        "layout": layout,
    }


_MEANING = {
    "schema": "the state was written by another version of sparft-verl",
    "method": "the state belongs to another curriculum",
    "config_hash": "the state was saved under another configuration",
    "fingerprint": "the state was saved over other prompts (artefact or training data changed)",
    "layout": "the same prompts now lie at other positions of the training data, or in other arms",
}


def check_header(saved: Mapping[str, Any], mine: Mapping[str, Any]) -> None:
    """Raise ValueError naming the first difference between a saved header and this curriculum's."""
    for key in ("schema", "method", "config", "config_hash", "fingerprint", "layout"):
        if key not in saved:
            raise ValueError(f"the state of the curriculum has no {key!r}; it is damaged, or not ours")
        if key == "config" and isinstance(saved["config"], Mapping):
            for name in sorted(set(saved["config"]) | set(mine["config"])):
                was, now = saved["config"].get(name), mine["config"].get(name)
                if was != now:
                    raise ValueError(
                        f"cannot resume: curriculum.{name} was {was!r} when the state was saved and is {now!r} now; "
                        "set it back, or start anew"
                    )
        elif saved[key] != mine[key]:
            raise ValueError(
                f"cannot resume: {_MEANING.get(key, 'the state is damaged')}: "
                f"{key} was {saved[key]!r} and is {mine[key]!r} now; set it back, or start anew"
            )


def array(state: Mapping[str, Any], key: str, dtype: Any, size: int | None = None) -> Any:
    """Return a private copy of the vector `state[key]`; raise ValueError on another dtype or length."""
    value = state.get(key)
    if not isinstance(value, np.ndarray) or value.dtype != np.dtype(dtype) or value.ndim != 1:
        raise ValueError(
            f"damaged state: {key!r} must be a vector of {np.dtype(dtype)}, got {_describe(value)}"
        )
    if size is not None and len(value) != size:
        raise ValueError(f"damaged state: {key!r} must hold {size} values, got {len(value)}")
    if np.issubdtype(value.dtype, np.floating) and not np.isfinite(value).all():
        raise ValueError(f"damaged state: {key!r} holds a value that is not finite")
    return value.copy()


def count(state: Mapping[str, Any], key: str) -> int:
    """Return the integer >= 0 at `state[key]`; raise ValueError on anything else."""
    value = state.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"damaged state: {key!r} must be an integer >= 0, got {_describe(value)}")
    return value


def part(state: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return the dict at `state[key]`; raise ValueError on anything else."""
    value = state.get(key)
    if not isinstance(value, dict):
        raise ValueError(f"damaged state: {key!r} must be a dict, got {_describe(value)}")
    return value


def require(rule: bool, message: str) -> None:
    """Raise ValueError with `message` unless `rule` holds."""
    if not rule:
        raise ValueError(f"damaged state: {message}")


def _describe(value: Any) -> str:
    return f"{value.dtype}{value.shape}" if isinstance(value, np.ndarray) else repr(value)[:80]
