"""Choosers: which arms serve the slots of a batch, and with what probability."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from sparft_verl import bandit
from sparft_verl.curricula.order import ShuffledOrder
from sparft_verl.curricula.propensity import argmax_probability, next_best_probability
from sparft_verl.curricula.types import F64, I32, I64

STREAM_CHOICE = 1
UNLIMITED = 1 << 40
"""Capacity of an arm that may be repeated within a batch."""


@dataclass(frozen=True)
class Choice:
    """A batch: [n] each."""

    items: I64
    """Index of each prompt among the selected ones."""
    propensity: F64
    """Probability of the slot's arm, given what was left."""
    pull: I64
    """Which pull of the ticket the slot belongs to; slots of one pull share one arm."""


class Chooser(ABC):
    """Fills a batch from the order's pools. `ticket` is the number of the proposal: it keys the draws."""

    def __init__(self, order: ShuffledOrder, arm: I32, sizes: I64, seed: int, repeat: bool) -> None:
        self._order = order
        self._arm = arm
        self._sizes = sizes
        self._seed = seed
        self._repeat = repeat

    @abstractmethod
    def choose(self, n: int, ticket: int, mean: F64, sd: F64) -> Choice:
        """Return `n` prompts, given mean and deviation of each arm's utility."""

    def _capacity(self) -> I64:
        return np.where(self._sizes > 0, UNLIMITED, 0) if self._repeat else self._sizes.copy()

    def _items(self, pools: I32) -> I64:
        used: set[int] = set()
        items = np.empty(len(pools), dtype=np.int64)
        for slot, pool in enumerate(pools.tolist()):
            items[slot] = self._order.take(pool, used)
            if not self._repeat:
                used.add(int(items[slot]))
        return items


class ThompsonPerSlot(Chooser):
    """Each slot draws from every arm's belief and takes the best arm that has a prompt left."""

    def choose(self, n: int, ticket: int, mean: F64, sd: F64) -> Choice:
        """Return `n` prompts; the belief is the same for all slots of a batch, their draws are independent."""
        left = self._capacity()
        arms = bandit.choose(
            bandit.Gaussian(mean, sd), n, capacity=left, seed=self._seed, stream=STREAM_CHOICE, step=ticket
        )
        propensity = np.empty(n)
        probability = argmax_probability(mean, sd, left > 0)
        for slot, arm in enumerate(arms.tolist()):
            propensity[slot] = probability[arm]
            left[arm] -= 1
            if left[arm] == 0 and slot + 1 < n:
                probability = argmax_probability(mean, sd, left > 0)
        return Choice(self._items(arms), propensity, np.arange(n))


class ThompsonPerBatch(Chooser):
    """One draw for the whole batch: its best arm serves until it runs out, then the next best of the same draw."""

    def choose(self, n: int, ticket: int, mean: F64, sd: F64) -> Choice:
        """Return `n` prompts; all slots of an arm are one pull (SPaRFT's Eq. 3 and 4)."""
        capacity = self._capacity()
        free = (capacity > 0).astype(np.int64)
        belief = bandit.Gaussian(mean, sd)
        ranked: list[int] = []
        arms = np.empty(n, dtype=np.int32)
        propensity = np.empty(n)
        filled = 0
        while filled < n:
            # same key, so the same draw: without the arms ranked so far its arg-max is the next best
            best = int(
                bandit.choose(belief, 1, capacity=free, seed=self._seed, stream=STREAM_CHOICE, step=ticket)[0]
            )
            take = min(int(capacity[best]), n - filled)
            arms[filled : filled + take] = best
            propensity[filled : filled + take] = next_best_probability(mean, sd, free > 0, ranked)[best]
            filled += take
            free[best] = 0
            ranked.append(best)
        return Choice(self._items(arms), propensity, np.unique(arms, return_inverse=True)[1].astype(np.int64))


class EveryPromptInTurn(Chooser):
    """All prompts are one pool, served without replacement; what is believed about arms plays no part."""

    def choose(self, n: int, ticket: int, mean: F64, sd: F64) -> Choice:
        """Return the next `n` prompts; an arm's probability is its share of what the pool still has to serve."""
        items = np.empty(n, dtype=np.int64)
        propensity = np.empty(n)
        used: set[int] = set()
        left = np.bincount(self._arm[self._order.remaining(0)], minlength=len(self._sizes))
        total = int(left.sum())
        for slot in range(n):
            if total == 0:
                taken = np.array(sorted(used), dtype=np.int64)
                left = self._sizes - np.bincount(self._arm[taken], minlength=len(left))
                total = int(left.sum())
            items[slot] = item = self._order.take(0, used)
            arm = self._arm[item]
            propensity[slot] = left[arm] / total
            left[arm] -= 1
            total -= 1
            if not self._repeat:
                used.add(int(item))
        return Choice(items, propensity, np.arange(n))
