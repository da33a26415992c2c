"""Which prompts may be served now: a cool-down in steps, a budget of different prompts, a cap on each arm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sparft_verl import bandit
from sparft_verl.curricula.choosers.base import UNLIMITED
from sparft_verl.curricula.columns import distinct
from sparft_verl.curricula.config import CurriculumConfig
from sparft_verl.curricula.order import STREAM_ORDER, Mask
from sparft_verl.curricula.quota import Scopes
from sparft_verl.curricula.state import array, require
from sparft_verl.curricula.types import I64, Arms


class Limits:
    """Keeps the marks of prompts that may not be served, and how many of each scope and arm may."""

    def __init__(self, config: CurriculumConfig, arms: Arms, scopes: Scopes) -> None:
        self._config = config
        self._shape = (scopes.count, len(arms.names))
        self._cell = scopes.of_item.astype(np.int64) * len(arms.names) + arms.arm
        self._size: I64 = self._counts(np.arange(len(arms.rows)))
        self.blocked: Mask = np.zeros(len(arms.rows), dtype=np.bool_)
        """bool [m]: may not be served now. Whoever marks more takes the marks back."""
        self._resting: I64 = np.zeros(0, dtype=np.int64)
        self._since: I64 = np.zeros(0, dtype=np.int64)
        self._seen: Mask = np.zeros(len(arms.rows), dtype=np.bool_)
        self._unique = 0

    def _counts(self, items: I64) -> I64:
        cells = self._cell[items]
        return np.bincount(cells, minlength=self._shape[0] * self._shape[1]).reshape(self._shape)

    @property
    def free(self) -> I64:
        """int64 [scopes, K]: prompts that may be served."""
        return self._size - self._counts(self._resting)

    def prepare(self, n: int) -> None:
        """Close what the budget of different prompts cannot afford in a batch of `n`."""
        budget, room = self._config.unique_budget, self._config.unique_budget - self._unique
        if budget == 0 or room >= n:
            return
        m = len(self.blocked)
        unseen = np.flatnonzero(~self._seen)
        if room:  # the same few of all unseen ones until they are used up
            rank = np.empty(m, dtype=np.int64)
            rank[bandit.permutation(m, seed=self._config.seed, stream=STREAM_ORDER - 2, step=0)] = np.arange(
                m
            )
            unseen = unseen[np.argsort(rank[unseen])[room:]]
        self.blocked = np.zeros(m, dtype=np.bool_)
        self.blocked[unseen] = True
        self._size = self._counts(np.flatnonzero(~self.blocked))
        self.blocked[self._resting] = True

    def make_room(self, wanted: I64) -> None:
        """End the cool-down of those that rested longest until each scope can serve `wanted`, or all together can."""
        while len(self._resting):
            free = self.free.sum(axis=1)
            resting = self._counts(self._resting).sum(axis=1)
            if not ((free < wanted) & (resting > 0)).any() and free.sum() >= wanted.sum():
                return
            self._wake(self._since == self._since[0])

    def capacity(self, scope: int, n: int) -> I64:
        """int64 [K]: how many prompts of each arm a batch of `n` may take from `scope`."""
        free = self.free[scope]
        if self._config.repeat:
            free = np.where(free > 0, UNLIMITED, 0)
        if self._config.cap == 1.0:
            return free
        cap = int(np.ceil(self._config.cap * n))
        while np.minimum(free, cap).sum() < n:  # too few arms for the cap
            cap += 1
        return np.minimum(free, cap)

    def serve(self, items: I64, step: int) -> None:
        """Note that these prompts were served at `step`."""
        items = distinct(items)
        if self._config.unique_budget:
            self._unique += int((~self._seen[items]).sum())
            self._seen[items] = True
        if self._config.cooldown:
            self._resting = np.concatenate([self._resting, items])
            self._since = np.concatenate([self._since, np.full(len(items), step)])
            self.blocked[items] = True

    def tick(self, step: int) -> None:
        """End the cool-down of what has rested long enough for a batch proposed at `step`."""
        if len(self._resting):
            self._wake(step - self._since > self._config.cooldown)

    def _wake(self, which: Mask) -> None:
        self.blocked[self._resting[which]] = False
        self._resting, self._since = self._resting[~which], self._since[~which]

    def state_dict(self) -> dict[str, Any]:
        """Return what rests, and what was ever served where that is limited."""
        seen = np.flatnonzero(self._seen)
        return {"resting": self._resting.copy(), "since": self._since.copy(), "seen": seen}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take the state of `state_dict`, into an object in its initial state."""
        resting, seen = array(state, "resting", np.int64), array(state, "seen", np.int64)
        since = array(state, "since", np.int64, len(resting))
        for items in (resting, seen):
            inside = (items >= 0) & (items < len(self.blocked))
            require(bool(inside.all()), "a prompt that is not there")
        self._resting, self._since = resting, since
        self._seen[seen], self._unique = True, len(seen)
        self.blocked[resting] = True
