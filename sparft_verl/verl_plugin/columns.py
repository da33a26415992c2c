"""Columns of what verl's TransferQueue gives, as NumPy arrays and lists, without a loop over tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

F64 = NDArray[np.float64]
BLOCK = 256
"""Vectors that are taken as float64 at a time: a copy of a whole column would not stay in the cache."""


@dataclass(frozen=True)
class Ragged:
    """n vectors of different lengths, end to end."""

    values: NDArray[Any]
    start: NDArray[np.int64]
    """int64 [n+1]: vector i is values[start[i]:start[i+1]]."""


def as_ragged(column: Any) -> Ragged:
    """Return a column of token values: a jagged or strided nested tensor, a dense one, or a stack of tensors."""
    if getattr(column, "layout", None) == torch.jagged and column.lengths() is None:
        return Ragged(_numpy(column.values()), column.offsets().cpu().numpy().astype(np.int64, copy=False))
    if isinstance(column, torch.Tensor) and not column.is_nested:
        dense = column.reshape(len(column), -1)
        return Ragged(_numpy(dense.reshape(-1)), np.arange(len(dense) + 1) * dense.shape[1])
    parts = list(column.unbind())
    start = np.concatenate([[0], np.cumsum([part.numel() for part in parts])]).astype(np.int64)
    return Ragged(_numpy(torch.cat([part.reshape(-1) for part in parts])), start)


def _numpy(values: torch.Tensor) -> NDArray[Any]:
    values = values.detach().cpu()
    return (values.float() if values.dtype in (torch.bfloat16, torch.float16) else values).numpy()


def sums(column: Ragged) -> F64:
    """float64 [n]: sum of each vector; 0 where it is empty. Quick where most values are 0: one score at the end."""
    size = len(column.start) - 1
    there = column.values != 0
    if np.count_nonzero(there) <= 2 * size:
        at = np.flatnonzero(there)
        owner = np.searchsorted(column.start, at, "right") - 1
        if np.bincount(owner, minlength=1).max() <= 2:  # the sum of two has the same bits in any order
            return np.bincount(owner, column.values[at], size).astype(np.float64, copy=False)
    return _pairwise(column)


def _pairwise(column: Ragged) -> F64:
    out = np.zeros(len(column.start) - 1)
    for begin in range(0, len(out), BLOCK):
        start = column.start[begin : begin + BLOCK + 1]
        some = np.flatnonzero(np.diff(start))
        if len(some):
            values = column.values[start[0] : start[-1]].astype(np.float64)
            out[begin + some] = np.add.reduceat(values, start[some] - start[0])
    return out


def means(column: Ragged, mask: Ragged) -> F64:
    """float64 [n]: mean of each vector where `mask`, of the same shape, is not 0; 0 where it is nowhere."""
    if mask.values.all():
        return _pairwise(column) / np.maximum(np.diff(column.start), 1)
    chosen = mask.values != 0
    weight = _pairwise(Ragged(chosen, mask.start))
    return _pairwise(Ragged(np.where(chosen, column.values, 0.0), column.start)) / np.maximum(weight, 1.0)


def picked(data: Any, name: str, which: Sequence[int] | None = None) -> list[Any]:
    """Return the values of column `name` of a TensorDict, those at `which` (default: all)."""
    column = data.get(name)
    stack = getattr(column, "tensordicts", None)
    if stack is None:
        values = as_list(column)
        return values if which is None else [values[index] for index in which]
    items = stack if which is None else [stack[index] for index in which]
    try:
        # tensordict's own getter, `item.data`, takes five microseconds, and a batch has ten thousand items
        values = [item._non_tensordict["data"] for item in items]
        if not items or values[0] is items[0].data:
            return values
    except (KeyError, TypeError, AttributeError):  # another version keeps them elsewhere
        pass
    return [getattr(item, "data", item) for item in items]


def as_list(column: Any) -> list[Any]:
    """Return a TensorDict column as a list; verl yields tensors, stacks and linked lists for the same field."""
    if hasattr(column, "tolist"):
        return list(column.tolist())
    return [getattr(item, "data", item) for item in column]
