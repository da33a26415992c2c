"""The interface of every estimator, the evidence it takes, and a box for evidence whose order matters."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from sparft_verl.curricula.state import array
from sparft_verl.curricula.types import F64, I32, I64


@dataclass(frozen=True)
class Evidence:
    """Finished pulls with at least one scored rollout, rising by `pull`; [m] each."""

    unit: I32
    """What the pull was of: an arm, or a prompt's index for estimators with `per_prompt`."""
    solved: F64
    """Successes of the pull's rollouts, a multiple of QUANTUM."""
    total: F64
    """Sum of the method's statistic over them, likewise: the same numbers where that is the solve rate."""
    weight: F64
    """Number of rollouts scored, >= 1."""
    proposed: I64
    """Step at which the pull was proposed."""
    lag: I64
    """Optimiser steps between the policy that generated it and its arrival, >= 0."""
    pull: I64
    """Number of the pull over the run: the order that does not depend on arrival."""

    @property
    def value(self) -> F64:
        """float64 [m]: mean of the method's statistic over the pull's rollouts."""
        return self.total / self.weight


class Estimator(ABC):
    """A belief about each of `units` units. Counts move at the proposal, values at arrival.

    `commit` may be called any number of times between two ticks, in any order of pulls, and must leave the same
    bits: add exact sums (`bandit.observe_sum`), or put evidence into an `Inbox` and use it in `tick`.
    """

    per_prompt: bool = False
    """Whether units are prompts; they are arms otherwise."""

    def reserve(self, unit: I32) -> None:  # noqa: B027 - offered, not demanded
        """Count a pull of each unit named, once per mention, as it is proposed."""

    def release(self, unit: I32, proposed: I64) -> None:  # noqa: B027
        """Take back pulls, proposed at these steps, none of whose groups will come."""

    @abstractmethod
    def commit(self, evidence: Evidence) -> None:
        """Take finished pulls."""

    def tick(self, step: int) -> None:  # noqa: B027
        """Close optimiser step `step`: forget, drift, use the inbox. Called exactly once a step."""

    @abstractmethod
    def summary(self) -> tuple[F64, F64 | None]:
        """Return mean and standard deviation of the belief about each unit, float64 [units] each.

        No deviation for estimates of a point.
        """

    def metrics(self, step: int) -> dict[str, float | F64]:
        """Return what else a user may want to watch at `step`, by name: a number, or float64 [K] with one per arm."""
        return {}

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Return everything that `load` needs."""

    @abstractmethod
    def load(self, state: Mapping[str, Any]) -> None:
        """Take the state of `state_dict`; raises ValueError if it is damaged."""


class NoEstimator(Estimator):
    """For methods that nothing moves: each arm's mean is recorded elsewhere."""

    def commit(self, evidence: Evidence) -> None:
        """Nothing."""

    def summary(self) -> tuple[F64, F64]:
        """Return empty vectors."""
        return np.zeros(0), np.zeros(0)

    def state_dict(self) -> dict[str, Any]:
        """Return nothing."""
        return {}

    def load(self, state: Mapping[str, Any]) -> None:
        """Nothing."""


class Inbox:
    """Evidence of the current step, for estimators that must see it in one order: that of the proposals."""

    def __init__(self) -> None:
        self._parts: list[Evidence] = []

    def put(self, evidence: Evidence) -> None:
        """Keep evidence until `drain`."""
        self._parts.append(evidence)

    def drain(self) -> Evidence:
        """Return all evidence since the last call, rising by pull."""
        out = self._sorted()
        self._parts = []
        return out

    def _sorted(self) -> Evidence:
        columns = {
            item.name: np.concatenate([getattr(part, item.name) for part in self._parts] or [np.zeros(0)])
            for item in fields(Evidence)
        }
        order = np.argsort(columns["pull"], kind="stable")
        return Evidence(**{name: column[order].astype(_DTYPES[name]) for name, column in columns.items()})

    def state_dict(self) -> dict[str, Any]:
        """Return the evidence, rising by pull."""
        evidence = self._sorted()
        return {item.name: getattr(evidence, item.name) for item in fields(Evidence)}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take the state of `state_dict`."""
        size = len(array(state, "pull", np.int64))
        self._parts = [Evidence(**{name: array(state, name, dtype, size) for name, dtype in _DTYPES.items()})]


_DTYPES: dict[str, Any] = {
    "unit": np.int32,
    "solved": np.float64,
    "total": np.float64,
    "weight": np.float64,
    "proposed": np.int64,
    "lag": np.int64,
    "pull": np.int64,
}
