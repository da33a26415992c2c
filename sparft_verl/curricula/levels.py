"""Levels from easy to hard, for methods that go through them by the clock."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sparft_verl.bandit import Softmax
from sparft_verl.curricula.estimators.base import NoEstimator
from sparft_verl.curricula.types import F64, I64, Arms


class Levels(NoEstimator):
    """Arms as levels, with probabilities that the step alone decides; what has no level is never chosen."""

    def __init__(
        self, levels: I64, arms: int, log_probability: Callable[[int], F64], *, never: float
    ) -> None:
        """Take the arms, int64 [N], from easy to hard, and step -> float64 [N], up to a constant.

        `never` is the log-probability of the other arms.
        """
        self._levels = levels
        self._arms = arms
        self._log_probability = log_probability
        self._never = never

    def belief(self, step: int) -> Softmax:
        """Return the law of an arm at `step`."""
        value = np.full(self._arms, self._never)
        value[self._levels] = self._log_probability(step)
        return Softmax(value, 1.0)

    def metrics(self, step: int) -> dict[str, float | F64]:
        """Return the mean level at `step`: 0 is the easiest one, 1 the hardest."""
        value = self._log_probability(step)
        weight = np.exp(value - value.max())
        return {"level": float(weight @ np.linspace(0.0, 1.0, len(weight)) / weight.sum())}


def levels_of(arms: Arms, levels: str | list[str]) -> I64:
    """int64 [N]: arms from easy to hard, by mean `difficulty`, by `name`, or as listed.

    Raises ValueError if `levels` does not say which arm comes where.
    """
    names = list(arms.names)
    if isinstance(levels, list):
        if sorted(levels) != sorted(names):
            raise ValueError(f"levels must name each of the arms {names} once, got {levels}")
        return np.array([names.index(name) for name in levels])
    if levels == "name":
        return np.argsort(names, kind="stable")
    full = np.flatnonzero(arms.sizes)  # an arm without prompts has no difficulty, and is no level
    difficulty = arms.mean_difficulty[full]
    if np.isnan(difficulty).any():
        unknown = [names[arm] for arm in full[np.isnan(difficulty)]]
        raise ValueError(
            f"levels=difficulty needs the difficulty of a prompt of every arm, it is unknown for {unknown}; run "
            "`sparft prepare` with difficulty.column=..., or set curriculum.levels to name or to a list of arm names"
        )
    return full[np.argsort(difficulty, kind="stable")]
