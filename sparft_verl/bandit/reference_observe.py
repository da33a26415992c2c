"""NumPy reference of sparft_verl.bandit.observe: the same operations in the same order, hence the same bits.

Arguments are as the compiled ops have checked them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
I32 = NDArray[np.int32]


def quantum(x: F64) -> F64:
    """float64: x rounded to a multiple of 2**-32, ties to even."""
    return np.rint(x * 2.0**32) / 2.0**32


def observe_mean(total: F64, count: I64, arm: I32, value: F64) -> None:
    """Nothing; `np.add.at` adds in the order given."""
    np.add.at(total, arm, value)
    np.add.at(count, arm, 1)


def observe_sum(
    total: F64,
    weight: F64,
    arm: I32,
    value: F64,
    observed_weight: F64 | None = None,
    scale: float = 1.0,
) -> None:
    """Nothing; sums of quanta, which are exact."""
    w = np.ones(len(arm)) if observed_weight is None else observed_weight
    np.add.at(total, arm, quantum(value * w / scale))
    np.add.at(weight, arm, quantum(w / scale))


def observe_beta(
    success: F64,
    failure: F64,
    arm: I32,
    successes: F64,
    rollouts: F64,
    keep: float = 1.0,
    scale: float = 1.0,
) -> None:
    """Nothing; old evidence is kept in part once per different arm, then quanta are added."""
    visited = np.unique(arm)
    success[visited] = quantum(success[visited] * keep)
    failure[visited] = quantum(failure[visited] * keep)
    np.add.at(success, arm, quantum(successes / scale))
    np.add.at(failure, arm, quantum((rollouts - successes) / scale))


def observe_kalman(
    mean: F64, variance: F64, arm: I32, value: F64, weight: F64, inflation: float = 0.0
) -> None:
    """Nothing; Eq. 10 of PAC per different arm."""
    arms, segment = np.unique(arm, return_inverse=True)
    weight_sum, weighted_sum = np.zeros(len(arms)), np.zeros(len(arms))
    np.add.at(weight_sum, segment, weight)
    np.add.at(weighted_sum, segment, weight * value)
    sigma2 = variance[arms] + inflation
    precision = 1.0 / sigma2 + weight_sum
    mean[arms] = (mean[arms] / sigma2 + weighted_sum) / precision
    variance[arms] = 1.0 / precision - inflation


def observe_window(window: F64, seen: I64, arm: I32, value: F64) -> None:
    """Nothing; one value after the other."""
    for k, x in zip(arm, value, strict=True):
        window[k, seen[k] % window.shape[1]] = x
        seen[k] += 1


def window_mean(window: F64, seen: I64) -> F64:
    """float64 [A]: slots added in the order they lie in, those not yet filled as nothing."""
    filled = np.minimum(seen, window.shape[1])
    total = np.zeros(len(window))
    for slot in range(window.shape[1]):
        total = np.where(slot < filled, total + window[:, slot], total)
    return np.divide(total, filled, out=np.full(len(window), np.nan), where=filled > 0)


def rescale(*arrays: F64, factor: float) -> None:
    """Nothing; products, rounded to quanta."""
    for array in arrays:
        array[:] = quantum(array * factor)
