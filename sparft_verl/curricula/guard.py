"""The all-zero guard: an arm that was tried often and never solved is held back, and tried again now and then.

Without it the literal rule never leaves such an arm (algorithm towards the lowest solve rate, an unsolvable arm).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sparft_verl.curricula.columns import quantised
from sparft_verl.curricula.order import Mask
from sparft_verl.curricula.state import array, count, require
from sparft_verl.curricula.types import F64, I32, I64


class Guard:
    """Holds arms with at least `rollouts` scored rollouts in memory and no success; each is due every `every` steps."""

    def __init__(self, arms: int, rollouts: int, every: int, discount: float = 1.0) -> None:
        self._least = rollouts
        self._every = every
        self._discount = discount
        self._step = 0
        self._scored: F64 = np.zeros(arms)
        self._solved: F64 = np.zeros(arms)
        self._tested: I64 = np.zeros(arms, dtype=np.int64)

    @property
    def held(self) -> Mask:
        """bool [K]: arms held at the floor probability."""
        return (self._scored >= self._least) & (self._solved == 0.0)

    def due(self) -> tuple[int, ...]:
        """Return the held arms that should get one slot now."""
        return tuple(np.flatnonzero(self.held & (self._step - self._tested >= self._every)).tolist())

    def serve(self, arms: I32) -> None:
        """Note that these arms were served: the wait for the next test begins anew."""
        self._tested[arms] = self._step

    def observe(self, arms: I32, solved: F64, rollouts: I64) -> None:
        """Take finished groups, [n] each; exact, so that their order does not matter."""
        np.add.at(self._scored, arms, rollouts)
        np.add.at(self._solved, arms, solved)

    def tick(self, step: int) -> None:
        """Forget as the estimator does; an arm is released when its failures are forgotten."""
        if self._discount < 1.0:
            keep = self._discount ** (step - self._step)
            self._scored, self._solved = quantised(keep * self._scored), quantised(keep * self._solved)
        self._step = step

    def state_dict(self) -> dict[str, Any]:
        """Return the memory."""
        columns = {"scored": self._scored, "solved": self._solved, "tested": self._tested}
        return {"step": self._step, **{name: column.copy() for name, column in columns.items()}}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take the state of `state_dict`."""
        size = len(self._scored)
        scored, solved = (array(state, key, np.float64, size) for key in ("scored", "solved"))
        require(bool((scored >= 0).all() and (solved >= 0).all()), "a negative count of rollouts")
        self._step, self._tested = count(state, "step"), array(state, "tested", np.int64, size)
        self._scored, self._solved = scored, solved
