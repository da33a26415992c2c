"""Prompts in the order's own turn; what is believed about arms plays no part."""

from __future__ import annotations

from typing import Any

import numpy as np

from sparft_verl.curricula.choosers.base import Choice, Chooser, Request
from sparft_verl.curricula.order import PassOrder, ShuffledOrder
from sparft_verl.curricula.types import F64, I32, I64


class InTurn(Chooser):
    """The next prompts of one pool per scope.

    Where the order is a shuffle, an arm's probability is its share of what the pool still has to serve; where it is
    fixed, the slot's arm was certain.
    """

    def __init__(self, order: PassOrder, arm: I32, arms: int) -> None:
        self._order = order
        self._arm = arm
        self._arms = arms
        self._sizes = [self._count(pool) for pool in order.pools]
        self._left: dict[int, I64] = {}

    def _count(self, items: I64) -> I64:
        return np.bincount(self._arm[items], minlength=self._arms)

    def choose(self, request: Request, belief: Any) -> Choice:
        """Return the next prompts."""
        scope, before = request.scope, int(self._order.epoch[request.scope])
        random = isinstance(self._order, ShuffledOrder)
        if random and scope not in self._left:
            self._left[scope] = self._count(self._order.remaining(scope))
        # what may not be served takes no part in the share: marks are read before the order adds its own
        free = self._free(request) if request.repeat else request.capacity
        stuck = self._sizes[scope] - free if random else np.zeros(0)
        blocked_left = self._blocked_left(request) if random and stuck.any() else None
        items = self._order.take(scope, request.n, request.blocked, request.repeat)
        arms = self._arm[items]
        propensity, odds = np.ones(request.n), np.bincount(arms, minlength=self._arms) / request.n
        if random:
            left = self._left[scope] - (0 if blocked_left is None else blocked_left)
            first = left if left.any() else free
            odds = first / first.sum()
            propensity = self._shares(arms, left, free, request.repeat)
            passes = int(self._order.epoch[scope]) - before
            self._left[scope] = (
                self._left[scope] + passes * self._sizes[scope] - np.bincount(arms, minlength=self._arms)
            )
        return Choice(items, propensity, np.arange(request.n), odds)

    def _free(self, request: Request) -> I64:
        """int64 [K]: prompts that may be served; under `repeat` the capacity does not say."""
        pool = self._order.pools[request.scope]
        return self._sizes[request.scope] - self._count(pool[request.blocked[pool]])

    def _blocked_left(self, request: Request) -> I64:
        remaining = self._order.remaining(request.scope)
        return self._count(remaining[request.blocked[remaining]])

    def _shares(self, arms: I32, left: I64, free: I64, repeat: bool) -> F64:
        """float64 [n]: share of each slot's arm in what is left of the pass, pass by pass."""
        out = np.empty(len(arms))
        served = np.zeros(self._arms, dtype=np.int64)
        start = 0
        while start < len(arms):
            total = int(left.sum())
            if total > 0:
                part = arms[start : start + total]
                order = np.argsort(part, kind="stable")
                rank = np.empty(len(part), dtype=np.int64)
                rank[order] = np.arange(len(part)) - np.searchsorted(part[order], part[order])
                out[start : start + len(part)] = (left[part] - rank) / (total - np.arange(len(part)))
                served += np.bincount(part, minlength=self._arms)
                start += len(part)
            left = free if repeat else free - served
        return out
