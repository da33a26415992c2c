"""Python values to Arrow, with a message that names column and row where they do not fit each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from sparft_verl.prepare.errors import PrepareError

_BAD = (pa.ArrowException, OverflowError, UnicodeEncodeError, TypeError, ValueError)


def to_batch(rows: list[dict[str, Any]], name: str, first: int) -> Any:
    """Return the RecordBatch of rows given as dicts; its columns are all keys that any of them has.

    `first` is the number of the first row in input `name`, for messages.
    """
    keys = list(dict.fromkeys(key for row in rows for key in row))
    columns = [to_array([row.get(key) for row in rows], key, name, first) for key in keys]
    return pa.RecordBatch.from_arrays(columns, names=keys)


def to_array(values: Sequence[Any], column: str, name: str, first: int, kind: Any = None) -> Any:
    """Return the Arrow array of `values`, of type `kind` or of the one that holds them all."""
    try:
        return pa.array(values, type=kind)
    except _BAD as e:
        where, why = _misfit(values, column)
        row = f"row {first + where}" if where is not None else f"rows {first}..{first + len(values) - 1}"
        raise PrepareError(
            f"a column must hold values of one type that Arrow knows, but {why or f'{column!r} does not ({e})'} "
            f"in {row} of {name!r}; write all of them as text, or all as numbers"
        ) from e


def _misfit(values: Sequence[Any], path: str) -> tuple[int | None, str]:
    """Return (place of the first value that does not fit those before it, what is wrong with it)."""
    before: Any = None
    for place, value in enumerate(values):
        if value is None:
            continue
        try:
            pa.array([before, value])
        except _BAD:
            if isinstance(value, dict) and isinstance(before, dict | None):
                break
            try:
                pa.array([value])
            except _BAD as e:
                return place, f"{path!r} holds {value!r:.60}, which it does not ({e})"
            return (
                place,
                f"{path!r} is {before!r:.40} ({type(before).__name__}) in an earlier row and {value!r:.40}",
            )
        before = value if before is None else before
    if all(isinstance(value, dict | None) for value in values):
        for key in dict.fromkeys(k for value in values if value for k in value):
            inner = [value.get(key) if value else None for value in values]
            try:
                pa.array(inner)
            except _BAD:
                return _misfit(inner, f"{path}.{key}")
    return None, ""
