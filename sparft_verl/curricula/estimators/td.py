"""A value per unit, moved towards what each optimiser step brought: TD(0)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sparft_verl.curricula.estimators.base import Estimator, Evidence
from sparft_verl.curricula.state import array, count, require
from sparft_verl.curricula.types import F64


class StepValue(Estimator):
    """Q <- rate * r + (1 - rate) * Q, once a step, r the mean of the statistic over the step's rollouts.

    Starts at 0 (SEC, arXiv 2505.14970). What arrives between two ticks is one TD step, however little of a batch it
    is: a batch that comes back in two halves, on either side of a tick, makes two steps. A unit of which nothing
    came keeps its value; with `decay` its r is 0, as in SEC's published code.
    """

    def __init__(self, units: int, *, rate: float, decay: bool = False) -> None:
        self._rate = rate
        self._decay = decay
        self._step = 0
        self.value: F64 = np.zeros(units)
        self._total: F64 = np.zeros(units)
        self._weight: F64 = np.zeros(units)

    def commit(self, evidence: Evidence) -> None:
        """Add to the sums of the current step; they are exact, so that order does not show."""
        np.add.at(self._total, evidence.unit, evidence.total)
        np.add.at(self._weight, evidence.unit, evidence.weight)

    def tick(self, step: int) -> None:
        """Make the TD step; a step number left out brought nothing to any unit."""
        came = self._weight > 0
        if self._decay:
            self.value *= (1.0 - self._rate) ** (step - self._step - 1)
        target = np.divide(self._total, self._weight, out=np.zeros_like(self._total), where=came)
        moved = self._rate * target + (1.0 - self._rate) * self.value
        self.value = moved if self._decay else np.where(came, moved, self.value)
        self._total, self._weight = np.zeros_like(self._total), np.zeros_like(self._weight)
        self._step = step

    def summary(self) -> tuple[F64, None]:
        """Return the values, float64 [units]."""
        return self.value.copy(), None

    def state_dict(self) -> dict[str, Any]:
        """Return the values and the sums of the current step."""
        columns = {"value": self.value, "total": self._total, "weight": self._weight}
        return {"step": self._step, **{name: column.copy() for name, column in columns.items()}}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take the state of `state_dict`."""
        value, total, weight = (
            array(state, key, np.float64, len(self.value)) for key in ("value", "total", "weight")
        )
        require(bool((weight >= 0).all()), "a negative count of rollouts")
        self._step, self.value, self._total, self._weight = count(state, "step"), value, total, weight
