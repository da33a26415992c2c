"""A target that follows the batch's mean reward: AdaRFT's integral controller."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from sparft_verl.curricula.estimators.base import Estimator, Evidence
from sparft_verl.curricula.state import array, count, require
from sparft_verl.curricula.types import F64


class Controller(Estimator):
    """T <- clip(T + gain * tanh(alpha * (R - beta)), low, high) once a step (AdaRFT, arXiv 2504.05520).

    R is the mean over all rollouts that came since the last step; without any, T stays. The gain is
    eta / (lag + 1), lag being the steps for which these rollouts' prompts have been chosen, on average: T moved that
    often before it could see the effect, and the full gain each time would overshoot. The lag counts from the
    proposal, not from the policy, since a prefetched batch is answered by a new policy and yet by an old T.
    """

    def __init__(
        self, *, start: float, eta: float, alpha: float, beta: float, low: float, high: float
    ) -> None:
        self.target = start
        """T: the difficulty to serve."""
        self._eta, self._alpha, self._beta = eta, alpha, beta
        self._low, self._high = low, high
        self._step = 0
        self._sums: F64 = np.zeros(3)  # reward, rollouts, rollouts * lag of this step: exact in any order

    def commit(self, evidence: Evidence) -> None:
        """Take the rewards of finished pulls."""
        lag = np.maximum(self._step - evidence.proposed, 0)
        self._sums += (evidence.solved.sum(), evidence.weight.sum(), (evidence.weight * lag).sum())

    def tick(self, step: int) -> None:
        """Move the target, once."""
        reward, rollouts, lag = self._sums.tolist()
        if rollouts:
            gain = self._eta / (lag / rollouts + 1.0)
            moved = self.target + gain * math.tanh(self._alpha * (reward / rollouts - self._beta))
            self.target = min(max(moved, self._low), self._high)
        self._sums = np.zeros(3)
        self._step = step

    def summary(self) -> tuple[F64, F64]:
        """Return empty vectors: nothing is believed about single units."""
        return np.zeros(0), np.zeros(0)

    def metrics(self, step: int) -> dict[str, float | F64]:
        """Return the target."""
        return {"target": self.target}

    def state_dict(self) -> dict[str, Any]:
        """Return the target and what came since the last step."""
        return {"step": self._step, "target": self.target, "sums": self._sums.copy()}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take the state of `state_dict`."""
        target, sums = state.get("target"), array(state, "sums", np.float64, 3)
        inside = isinstance(target, float) and self._low <= target <= self._high
        require(inside, f"a target outside {self._low} .. {self._high}")
        require(bool((sums >= 0).all()), "a negative sum")
        self._step, self.target, self._sums = count(state, "step"), float(state["target"]), sums
