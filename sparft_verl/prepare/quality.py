"""Do arms mean something: against labels that were not used to make them, and against difficulty."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def agreement(
    label: Sequence[Any] | np.ndarray[Any, Any], truth: Sequence[Any] | np.ndarray[Any, Any]
) -> float:
    """Return the adjusted Rand index of two labellings of the same rows: 1 equal up to names, about 0 by chance."""
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(np.asarray(truth), np.asarray(label)))


def eta_squared(label: np.ndarray[Any, Any], level: np.ndarray[Any, Any]) -> float:
    """Return the share in [0, 1] of the variance of level [N] that lies between the arms label [N] (0..K-1).

    Correlation ratio of a one-way analysis of variance; 0 where the level is constant, for nothing is there to
    be explained.
    """
    level = np.asarray(level, dtype=np.float64)
    if np.ptp(level) == 0:
        return 0.0
    centred = level - level.mean()
    whole = float(centred @ centred)
    size = np.bincount(label)
    between = np.bincount(label, weights=centred) ** 2 / np.maximum(size, 1)
    return min(float(between.sum()) / whole, 1.0)
