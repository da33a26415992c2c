"""Single prompts, the best of a random set of candidates, beside a share that is drawn uniformly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np

from sparft_verl import bandit
from sparft_verl.bandit import Fixed, Target, choose_top, draw
from sparft_verl.curricula.choosers.base import STREAM_CHOICE, STREAM_MIX, THREADS, Choice, Chooser, Request
from sparft_verl.curricula.order import Mask, ShuffledOrder
from sparft_verl.curricula.types import I64

Rank = Callable[[Any, int, Mask | None, dict[str, Any]], I64]
"""(belief, n, open, key) -> int64 [n]: the n best of the open items; None = all are open."""


def by_draw(utility: Any) -> Rank:
    """Return the rule that takes the items whose drawn utility is largest."""

    def rank(belief: Any, n: int, open: Mask | None, key: dict[str, Any]) -> I64:
        return choose_top(belief, n, open=open, utility=utility, threads=THREADS, **key)

    return rank


def in_band(low: float, high: float, target: float) -> Rank:
    """Return the rule that takes random items whose draw lies in [low, high], then those nearest to `target`."""

    def rank(belief: Any, n: int, open: Mask | None, key: dict[str, Any]) -> I64:
        theta = draw(belief, 1, threads=THREADS, **key)[0]
        inside = (theta >= low) & (theta <= high)
        outside = ~inside
        if open is not None:
            inside &= open
            outside &= open
        found = np.flatnonzero(inside)
        found = found[bandit.permutation(len(found), **{**key, "stream": key["stream"] + 2 * STREAM_MIX})][:n]
        rest = choose_top(Fixed(theta), n - len(found), open=outside, utility=Target(target), **key)
        return np.concatenate([found, rest])

    return rank


class CandidatePrompts(Chooser):
    """A uniform share of the batch; then the best, by `rank`, of a pool of candidates.

    Both come from one endless shuffle of all prompts, in passes, so that every prompt is a candidate once a pass.
    """

    per_prompt = True

    def __init__(
        self, order: ShuffledOrder, rank: Rank, *, seed: int, pool: int, uniform: float = 0.0
    ) -> None:
        """Compose; `pool` is the number of candidates for each prompt to be chosen, 0 = all prompts."""
        self._order = order
        self._rank = rank
        self._seed = seed
        self._pool = pool
        self._uniform = uniform

    def choose(self, request: Request, belief: Any) -> Choice:
        """Return the prompts in random order; where `repeat` asks for more than there are, they come round again."""
        blocked, scope = request.blocked, request.scope
        free = int(np.count_nonzero(~blocked))
        n = min(request.n, free) if request.repeat else request.n
        key: dict[str, Any] = {"seed": self._seed, "stream": STREAM_CHOICE + scope, "step": request.ticket}
        by_chance = round(self._uniform * n)
        parts = [self._order.take(scope, by_chance, blocked)] if by_chance else []
        if by_chance < n and self._pool:
            pool = self._order.take(scope, min(self._pool * (n - by_chance), free - by_chance), blocked)
            parts.append(pool[self._rank(restricted(belief, pool), n - by_chance, None, key)])
        elif by_chance < n:
            parts.append(self._rank(belief, n - by_chance, ~blocked, key))
        items = np.concatenate(parts)
        items = items[bandit.permutation(n, **{**key, "stream": STREAM_MIX + scope})]
        if not request.repeat:
            blocked[items] = True
        return Choice(np.resize(items, request.n), np.full(request.n, np.nan), np.arange(request.n))


def restricted(belief: Any, items: I64) -> Any:
    """Return a posterior of `bandit` over these items alone."""
    values = {item.name: getattr(belief, item.name) for item in fields(belief)}
    return type(belief)(**{k: v[items] if isinstance(v, np.ndarray) else v for k, v in values.items()})
