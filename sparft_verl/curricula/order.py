"""Order within a pool (usually an arm): in passes, each prompt once before any comes again; or with replacement."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sparft_verl import bandit
from sparft_verl.curricula.columns import mentions
from sparft_verl.curricula.state import array, count, require
from sparft_verl.curricula.types import I64, Arms

STREAM_ORDER = 1 << 32
"""Streams from here on belong to the orders, one a pool; everything else uses those below."""
TRIES = 8
"""Rounds of draws with replacement before the few prompts still free are looked up: bounds a nearly empty pool."""

Mask = NDArray[np.bool_]


class Order(ABC):
    """Pools of prompts; a prompt is in at most one."""

    def __init__(self, pools: Sequence[I64]) -> None:
        self.pools = pools
        self.sizes: I64 = np.array([len(pool) for pool in pools], dtype=np.int64)

    @abstractmethod
    def take(self, pool: int, count: int, blocked: Mask, repeat: bool = False) -> I64:
        """Return the next `count` prompts of `pool` that are not blocked, which must be there.

        `blocked`, bool over all prompts: those that may not be served; unless `repeat`, the ones returned are
        marked in it.
        """

    def fill(self, pools: NDArray[np.integer], blocked: Mask, repeat: bool) -> I64:
        """int64 [n]: a prompt for each slot, from the pool named."""
        items = np.empty(len(pools), dtype=np.int64)
        slots = np.argsort(pools, kind="stable")
        names, first = np.unique(pools[slots], return_index=True)
        for pool, members in zip(names.tolist(), np.split(slots, first[1:]), strict=True):
            items[members] = self.take(pool, len(members), blocked, repeat)
        return items

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Return everything that `load` needs."""

    @abstractmethod
    def load(self, state: Mapping[str, Any]) -> None:
        """Take the state of `state_dict`; raises ValueError if it is damaged."""


class PassOrder(Order):
    """Each pool without replacement, in passes that follow the pool's own sequence.

    A prompt that is blocked when its turn comes is put off and comes first as soon as it is free, so that no prompt
    is skipped.
    """

    def __init__(self, pools: Sequence[I64]) -> None:
        super().__init__(pools)
        self.epoch: I64 = np.zeros(len(pools), dtype=np.int64)
        self._cursor = self.sizes.copy()
        self._held: dict[int, I64] = {}
        self._base = np.cumsum(self.sizes) - self.sizes
        self._flat = np.empty(
            int(self.sizes.sum()), dtype=np.int64
        )  # the current pass of each pool, end to end
        self._ready = np.zeros(len(pools), dtype=np.bool_)

    def sequence(self, pool: int, epoch: int) -> I64:
        """Return the prompts of `pool` in the order of pass `epoch`, 1 for the first."""
        return self.pools[pool]

    def fill(self, pools: NDArray[np.integer], blocked: Mask, repeat: bool) -> I64:
        """int64 [n]: a prompt for each slot; at once where every pass has enough left and nothing was put off."""
        counts = np.bincount(pools, minlength=len(self.pools))
        whole = self._ready & (self._cursor + counts <= self.sizes)
        whole[list(self._held)] = False
        if whole[counts > 0].all():
            items = self._flat[(self._base + self._cursor)[pools] + mentions(pools)]
            if not blocked[items].any():
                self._cursor += counts
                blocked[items] = not repeat
                return items
        return super().fill(pools, blocked, repeat)

    def take(self, pool: int, count: int, blocked: Mask, repeat: bool = False) -> I64:
        """Return prompts put off, then the rest of the pass, then of the next passes."""
        taken: list[I64] = []
        missing = count
        if pool in self._held:
            held = self._held[pool]
            missing -= self._pick(pool, held, missing, blocked, repeat, taken, held=True)
        while missing:
            if self._cursor[pool] == self.sizes[pool]:
                self.epoch[pool] += 1
                self._cursor[pool] = 0
                self._ready[pool] = False
            start = int(self._cursor[pool])
            ahead = self._pass(pool)[start : start + missing].copy()
            self._cursor[pool] += len(ahead)
            missing -= self._pick(pool, ahead, missing, blocked, repeat, taken, held=False)
        return np.concatenate(taken) if len(taken) != 1 else taken[0]

    def _pick(
        self, pool: int, items: I64, most: int, blocked: Mask, repeat: bool, taken: list[I64], held: bool
    ) -> int:
        """Take up to `most` free ones of `items`; what is left of them is put off. Return how many."""
        if len(items) > 1 and held:  # a prompt may have been put off in two passes: once a batch
            first = np.zeros(len(items), dtype=np.bool_)
            first[np.unique(items, return_index=True)[1]] = True
            free = ~blocked[items] & (first | repeat)
        else:
            free = ~blocked[items]
        chosen = np.flatnonzero(free)[:most]
        left = np.ones(len(items), dtype=np.bool_)
        left[chosen] = False
        rest = items[left]
        if not held and pool in self._held:
            rest = np.concatenate([self._held[pool], rest])
        if len(rest):
            self._held[pool] = rest
        else:
            self._held.pop(pool, None)
        if len(chosen):
            taken.append(items[chosen])
            if not repeat:
                blocked[items[chosen]] = True
        return len(chosen)

    def remaining(self, pool: int) -> I64:
        """int64: the prompts that `pool` still has to serve before its next pass."""
        rest = self._pass(pool)[self._cursor[pool] :] if self._cursor[pool] < self.sizes[pool] else ()
        return np.concatenate([self._held.get(pool, np.zeros(0, np.int64)), np.asarray(rest, dtype=np.int64)])

    def _pass(self, pool: int) -> I64:
        part = self._flat[self._base[pool] : self._base[pool] + self.sizes[pool]]
        if not self._ready[pool]:
            part[:] = self.sequence(pool, int(self.epoch[pool]))
            self._ready[pool] = True
        return part

    def state_dict(self) -> dict[str, Any]:
        """Return pass and cursor of each pool, and the prompts put off."""
        held = dict(sorted(self._held.items()))
        return {
            "epoch": self.epoch.copy(),
            "cursor": self._cursor.copy(),
            "held": np.concatenate([*held.values(), np.zeros(0, np.int64)]),
            "held_pool": np.repeat(np.array(list(held), np.int64), [len(items) for items in held.values()]),
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Take the state of `state_dict`."""
        pools = len(self.pools)
        epoch, cursor = (array(state, key, np.int64, pools) for key in ("epoch", "cursor"))
        held = array(state, "held", np.int64)
        owner = array(state, "held_pool", np.int64, len(held))
        inside = (cursor >= 0) & (cursor <= self.sizes) & (epoch >= 0)
        require(bool(inside.all()), "a cursor outside its pool")
        require(not owner.size or (owner.min() >= 0 and owner.max() < pools), "a pool that is not there")
        self.epoch, self._cursor, self._held = epoch, cursor, {}
        self._ready[:] = False
        for pool in np.unique(owner).tolist():
            items = held[owner == pool]
            strange = items[~np.isin(items, self.pools[pool])]
            require(not strange.size, f"prompt {strange[:1]} does not belong to pool {pool}")
            self._held[pool] = items


class ShuffledOrder(PassOrder):
    """Every pass in a new random order: pass e of pool p is the permutation with key (seed, STREAM_ORDER + p, e)."""

    def __init__(self, pools: Sequence[I64], seed: int) -> None:
        super().__init__(pools)
        self._seed = seed

    def sequence(self, pool: int, epoch: int) -> I64:
        """Return a permutation of the pool."""
        items = self.pools[pool]
        return items[bandit.permutation(len(items), seed=self._seed, stream=STREAM_ORDER + pool, step=epoch)]


class ReplacementOrder(Order):
    """Each prompt drawn uniformly among the free ones of its pool, whatever came before."""

    def __init__(self, pools: Sequence[I64], seed: int) -> None:
        super().__init__(pools)
        self._seed = seed
        self._calls = 0
        self._base = np.cumsum(self.sizes) - self.sizes
        self._flat = np.concatenate(pools)

    def fill(self, pools: NDArray[np.integer], blocked: Mask, repeat: bool) -> I64:
        """int64 [n]: a prompt for each slot; draws that fall on a blocked prompt are repeated."""
        items = np.empty(len(pools), dtype=np.int64)
        missing = np.arange(len(pools))
        for _ in range(TRIES):
            pool = pools[missing]
            drawn = self._flat[self._base[pool] + self._below(self.sizes[pool])]
            good = ~blocked[drawn]
            if not repeat:
                good &= mentions(drawn) == 0
                blocked[drawn] = True
            items[missing[good]] = drawn[good]
            missing = missing[~good]
            if not len(missing):
                return items
        for name in np.unique(pools[missing]).tolist():
            slots = missing[pools[missing] == name]
            free = self.pools[name][~blocked[self.pools[name]]]
            if repeat:
                items[slots] = free[self._below(np.full(len(slots), len(free)))]
            else:
                items[slots] = free[bandit.permutation(len(free), **self._key())[: len(slots)]]
                blocked[items[slots]] = True
        return items

    def take(self, pool: int, count: int, blocked: Mask, repeat: bool = False) -> I64:
        """Return draws."""
        return self.fill(np.full(count, pool), blocked, repeat)

    def _below(self, limit: I64) -> I64:
        """int64 like `limit`: uniform in 0 .. limit - 1."""
        words = bandit.uniform_words(len(limit), **self._key()).astype(np.uint64)
        return ((words * limit.astype(np.uint64)) >> np.uint64(32)).astype(np.int64)

    def _key(self) -> dict[str, Any]:
        self._calls += 1
        return {"seed": self._seed, "stream": STREAM_ORDER, "step": self._calls}

    def state_dict(self) -> dict[str, Any]:
        """Return how often anything was drawn."""
        return {"calls": self._calls}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take the state of `state_dict`."""
        self._calls = count(state, "calls")


def by_difficulty(arms: Arms, seed: int, hardest_first: bool = False) -> I64:
    """int64 [m]: all prompts from easy to hard, ties in random order; unknown difficulties count as the median.

    Raises ValueError if no difficulty is known.
    """
    known = ~np.isnan(arms.difficulty)
    if not known.any():
        raise ValueError(
            "no difficulty of a prompt is known; run `sparft prepare` with difficulty.column=..., e.g. "
            "extra_info.difficulty, or choose a method that needs none"
        )
    values = np.where(known, arms.difficulty, np.median(arms.difficulty[known]))
    shuffle = bandit.permutation(len(values), seed=seed, stream=STREAM_ORDER - 1, step=0)
    return shuffle[np.argsort(-values[shuffle] if hardest_first else values[shuffle], kind="stable")]
