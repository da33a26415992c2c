"""Order within an arm: each prompt once, in a random order, before any comes again."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any

import numpy as np

from sparft_verl import bandit
from sparft_verl.curricula.state import array, require
from sparft_verl.curricula.types import I64

STREAM_ORDER = 1 << 32
"""Streams from here on belong to the orders, one a pool; choosers use those below."""


class ShuffledOrder:
    """Pools of prompts (usually one an arm), each served without replacement, refilled when it is empty.

    A prompt that is in the current batch already is passed over and served first next time, so that it comes
    before its pool is refilled. Pass e of pool p is the permutation with key (seed, STREAM_ORDER + p, e): the
    state is a number and a cursor per pool, and nothing is drawn ahead.
    """

    def __init__(self, pools: Sequence[I64], seed: int) -> None:
        self._pools = pools
        self._seed = seed
        self._epoch = np.zeros(len(pools), dtype=np.int64)
        self._cursor = np.array([len(pool) for pool in pools], dtype=np.int64)
        self._held: dict[int, list[int]] = {}
        self._shuffled: dict[int, I64] = {}

    def take(self, pool: int, used: Container[int]) -> int:
        """Return the next prompt of `pool` that is not in `used`; there must be one."""
        held = self._held.get(pool, [])
        for index, item in enumerate(held):
            if item not in used:
                del held[index]
                return item
        while True:
            if self._cursor[pool] == len(self._pools[pool]):
                self._epoch[pool] += 1
                self._cursor[pool] = 0
                self._shuffled.pop(pool, None)
            item = int(self._pass(pool)[self._cursor[pool]])
            self._cursor[pool] += 1
            if item not in used:
                return item
            self._held.setdefault(pool, []).append(item)

    def remaining(self, pool: int) -> I64:
        """int64: the prompts that `pool` still has to serve before it is refilled."""
        rest = self._pass(pool)[self._cursor[pool] :] if self._cursor[pool] < len(self._pools[pool]) else ()
        return np.concatenate(
            [np.array(self._held.get(pool, []), dtype=np.int64), np.asarray(rest, dtype=np.int64)]
        )

    def _pass(self, pool: int) -> I64:
        if pool not in self._shuffled:
            items = self._pools[pool]
            shuffle = bandit.permutation(
                len(items), seed=self._seed, stream=STREAM_ORDER + pool, step=int(self._epoch[pool])
            )
            self._shuffled[pool] = items[shuffle]
        return self._shuffled[pool]

    def state_dict(self) -> dict[str, Any]:
        """Return pass and cursor of each pool, and the prompts passed over."""
        held = {pool: items for pool, items in sorted(self._held.items()) if items}
        return {
            "epoch": self._epoch.copy(),
            "cursor": self._cursor.copy(),
            "held": np.array([item for items in held.values() for item in items], dtype=np.int64),
            "held_pool": np.array([pool for pool, items in held.items() for _ in items], dtype=np.int64),
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Take the state of `state_dict`."""
        pools = len(self._pools)
        epoch, cursor = (array(state, key, np.int64, pools) for key in ("epoch", "cursor"))
        held = array(state, "held", np.int64)
        owner = array(state, "held_pool", np.int64, len(held))
        sizes = np.array([len(pool) for pool in self._pools])
        require(bool(((cursor >= 0) & (cursor <= sizes) & (epoch >= 0)).all()), "a cursor outside its pool")
        require(not owner.size or (owner.min() >= 0 and owner.max() < pools), "a pool that is not there")
        self._epoch, self._cursor, self._shuffled, self._held = epoch, cursor, {}, {}
        for pool, item in zip(owner.tolist(), held.tolist(), strict=True):
            require(item in self._pools[pool], f"prompt {item} does not belong to pool {pool}")
            self._held.setdefault(pool, []).append(item)
