"""Single prompts, the best of all by a draw from each one's belief."""

from __future__ import annotations

from typing import Any

import numpy as np

from sparft_verl.bandit import Identity, choose_top
from sparft_verl.curricula.choosers.base import STREAM_CHOICE, THREADS, Choice, Chooser, Request
from sparft_verl.curricula.types import I64

CHOOSES_PROMPTS = {"floor": "it ranks single prompts", "cap": "it ranks single prompts"}
"""Common settings that a method of single prompts refuses."""


class TopPrompts(Chooser):
    """The n free prompts whose drawn utility is largest; with `Softmax`, a sample without replacement."""

    per_prompt = True

    def __init__(self, *, seed: int, utility: Any = None) -> None:
        self._seed = seed
        self._utility = Identity() if utility is None else utility

    def choose(self, request: Request, belief: Any) -> Choice:
        """Return the prompts, best first; where `repeat` asks for more than there are, they come round again."""
        free = ~request.blocked
        most = min(request.n, int(np.count_nonzero(free))) if request.repeat else request.n
        best: I64 = choose_top(
            belief,
            most,
            open=free,
            utility=self._utility,
            seed=self._seed,
            stream=STREAM_CHOICE + request.scope,
            step=request.ticket,
            threads=THREADS,
        )
        if not request.repeat:
            request.blocked[best] = True
        return Choice(np.resize(best, request.n), np.full(request.n, np.nan), np.arange(request.n))
