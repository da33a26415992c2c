"""Running means with a Gaussian belief around them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sparft_verl.bandit import Gaussian
from sparft_verl.curricula.columns import quantised
from sparft_verl.curricula.estimators.base import Estimator, Evidence
from sparft_verl.curricula.state import array, count, require
from sparft_verl.curricula.types import F64, I32, I64


class RunningMean(Estimator):
    """Gaussian belief N(mean, sigma^2 / (pulls + 1)) with the mean of the pulls that came back.

    SPaRFT's Eq. 3 and 5-7 in the form of Agrawal and Goyal: `prior_mean` and deviation sigma before the first pull.
    `pulls` counts at proposal (virtual loss), so that prompts in flight already narrow the belief; the mean moves
    when their groups arrive. With a discount below 1 all counts and sums shrink by it once a step.
    """

    def __init__(self, units: int, sigma: float, discount: float = 1.0, prior_mean: float = 0.0) -> None:
        self._sigma = sigma
        self._prior_mean = prior_mean
        self._discount = discount
        self._step = 0
        self.pulls: F64 = np.zeros(units)
        self.observed: F64 = np.zeros(units)
        self._total: F64 = np.zeros(units)

    def reserve(self, unit: I32) -> None:
        """Count a pull of each unit named."""
        np.add.at(self.pulls, unit, 1.0)

    def release(self, unit: I32, proposed: I64) -> None:
        """Take back what is left of these pulls."""
        np.add.at(self.pulls, unit, -quantised(self._discount ** (self._step - proposed).astype(np.float64)))
        np.maximum(self.pulls, 0.0, out=self.pulls)

    def commit(self, evidence: Evidence) -> None:
        """Take the mean of each finished pull; all pulls weigh the same, however many rollouts they had."""
        np.add.at(self._total, evidence.unit, quantised(evidence.value))
        np.add.at(self.observed, evidence.unit, 1.0)

    def tick(self, step: int) -> None:
        """Forget once for each step since the last one."""
        if self._discount < 1.0:
            keep = self._discount ** (step - self._step)
            self.pulls, self.observed, self._total = (
                quantised(keep * values) for values in (self.pulls, self.observed, self._total)
            )
        self._step = step

    def summary(self) -> tuple[F64, F64]:
        """Return mean and standard deviation, float64 [units] each."""
        unseen = np.full_like(self._total, self._prior_mean)
        mean = np.divide(self._total, self.observed, out=unseen, where=self.observed > 0)
        return mean, self._sigma / np.sqrt(self.pulls + 1.0)

    def posterior(self) -> Gaussian:
        """Return the belief, for a draw."""
        return Gaussian(*self.summary())

    def state_dict(self) -> dict[str, Any]:
        """Return the counts and sums."""
        columns = {"pulls": self.pulls, "observed": self.observed, "total": self._total}
        return {"step": self._step, **{name: column.copy() for name, column in columns.items()}}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take the state of `state_dict`."""
        pulls, observed, total = (
            array(state, key, np.float64, len(self.pulls)) for key in ("pulls", "observed", "total")
        )
        require(bool((observed >= 0).all() and (pulls >= 0).all()), "a negative count of pulls")
        self._step, self.pulls, self.observed, self._total = count(state, "step"), pulls, observed, total
