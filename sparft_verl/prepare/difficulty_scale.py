"""Labels on any scale as one difficulty in [0, 1]; gaps are filled in the open, or their rows named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sparft_verl.prepare.errors import require


def quantile(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return float64 [n] in [0, 1]: (average rank - 1)/(n - 1), so that a constant gives 0.5."""
    if len(x) < 2:
        return np.full(len(x), 0.5)
    _, inverse, count = np.unique(x, return_inverse=True, return_counts=True)
    before = np.concatenate([[0], np.cumsum(count)[:-1]])
    return (before + (count - 1) / 2)[inverse] / (len(x) - 1)


def scaled(
    raw: np.ndarray[Any, Any], source: Sequence[str], scale: str, invert: bool, what: str
) -> np.ndarray[Any, Any]:
    """Return float64 [N] in [0, 1], nan where `raw` is: ranks within each source, ranks over all, or as they are."""
    value = np.full(len(raw), np.nan)
    seen = np.flatnonzero(~np.isnan(raw))
    if scale == "raw":
        low, high = raw[seen].min(), raw[seen].max()
        require(
            bool(low >= 0 and high <= 1),
            f"difficulty.scale=raw needs values in [0, 1] in {what}",
            f"{low}..{high}",
            "use difficulty.scale=quantile (ranks within each data source) or global (ranks over all)",
        )
        value[seen] = 1.0 - raw[seen] if invert else raw[seen]
        return value
    raw = -raw if invert else raw
    groups = rows_by_source(source).values() if scale == "quantile" else [np.arange(len(raw))]
    for rows in groups:
        known = rows[~np.isnan(raw[rows])]
        value[known] = quantile(raw[known])
    return value


def filled(
    value: np.ndarray[Any, Any], source: Sequence[str], policy: str, what: str, fallback: float
) -> tuple[np.ndarray[Any, Any], list[str]]:
    """Return `value` without nan, and what to say about it: a gap takes its source's median, or `fallback`
    where the source has no value at all. PrepareError under policy=error."""
    gaps = np.isnan(value)
    value = value.copy()
    notes = []
    for name, rows in rows_by_source(source).items():
        gone, known = rows[gaps[rows]], rows[~gaps[rows]]
        if len(gone) == 0:
            continue
        require(
            policy != "error",
            f"difficulty.missing=error asks for {what} in every row",
            f"{len(gone)} of {len(rows)} rows of {name!r} without",
            "fill them in, or set difficulty.missing=median or drop",
        )
        value[gone] = np.median(value[known]) if len(known) else fallback
        level = "its median" if len(known) else f"{fallback:g}, for it has none at all"
        done = "left out" if policy == "drop" else f"set to {level}"
        notes.append(f"{what} is missing in {len(gone)} of {len(rows)} rows of {name!r}: {done}")
    return value, notes


def rows_by_source(source: Sequence[str]) -> dict[str, np.ndarray[Any, Any]]:
    """Return the rows, int64, of every data source, in order of first appearance."""
    found: dict[str, list[int]] = {}
    for row, name in enumerate(source):
        found.setdefault(name, []).append(row)
    return {name: np.array(rows, dtype=np.int64) for name, rows in found.items()}
