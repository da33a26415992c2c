"""Stage 6: which prompts of an arm are kept (SPaRFT, stage A, step 3: farthest point)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sparft_verl.bandit import farthest_points
from sparft_verl.prepare.errors import require

Array = np.ndarray[Any, Any]
STRATEGIES = ("farthest", "medoid", "random", "stratified")
_STREAM = 0x5E1EC7  # second key word of Philox, so that no other stage draws the same numbers


@dataclass
class SelectConfig:
    """How many prompts are kept, and which."""

    budget: int | str = 100
    """Prompts kept in all, shared evenly among the arms (what a small arm cannot give, the largest do), or all."""
    strategy: str = "farthest"
    """farthest (spread over the arm), medoid (nearest to its centre), random, or stratified (even in difficulty)."""

    def __post_init__(self) -> None:
        budget_ok = self.budget == "all" or (isinstance(self.budget, int) and self.budget >= 1)
        require(budget_ok, "select.budget must be at least 1, or all", repr(self.budget), "correct it")
        known = ", ".join(STRATEGIES)
        strategy_ok = self.strategy in STRATEGIES
        require(strategy_ok, f"select.strategy must be one of {known}", repr(self.strategy), "set one")

    def total(self, rows: int) -> int:
        """Return how many of so many rows are kept."""
        return rows if isinstance(self.budget, str) else min(self.budget, rows)


def allocate(sizes: Array, budget: int) -> Array:
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
    x: Array, label: Array, arms: int, level: Array, config: SelectConfig, *, seed: int, threads: int = 1
) -> Array:
    """Return int64 [config.total(N)]: rows of float32 [N, p] kept, arm by arm, ties to the lowest row.

    farthest: starts at the medoid (least sum of squared distances, that is nearest to the mean) and takes each
    time the row farthest from all picked ones, so that copies come last; N/K distances a pick.
    medoid: nearest to the mean first. random: in the order drawn. stratified: the arm in order of difficulty
    level [N] is cut into as many equal parts as rows are wanted, and the middle row of each is taken, easiest
    first; equal levels in an order drawn by seed. budget=all: every row in input order, whatever the strategy.
    """
    label = np.asarray(label, dtype=np.int64)
    sizes = np.bincount(label, minlength=arms)
    if config.budget == "all":
        return np.argsort(label, kind="stable").astype(np.int64)
    share = allocate(sizes, config.total(len(label)))
    if config.strategy == "farthest":
        points = np.ascontiguousarray(x, dtype=np.float32)
        return farthest_points(points, label.astype(np.int32), share, threads=min(threads, 64))
    if config.strategy == "medoid":
        return _first(label, sizes, share, (_from_centre(x, label, sizes),))
    # A draw belongs to its row, so that the share of one arm does not change what another gives.
    draw = np.random.Generator(np.random.Philox(key=[seed, _STREAM])).random(len(label))
    if config.strategy == "random":
        return _first(label, sizes, share, (draw,))
    return _middle(label, sizes, share, (draw, np.asarray(level, dtype=np.float64)))


def _from_centre(x: Array, label: Array, sizes: Array) -> Array:
    """Return float64 [N]: squared distance of every row to the mean of its arm."""
    distance = np.empty(len(label))
    order = np.argsort(label, kind="stable")
    for rows in np.split(order, np.cumsum(sizes)[:-1]):
        part = x[rows].astype(np.float64)
        distance[rows] = ((part - part.mean(axis=0)) ** 2).sum(axis=1) if len(part) else 0.0
    return distance


def _first(label: Array, sizes: Array, share: Array, keys: tuple[Array, ...]) -> Array:
    """Return the first `share` rows of each arm in ascending order of the keys, the last key first."""
    order = np.lexsort((*keys, label))
    place = np.arange(len(label)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return order[place < np.repeat(share, sizes)].astype(np.int64)


def _middle(label: Array, sizes: Array, share: Array, keys: tuple[Array, ...]) -> Array:
    """Return of each arm, in ascending order of the keys, the middle rows of `share` equal parts."""
    order = np.lexsort((*keys, label))
    picks = [
        start + (2 * np.arange(take) + 1) * size // (2 * take)
        for start, size, take in zip(np.cumsum(sizes) - sizes, sizes, share, strict=True)
        if take
    ]
    return order[np.concatenate(picks)].astype(np.int64)
