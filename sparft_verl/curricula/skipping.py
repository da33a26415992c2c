"""Passes that leave out, by chance, prompts whose last groups taught nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sparft_verl import bandit
from sparft_verl.curricula.columns import mentions
from sparft_verl.curricula.order import STREAM_ORDER, TRIES, Mask, ShuffledOrder
from sparft_verl.curricula.state import count
from sparft_verl.curricula.types import F64, I64

STREAM_SKIP = STREAM_ORDER - 2
"""Stream of the draws that decide whether a prompt is left out."""


class SkippingOrder(ShuffledOrder):
    """Shuffled passes in which a prompt, when its turn comes, is served with a probability of its own.

    One that is left out has had its turn; the next of the pass takes its slot. After TRIES in a row, or where the
    pool has no other prompt left, the slot takes what comes, so that a batch is always filled.
    """

    def __init__(self, pools: Sequence[I64], seed: int, chance: Callable[[I64], F64]) -> None:
        """Begin; `chance` maps prompts, int64 [n], to the probability that each is served, float64 [n]."""
        super().__init__(pools, seed)
        self._chance = chance
        self._draws = 0

    def fill(self, pools: NDArray[np.integer], blocked: Mask, repeat: bool) -> I64:
        """int64 [n]: a prompt for each slot, from the pool named."""
        items = super().fill(pools, blocked, repeat)
        slots = np.arange(len(items))
        passed_over = []
        for _ in range(TRIES):
            slots = slots[self._left_out(items[slots])]
            if not repeat:
                slots = slots[self._replaceable(pools[slots], blocked)]
            if not len(slots):
                break
            passed_over.append(items[slots])
            items[slots] = super().fill(pools[slots], blocked, repeat)
        if passed_over and not repeat:
            blocked[np.concatenate(passed_over)] = False
        return items

    def _left_out(self, items: I64) -> NDArray[np.bool_]:
        chance = self._chance(items)
        out = chance < 1.0
        doubtful = int(out.sum())
        if doubtful:
            self._draws += 1
            words = bandit.uniform_words(
                doubtful, seed=self._seed, stream=STREAM_SKIP, step=self._draws
            ).astype(np.float64)
            out[out] = words * 2.0**-32 >= chance[out]
        return out

    def _replaceable(self, pools: NDArray[np.integer], blocked: Mask) -> NDArray[np.bool_]:
        """bool [n]: whether the pool of each slot has a free prompt for it, the slots before it served."""
        free = np.zeros(len(self.pools), dtype=np.int64)
        for pool in np.unique(pools).tolist():
            free[pool] = len(self.pools[pool]) - np.count_nonzero(blocked[self.pools[pool]])
        return mentions(pools) < free[pools]

    def state_dict(self) -> dict[str, Any]:
        """Return the passes, and how often it was drawn who is left out."""
        return {**super().state_dict(), "draws": self._draws}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take the state of `state_dict`."""
        super().load(state)
        self._draws = count(state, "draws")
