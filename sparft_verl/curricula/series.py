"""Numbers of many arms or data sources for a logger: never more series than a person can look at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sparft_verl.curricula.types import I64

BY_NAME = 32
"""So many arms, or data sources, have a series each; with more, quantiles and the TOP of them stand for all."""
TOP = 5


def named(
    kind: str,
    names: tuple[str, ...],
    columns: Mapping[str, tuple[NDArray[Any], NDArray[np.bool_] | None]],
    size: I64,
) -> dict[str, float]:
    """Return `sparft/KIND/NAME/COLUMN`, or min, median and max of each column and the TOP by `size`.

    Args:
        kind: `arm` or `source`.
        names: of each of the n.
        columns: values [n] by name, each with which of them there are, bool [n]; None = all.
        size: int64 [n], by which the largest are found, ties by number.

    The largest are named by rank, sparft/KINDs/top1/COLUMN, and /number says which it is: which ones they are
    changes over a run, and every change would start a new series.
    """
    out: dict[str, float] = {}
    if len(names) <= BY_NAME:
        for column, (values, there) in columns.items():
            for k in range(len(names)) if there is None else np.flatnonzero(there).tolist():
                out[f"sparft/{kind}/{names[k]}/{column}"] = float(values[k])
        return out
    threshold = np.partition(size, len(size) - TOP)[len(size) - TOP]
    candidates = np.flatnonzero(size >= threshold)
    largest = candidates[np.argsort(-size[candidates], kind="stable")[:TOP]].tolist()
    for rank, k in enumerate(largest, 1):
        out[f"sparft/{kind}s/top{rank}/number"] = float(k)
    for column, (values, there) in columns.items():
        some = values if there is None else values[there]
        if len(some):
            out |= {
                f"sparft/{kind}s/{column}_min": float(some.min()),
                f"sparft/{kind}s/{column}_median": _median(some),
                f"sparft/{kind}s/{column}_max": float(some.max()),
            }
        for rank, k in enumerate(largest, 1):
            if there is None or there[k]:
                out[f"sparft/{kind}s/top{rank}/{column}"] = float(values[k])
    return out


def _median(values: NDArray[Any]) -> float:
    """Return what np.median gives, without its search for nan: there is none."""
    low, high = (len(values) - 1) // 2, len(values) // 2
    some = np.partition(values, (low, high))
    return float(some[high] - (some[high] - some[low]) * 0.5)
