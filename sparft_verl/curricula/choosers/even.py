"""Arms equally often."""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np

from sparft_verl import bandit
from sparft_verl.curricula.choosers.base import STREAM_CHOICE, Choice, Chooser, Request
from sparft_verl.curricula.order import Order


class EvenArms(Chooser):
    """Each slot goes to the arm with the fewest pulls so far that has a prompt left; ties at random."""

    def __init__(self, order: Order, *, seed: int) -> None:
        self._order = order
        self._seed = seed

    def choose(self, request: Request, belief: Any) -> Choice:
        """Return the prompts; `belief` is the number of pulls of each arm, float64 [K]."""
        capacity, n = request.capacity.copy(), request.n
        stream = STREAM_CHOICE + request.scope
        words = iter(
            bandit.uniform_words(
                len(capacity) + n, seed=self._seed, stream=stream, step=request.ticket
            ).tolist()
        )
        level = dict.fromkeys(belief.tolist(), 0)
        heap = []
        for arm in np.flatnonzero(capacity > 0).tolist():
            level[float(belief[arm])] += 1
            heap.append((float(belief[arm]), next(words), arm))
        heapq.heapify(heap)
        arms, propensity = np.empty(n, dtype=np.int32), np.empty(n)
        for slot in range(n):
            pulls, _, arm = heapq.heappop(heap)
            arms[slot], propensity[slot] = arm, 1.0 / level[pulls]  # of the arms level with it
            level[pulls] -= 1
            capacity[arm] -= 1
            if capacity[arm]:
                level[pulls + 1.0] = level.get(pulls + 1.0, 0) + 1
                heapq.heappush(heap, (pulls + 1.0, next(words), arm))
        items = self._order.fill(arms + request.scope * len(capacity), request.blocked, request.repeat)
        return Choice(items, propensity, np.arange(n), np.bincount(arms, minlength=len(capacity)) / n)
