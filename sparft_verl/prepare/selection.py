"""Stage 6: which prompts of an arm are kept (SPaRFT, stage A, step 3: farthest point)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sparft_verl.prepare.errors import require


@dataclass
class SelectConfig:
    """How many prompts are kept."""

    budget: int = 100
    """Prompts kept in all, shared evenly among the arms; what a small arm cannot give, the largest do."""

    def __post_init__(self) -> None:
        require(self.budget >= 1, "select.budget must be at least 1", self.budget, "raise it")


def allocate(sizes: np.ndarray[Any, Any], budget: int) -> np.ndarray[Any, Any]:
    """Return int64 [K]: how many rows each arm gives; sum is min(budget, sum(sizes)), none above its size.

    Even shares, so at most ceil(budget/K) unless an arm is too small; the remainder of the division and what
    small arms leave go to the largest arms (ties: lowest index).
    """
    sizes = np.asarray(sizes, dtype=np.int64)
    total = min(int(budget), int(sizes.sum()))
    share = np.minimum(sizes, total // len(sizes))
    by_size = np.argsort(-sizes, kind="stable")
    while (left := total - int(share.sum())) > 0:
        open_arms = [k for k in by_size if share[k] < sizes[k]]
        step = max(left // len(open_arms), 1)
        for k in open_arms[:left]:
            share[k] += min(step, sizes[k] - share[k])
    return share


def farthest_point(x: np.ndarray[Any, Any], count: int) -> np.ndarray[Any, Any]:
    """Return int64 [count]: rows of float [n, p] in the order picked, count <= n.

    Starts at the medoid (least sum of squared distances, that is nearest to the mean) and takes each time the
    row farthest from all picked ones; ties go to the lowest row, so copies of picked rows come last.
    Squared distances by |a|² - 2ab + |b|² (one matrix-vector product per pick), which loses digits for near
    copies: what is within rounding of 0 counts as 0.
    """
    x = np.asarray(x, dtype=np.float64)
    x = x - x.mean(axis=0)
    norm = np.einsum("ij,ij->i", x, x)
    noise = 1e-12 * max(float(norm.max()), 1e-300)
    pick = first_minimum(norm, noise)
    nearest = np.full(len(x), np.inf)
    picked = np.empty(count, dtype=np.int64)
    for i in range(count):
        picked[i] = pick
        distance = norm - 2.0 * (x @ x[pick]) + norm[pick]
        distance[distance < noise] = 0.0
        np.minimum(nearest, distance, out=nearest)
        nearest[picked[: i + 1]] = -1.0
        pick = first_minimum(-nearest, noise)
    return picked


def first_minimum(values: np.ndarray[Any, Any], tolerance: float) -> int:
    """Return the lowest index whose value is within `tolerance` of the least."""
    return int(np.argmax(values <= values.min() + tolerance))


def select(
    x: np.ndarray[Any, Any], label: np.ndarray[Any, Any], arms: int, config: SelectConfig
) -> np.ndarray[Any, Any]:
    """Return int64 [min(budget, N)]: rows kept, arm by arm, each in the order picked."""
    share = allocate(np.bincount(label, minlength=arms), config.budget)
    kept = []
    for k in range(arms):
        rows = np.flatnonzero(label == k)
        kept.append(rows[farthest_point(x[rows], int(share[k]))])
    return np.concatenate(kept)
