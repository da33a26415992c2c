"""Estimators: what is believed about each arm, from the pulls so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sparft_verl import bandit
from sparft_verl.curricula.state import array, require
from sparft_verl.curricula.types import F64, I32, I64

QUANTUM = 2.0**-32
"""Values are rounded to this before they are summed. Sums below 2**20 are then exact, so that the order in which
groups arrive cannot change a single bit of the state."""


class RunningMean:
    """Gaussian belief N(mean, sigma^2 / (pulls + 1)) with the mean of the pulls that came back.

    SPaRFT's Eq. 3 and 5-7 in the form of Agrawal and Goyal: mean 0 and deviation sigma before the first pull.
    `pulls` counts at proposal (virtual loss), so that prompts in flight already narrow the belief; the mean moves
    when their groups arrive.
    """

    def __init__(self, arms: int, sigma: float) -> None:
        self._sigma = sigma
        self.pulls: I64 = np.zeros(arms, dtype=np.int64)
        self.observed: I64 = np.zeros(arms, dtype=np.int64)
        self._total: F64 = np.zeros(arms)

    def reserve(self, arms: I32) -> None:
        """Count a pull of each arm named, once per mention."""
        np.add.at(self.pulls, arms, 1)

    def release(self, arm: int) -> None:
        """Take back a pull none of whose groups will come."""
        self.pulls[arm] -= 1

    def commit(self, arms: Sequence[int], values: Sequence[float]) -> None:
        """Take the reward of finished pulls, one value for each arm named."""
        rounded = np.round(np.array(values, dtype=np.float64) / QUANTUM) * QUANTUM
        bandit.observe_mean(self._total, self.observed, np.array(arms, dtype=np.int32), rounded)

    def tick(self, step: int) -> None:
        """Nothing: a running mean does not forget."""

    def belief(self) -> tuple[F64, F64]:
        """Return mean and standard deviation, float64 [A] each."""
        mean = self._total / np.maximum(self.observed, 1)
        return mean, self._sigma / np.sqrt(self.pulls + 1.0)

    def state_dict(self) -> dict[str, Any]:
        """Return the counts and sums."""
        return {"pulls": self.pulls.copy(), "observed": self.observed.copy(), "total": self._total.copy()}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take the state of `state_dict`."""
        size = len(self.pulls)
        pulls, observed = (array(state, key, np.int64, size) for key in ("pulls", "observed"))
        total = array(state, "total", np.float64, size)
        require(bool((observed >= 0).all() and (pulls >= observed).all()), "more pulls observed than made")
        require(bool((total >= 0).all()), "a sum of solve rates below 0")
        self.pulls, self.observed, self._total = pulls, observed, total
