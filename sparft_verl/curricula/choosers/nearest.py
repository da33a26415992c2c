"""Single prompts, those whose difficulty lies nearest to a target."""

from __future__ import annotations

from typing import Any

import numpy as np

from sparft_verl import bandit
from sparft_verl.curricula.choosers.base import STREAM_CHOICE, STREAM_MIX, Choice, Chooser, Request
from sparft_verl.curricula.order import Mask
from sparft_verl.curricula.types import F64, I64


class NearestPrompts(Chooser):
    """The n free prompts with the smallest |difficulty - target|; which of equally near ones is drawn anew each time.

    Difficulties are sorted once. A proposal looks at a window around the target that doubles until it holds the
    batch and all ties of its farthest prompt: O(log m + n + ties), plus one pass over the marks.
    """

    per_prompt = True

    def __init__(self, difficulty: F64, *, seed: int) -> None:
        self._order: I64 = np.argsort(difficulty, kind="stable")
        self._sorted = difficulty[self._order]
        self._seed = seed

    def choose(self, request: Request, belief: Any) -> Choice:
        """Return the prompts nearest to `belief`, a difficulty, in random order: no mini-batch is the nearest one.

        Where `repeat` asks for more than there are, they come round again.
        """
        n = request.n
        if request.repeat:
            n = min(n, int(np.count_nonzero(~request.blocked)))
        near, ties = self._nearest(float(belief), n, request.blocked)
        key: dict[str, Any] = {"seed": self._seed, "step": request.ticket}
        drawn = bandit.permutation(len(ties), stream=STREAM_CHOICE + request.scope, **key)[: n - len(near)]
        items = np.concatenate([near, ties[drawn]])
        items = items[bandit.permutation(n, stream=STREAM_MIX + request.scope, **key)]
        if not request.repeat:
            request.blocked[items] = True
        return Choice(np.resize(items, request.n), np.full(request.n, np.nan), np.arange(request.n))

    def _nearest(self, target: float, n: int, blocked: Mask) -> tuple[I64, I64]:
        """Return the free prompts nearer than the n-th nearest one, and all that are just as far as it."""
        place, width, size = int(np.searchsorted(self._sorted, target)), n, len(self._sorted)
        while True:
            low, high = max(place - width, 0), min(place + width, size)
            free = np.flatnonzero(~blocked[self._order[low:high]]) + low
            distance = np.abs(self._sorted[free] - target)
            if len(free) >= n:
                radius = np.partition(distance, n - 1)[n - 1]
                outside = self._sorted[[max(low - 1, 0), min(high, size - 1)]]
                farther = np.abs(outside - target) > radius
                if (low == 0 or farther[0]) and (high == size or farther[1]):
                    return self._order[free[distance < radius]], self._order[free[distance == radius]]
            width *= 2
