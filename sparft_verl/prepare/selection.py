"""Stage 6: which prompts of an arm are kept (SPaRFT, stage A, step 3: farthest point)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sparft_verl.bandit import farthest_points
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


def select(
    x: np.ndarray[Any, Any], label: np.ndarray[Any, Any], arms: int, config: SelectConfig, *, threads: int = 1
) -> np.ndarray[Any, Any]:
    """Return int64 [min(budget, N)]: rows of float32 [N, p] kept, arm by arm, each in the order picked.

    An arm starts at its medoid (least sum of squared distances, that is nearest to the mean) and takes each time the
    row farthest from all picked ones; ties go to the lowest row, so copies of picked rows come last.
    """
    share = allocate(np.bincount(label, minlength=arms), config.budget)
    points = np.ascontiguousarray(x, dtype=np.float32)
    return farthest_points(points, label.astype(np.int32), share, threads=min(threads, 64))
