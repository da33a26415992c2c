"""NumPy reference of sparft_verl.bandit.farthest: every distance of every row to every pick, in the same lanes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

SUM_ROWS = 256  # kSumRows of csrc/farthest.h


def add_lanes(square: NDArray[Any]) -> NDArray[Any]:
    """[n]: sums of [n, d] over d. Lane j % 8 takes dimension j in ascending order, then halves are added."""
    n, d = square.shape
    lanes = np.zeros((n, 8), dtype=square.dtype)
    for j in range(0, d, 8):
        lanes[:, : min(8, d - j)] += square[:, j : j + 8]
    four = lanes[:, :4] + lanes[:, 4:]
    two = four[:, :2] + four[:, 2:]
    return two[:, 0] + two[:, 1]


def column_sums(x: NDArray[np.float32]) -> NDArray[np.float64]:
    """float64 [d]: sums of [n, d] over n, row by row in blocks of SUM_ROWS, then block by block."""
    total = np.zeros(x.shape[1])
    for start in range(0, len(x), SUM_ROWS):
        block = np.zeros(x.shape[1])
        for row in x[start : start + SUM_ROWS].astype(np.float64):
            block += row
        total += block
    return total


def medoid(x: NDArray[np.float32]) -> int:
    """The row nearest to the mean; multiplied by the number of rows, no rounding of a quotient breaks ties."""
    scaled = len(x) * x.astype(np.float64) - column_sums(x)
    return int(np.argmin(add_lanes(scaled * scaled)))


def farthest_points(
    points: NDArray[np.float32], cluster: NDArray[np.int32], take: NDArray[np.int64]
) -> NDArray[np.int64]:
    """int64 [sum(take)]: see sparft_verl.bandit.farthest_points."""
    picked: list[int] = []
    for k, count in enumerate(take.tolist()):
        rows = np.flatnonzero(cluster == k)
        x = points[rows]
        nearest = np.full(len(rows), np.inf, dtype=np.float32)
        for i in range(count):
            pick = medoid(x) if i == 0 else int(np.argmax(nearest))
            picked.append(int(rows[pick]))
            difference = x - x[pick]
            nearest = np.minimum(nearest, add_lanes(difference * difference))
            nearest[np.isin(rows, picked)] = -1.0
    return np.array(picked, dtype=np.int64)
