"""Arms by a draw from a belief: one draw for each slot, or one for the whole batch.

The belief is a posterior of `bandit` (Thompson sampling) or its `Softmax` (Boltzmann sampling). Both choosers keep a
floor under every arm, and keep arms that the guard holds at that floor.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sparft_verl import bandit
from sparft_verl.bandit import Identity, choose
from sparft_verl.curricula.choosers.base import (
    STREAM_CHOICE,
    STREAM_HELD,
    STREAM_SAMPLE,
    THREADS,
    Choice,
    Chooser,
    Request,
)
from sparft_verl.curricula.columns import mentions
from sparft_verl.curricula.laws import Law, law_of
from sparft_verl.curricula.order import Mask, Order
from sparft_verl.curricula.types import F64, I32, I64

Chosen = tuple[I32, F64, F64 | None]


class ArmChooser(Chooser):
    """What both have in common: re-tested arms come first, prompts come from the order."""

    def __init__(self, order: Order, *, seed: int, utility: Any = None, floor: float = 0.0) -> None:
        self._order = order
        self._seed = seed
        self._utility = Identity() if utility is None else utility
        self._floor = floor

    def choose(self, request: Request, belief: Any) -> Choice:
        """Return the prompts of the chosen arms; the belief is the same for all slots of a batch."""
        capacity = request.capacity.copy()
        forced = [arm for arm in request.retest if capacity[arm] > 0][: request.n]
        capacity[forced] -= 1
        n = request.n - len(forced)
        held = np.zeros(len(capacity), dtype=np.bool_) if request.held is None else request.held
        if capacity[~held].sum() < n:  # a batch must be filled
            held = np.zeros_like(held)
        chosen, propensity, odds = self._rest(request, n, belief, capacity, held)
        arms = np.concatenate([np.array(forced, dtype=np.int32), chosen])
        items = self._order.fill(arms + request.scope * len(capacity), request.blocked, request.repeat)
        pulls = np.concatenate([np.arange(len(forced)), self.pulls(chosen) + len(forced)])
        return Choice(items, np.concatenate([np.ones(len(forced)), propensity]), pulls, odds)

    def sample(self, request: Request, belief: Any) -> I32:
        """int32 [n]: arms of independent slots, by draws of their own: `propose` never sees these."""
        return choose(
            belief,
            request.n,
            capacity=request.capacity,
            utility=self._utility,
            floor=self._floor,
            threads=THREADS,
            **self._key(request, STREAM_SAMPLE),
        )

    def _rest(self, request: Request, n: int, belief: Any, capacity: I64, held: Mask) -> Chosen:
        """Return arms, int32 [n], their probabilities, float64 [n], and those of all arms at the first slot, [K]."""
        raise NotImplementedError

    def _key(self, request: Request, stream: int) -> dict[str, Any]:
        return {"seed": self._seed, "stream": stream + request.scope, "step": request.ticket}

    def _words(self, request: Request, n: int) -> F64:
        """float64 [n, 2]: uniform in [0, 1)."""
        words = bandit.uniform_words(2 * n, **self._key(request, STREAM_HELD)).astype(np.float64)
        return words.reshape(n, 2) * 2.0**-32


class ArmPerSlot(ArmChooser):
    """Each slot draws from every arm's belief and takes the best arm that has a prompt left."""

    def _rest(self, request: Request, n: int, belief: Any, capacity: I64, held: Mask) -> Chosen:
        arms, propensity = np.empty(n, dtype=np.int32), np.empty(n)
        at_floor, share = self._at_floor(request, n, capacity, held, arms, propensity)
        free = np.where(held, 0, capacity)
        rest = np.flatnonzero(~at_floor)
        # `share` of all slots went to held arms, so that a floor of this much of the rest is the floor of all
        floor = min(self._floor / (1.0 - share), 1.0 / max(int((free > 0).sum()), 1)) if share < 1.0 else 0.0
        arms[rest] = chosen = choose(
            belief,
            len(rest),
            capacity=free,
            utility=self._utility,
            floor=floor,
            threads=THREADS,
            **self._key(request, STREAM_CHOICE),
        )
        of_slots, odds = slot_propensities(law_of(belief, self._utility), chosen, free, floor)
        propensity[rest] = (1.0 - share) * of_slots
        if odds is not None:
            odds = (1.0 - share) * odds
            odds[held & (capacity > 0)] += self._floor
        return arms, propensity, odds

    def _at_floor(
        self, request: Request, n: int, capacity: I64, held: Mask, arms: I32, propensity: F64
    ) -> tuple[Mask, float]:
        """Send each slot to each held arm with probability `floor`; return which went, and the sum of these."""
        candidates = np.flatnonzero(held & (capacity > 0))
        share = self._floor * len(candidates)
        if share == 0.0:
            return np.zeros(n, dtype=np.bool_), 0.0
        words = self._words(request, n)
        slots = np.flatnonzero(words[:, 0] < share)
        picked = candidates[(words[slots, 1] * len(candidates)).astype(np.int64)]
        fits = mentions(picked) < capacity[picked]  # an arm that has run out gives its slot back
        arms[slots[fits]], propensity[slots[fits]] = picked[fits], self._floor
        gone = np.zeros(n, dtype=np.bool_)
        gone[slots[fits]] = True
        return gone, share


class ArmPerBatch(ArmChooser):
    """One draw for the whole batch: its best arm serves until it runs out, then the next best of the same draw."""

    def _rest(self, request: Request, n: int, belief: Any, capacity: I64, held: Mask) -> Chosen:
        law = law_of(belief, self._utility)
        arms, propensity = np.empty(n, dtype=np.int32), np.empty(n)
        free = (np.where(held, 0, capacity) > 0).astype(np.int64)
        reachable = np.flatnonzero(capacity > 0)
        by_floor = self._floor * len(reachable)
        filled, odds_of_arms = 0, None
        ranked: tuple[list[int], list[int]] = (
            [],
            [],
        )  # below the first arm, where it came by floor; all of them
        weight = (
            self._floor,
            1.0 - by_floor,
        )  # of the two ways to the arms so far: first by floor, or first by draw
        while filled < n:
            # same key, so the same draw: without the arms ranked so far its arg-max is the next best
            key = self._key(request, STREAM_CHOICE)
            first = filled == 0 and by_floor > 0.0
            word = self._words(request, 1)[0] if first else (1.0, 0.0)
            if word[0] < by_floor:
                best = int(reachable[int(word[1] * len(reachable))])
            else:
                best = int(choose(belief, 1, capacity=free, utility=self._utility, **key)[0])
            drawn = 0.0
            if free[best] or filled == 0:
                by_draw = law.next_best_probability(free > 0, ranked[1])
                drawn = float(by_draw[best])
            if filled == 0:
                odds_of_arms = (1.0 - by_floor) * by_draw
                odds_of_arms[reachable] += self._floor
                odds = (weight[0], weight[1] * drawn)
            else:
                after_floor = law.next_best_probability(free > 0, ranked[0])[best] if weight[0] else 0.0
                odds = (weight[0] * after_floor, weight[1] * drawn)
                ranked[0].append(best)
            take = min(int(capacity[best]), n - filled)
            probability = max(sum(odds), float(np.finfo(np.float64).tiny))
            arms[filled : filled + take], propensity[filled : filled + take] = best, probability
            # given what came so far: a product over many arms would vanish
            weight, filled = (odds[0] / probability, odds[1] / probability), filled + take
            free[best] = 0
            ranked[1].append(best)
        return arms, propensity, odds_of_arms

    def pulls(self, arms: I32) -> I64:
        """int64 like `arms`: slots of one arm are one pull."""
        return np.unique(arms, return_inverse=True)[1].astype(np.int64).reshape(-1)


def slot_propensities(law: Law, arms: I32, capacity: I64, floor: float) -> tuple[F64, F64 | None]:
    """Return the probability of each slot's arm, given which arms had capacity left at that slot, float64 [n].

    And that of every arm at the first slot, float64 [K]; None where there is no slot.
    """
    odds = None
    out = np.empty(len(arms))
    ends = np.flatnonzero(mentions(arms) + 1 == capacity[arms]) + 1  # slots after which an arm is used up
    left = capacity > 0
    start = 0
    for end in [*ends.tolist(), len(arms)]:
        if start < end:
            probability = law.argmax_probability(left)
            open_arms = int(left.sum())
            probability = np.where(left, floor + (1.0 - floor * open_arms) * probability, 0.0)
            odds = probability if odds is None else odds
            out[start:end] = probability[arms[start:end]]
            left[arms[end - 1]] &= end not in ends
        start = end
    return out, odds
