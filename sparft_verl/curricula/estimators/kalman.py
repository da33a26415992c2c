"""PAC's belief about each arm (arXiv 2608.30528): a Gaussian random walk that follows the utility of a window."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sparft_verl.bandit import Kalman, observe_kalman
from sparft_verl.curricula.estimators.base import Estimator, Evidence
from sparft_verl.curricula.state import array, count, require
from sparft_verl.curricula.types import F64, I64, Arms

EPSILON = 1e-8
"""Added to the sum of all |slopes|, so that a run without progress anywhere has progress 0."""


class ProgressBelief(Estimator):
    """N(mean, variance) per arm, from N(0, 1), over u = (1 + progress) * learnability of the last `window` steps.

    Learnability (Eq. 5) is the mean of the window's step means of |advantage|, steps without data of the arm left
    out. Progress (Eq. 6-7) is the slope of the step means of the solve rate, against positions from 0 (the oldest
    step with data) to 1 (the newest); 0 for fewer than two steps; divided by the sum of all arms' |slopes|. An arm's
    observation has precision rho, its share of the step's groups relative to an equal share (Eq. 10); every step adds
    `drift`, delta^2, to all variances (Eq. 11). Step means weigh all rollouts alike; what arrives between two ticks
    is a step.
    """

    def __init__(self, arms: Arms, *, window: int, drift: float) -> None:
        units = len(arms.names)
        self._arms = int(np.count_nonzero(arms.sizes))
        self._drift = drift
        self._step = 0
        self.mean: F64 = np.zeros(units)
        self.variance: F64 = np.ones(units)
        self._now: F64 = np.zeros((4, units))  # sums of the step: groups, rollouts, |advantage|, successes
        self._steps: I64 = np.full(window, -1, dtype=np.int64)  # which step each column of the windows holds
        # whether the arm had data at that step, mean |advantage|, mean success
        self._past: F64 = np.zeros((3, units, window))

    def commit(self, evidence: Evidence) -> None:
        """Add |advantage| and successes to the sums of the current step; exact, so that order does not show."""
        np.add.at(self._now[0], evidence.unit, 1.0)
        np.add.at(self._now[1], evidence.unit, evidence.weight)
        np.add.at(self._now[2], evidence.unit, evidence.total)
        np.add.at(self._now[3], evidence.unit, evidence.solved)

    def tick(self, step: int) -> None:
        """Close the step: windows, utilities, posterior, drift."""
        groups, rollouts, advantage, solved = self._now
        came = groups > 0
        column = step % len(self._steps)
        self._steps[column] = step
        self._past[0, :, column] = came
        for row, total in ((1, advantage), (2, solved)):
            self._past[row, :, column] = np.divide(total, rollouts, out=np.zeros_like(total), where=came)
        observed = np.flatnonzero(came).astype(np.int32)
        rho = groups[observed] * self._arms / max(groups.sum(), 1.0)
        observe_kalman(self.mean, self.variance, observed, self.utility(step)[observed], rho)
        self.variance += self._drift * (step - self._step)
        self._now, self._step = np.zeros_like(self._now), step

    def utility(self, step: int) -> F64:
        """float64 [K]: (1 + progress) * learnability over the window that ends at `step` (Eq. 8)."""
        has, advantage, _ = self._past[:, :, self._inside(step)]
        count = has.sum(axis=1)
        learnability = np.divide(
            (has * advantage).sum(axis=1), count, out=np.zeros(len(count)), where=count > 0
        )
        return (1.0 + self.progress(step)) * learnability

    def progress(self, step: int) -> F64:
        """float64 [K]: each arm's share, with its sign, in the slopes over the window that ends at `step` (Eq. 6-7)."""
        inside = self._inside(step)
        has, _, rate = self._past[:, :, inside]
        slopes = _slopes(self._steps[inside].astype(np.float64), has, rate)
        return slopes / (np.abs(slopes).sum() + EPSILON)

    def _inside(self, step: int) -> NDArray[np.bool_]:
        """bool [window]: columns that hold one of the last `window` steps."""
        return (self._steps >= 0) & (self._steps > step - len(self._steps))

    def metrics(self, step: int) -> dict[str, float | F64]:
        """Return each arm's progress."""
        return {"progress": self.progress(step)}

    def posterior(self) -> Kalman:
        """Return the belief, for a draw; it shares this estimator's arrays."""
        return Kalman(self.mean, self.variance)

    def summary(self) -> tuple[F64, F64]:
        """Return mean and standard deviation, float64 [K] each."""
        return self.mean.copy(), np.sqrt(self.variance)

    def state_dict(self) -> dict[str, Any]:
        """Return belief, windows and the sums of the current step."""
        return {
            "step": self._step,
            "mean": self.mean.copy(),
            "variance": self.variance.copy(),
            "now": self._now.reshape(-1).copy(),
            "steps": self._steps.copy(),
            "past": self._past.reshape(-1).copy(),
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Take the state of `state_dict`."""
        sizes = {
            "mean": self.mean.size,
            "variance": self.mean.size,
            "now": self._now.size,
            "past": self._past.size,
        }
        columns = {key: array(state, key, np.float64, size) for key, size in sizes.items()}
        steps = array(state, "steps", np.int64, len(self._steps))
        require(bool((columns["variance"] > 0).all()), "a variance that is not above 0")
        require(bool((columns["now"] >= 0).all()), "a negative sum")
        self._step, self._steps = count(state, "step"), steps
        self.mean, self.variance = columns["mean"], columns["variance"]
        self._now = columns["now"].reshape(self._now.shape)
        self._past = columns["past"].reshape(self._past.shape)


def _slopes(steps: F64, has: F64, rate: F64) -> F64:
    """float64 [K]: least-squares slope of each arm's `rate`, [K, S], where `has`, against its positions in [0, 1]."""
    count = has.sum(axis=1)
    first = np.where(has > 0, steps, np.inf).min(axis=1, initial=np.inf)
    last = np.where(has > 0, steps, -np.inf).max(axis=1, initial=-np.inf)
    enough = count >= 2
    first, span = np.where(enough, first, 0.0), np.where(enough, last - first, 1.0)
    position = has * (steps - first[:, None]) / span[:, None]
    centre = position.sum(axis=1) / np.maximum(count, 1.0)
    spread = has * (position - centre[:, None])
    square = (spread**2).sum(axis=1)
    return np.divide((spread * rate).sum(axis=1), square, out=np.zeros(len(count)), where=enough)
