"""Stage 3: one difficulty in [0, 1] per prompt, comparable across data sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from sparft_verl.prepare.errors import PrepareError, require

SCALES = ("quantile", "raw")


@dataclass
class DifficultyConfig:
    """Where the difficulty of a prompt comes from."""

    column: str | None = None
    """A column, or a dotted path into one (extra_info.difficulty); null means no difficulty: constant 0."""
    scale: str = "quantile"
    """quantile (rank within the data source, for labels on different scales) or raw (already in [0, 1])."""
    invert: bool = False
    """True when a higher value means easier, as with a solve rate."""

    def __post_init__(self) -> None:
        require(
            self.scale in SCALES,
            f"difficulty.scale must be one of {', '.join(SCALES)}",
            repr(self.scale),
            "set one",
        )


@dataclass(frozen=True)
class Difficulty:
    """value float64 [N] in [0, 1]; missing bool [N]; known is False when no column was given."""

    value: np.ndarray[Any, Any]
    missing: np.ndarray[Any, Any]
    known: bool
    notes: list[str] = field(default_factory=list)


def difficulty(table: pa.Table, source: Sequence[str], config: DifficultyConfig) -> Difficulty:
    """Return the difficulty of every row. A missing value becomes its source's median and is flagged."""
    n = table.num_rows
    if config.column is None:
        note = "difficulty.column is null: difficulty is constant 0 and plays no part in the arms"
        return Difficulty(np.zeros(n), np.ones(n, dtype=bool), False, [note])
    raw = _numbers(lookup(table, config.column, "difficulty.column"), config.column)
    missing = np.isnan(raw)
    require(
        not missing.all(),
        f"difficulty.column={config.column} must hold at least one value",
        f"only missing ones in {n} rows",
        "give another column, or difficulty.column=null for none",
    )
    if config.invert:
        raw = -raw if config.scale == "quantile" else 1.0 - raw
    if config.scale == "raw":
        seen = raw[~missing]
        require(
            bool((seen >= 0).all() and (seen <= 1).all()),
            "difficulty.scale=raw needs values in [0, 1]",
            f"{seen.min()}..{seen.max()}",
            "use difficulty.scale=quantile",
        )
    value = np.empty(n)
    notes = []
    sources = np.asarray(source, dtype=object)
    for name in dict.fromkeys(source):
        rows = np.flatnonzero(sources == name)
        known = rows[~missing[rows]]
        gone = rows[missing[rows]]
        value[known] = quantile(raw[known]) if config.scale == "quantile" else raw[known]
        # A source without any value has no median; the middle of the scale is as good as any, and flagged.
        value[gone] = np.median(value[known]) if len(known) else 0.5
        if len(gone):
            level = "its median" if len(known) else "0.5, for it has none at all"
            notes.append(
                f"difficulty is missing in {len(gone)} of {len(rows)} rows of {name!r}: set to {level}"
            )
    return Difficulty(value, missing, True, notes)


def quantile(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return float64 [n] in [0, 1]: (average rank - 1)/(n - 1), so that a constant gives 0.5."""
    if len(x) < 2:
        return np.full(len(x), 0.5)
    _, inverse, count = np.unique(x, return_inverse=True, return_counts=True)
    before = np.concatenate([[0], np.cumsum(count)[:-1]])
    return (before + (count - 1) / 2)[inverse] / (len(x) - 1)


def lookup(table: pa.Table, path: str, option: str) -> list[Any]:
    """Return the N values at a column or a dotted path into struct columns; None where a struct is null.

    Raises PrepareError naming what there is instead.
    """
    if path in table.column_names:
        return list(table[path].to_pylist())
    head, *rest = path.split(".")
    known = _paths(table.schema)
    if head not in table.column_names or path not in known:
        raise PrepareError(
            f"{option} must name a column or a field of one, "
            f"but {path!r} is not among {known}; correct the name"
        )
    values = table[head].to_pylist()
    for key in rest:
        values = [None if v is None else v.get(key) for v in values]
    return values


def _paths(fields: Any, prefix: str = "") -> list[str]:
    paths = []
    for entry in fields:
        paths.append(prefix + entry.name)
        if pa.types.is_struct(entry.type):
            paths += _paths(entry.type, f"{prefix}{entry.name}.")
    return paths


def _numbers(values: Sequence[Any], column: str) -> np.ndarray[Any, Any]:
    numbers = np.full(len(values), np.nan)
    for row, value in enumerate(values):
        if value is None:
            continue
        try:
            numbers[row] = float(value)
        except (TypeError, ValueError):
            raise PrepareError(
                f"difficulty.column={column} must hold numbers, but row {row} holds {value!r:.80}; "
                "write a number for each level into a column of its own"
            ) from None
        require(
            not np.isinf(numbers[row]),
            f"difficulty.column={column} must be finite",
            f"{value} in row {row}",
            "use null where it is unknown",
        )
    return numbers
