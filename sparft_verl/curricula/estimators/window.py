"""Sliding windows: the mean of each unit's last observations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sparft_verl.bandit import observe_window, window_mean
from sparft_verl.curricula.estimators.base import Estimator, Evidence, Inbox
from sparft_verl.curricula.state import array, part, require
from sparft_verl.curricula.types import F64, I32, I64


class Window(Estimator):
    """Mean of the last `length` observations of each unit, and how many there were in all.

    An observation is a rollout, or a whole group with `groups`. A group enters as so many equal rollouts, each of
    the group's mean: only the group that the window's edge cuts through differs from a window of single values.

    `seen` counts a group at its proposal (virtual loss), so that groups in flight already lower a bonus for the
    unseen. Until one has arrived it counts as many rollouts as the groups so far had on average, 1 before the first.
    """

    def __init__(self, units: int, length: int, *, groups: bool = False) -> None:
        self._groups = groups
        self._window: F64 = np.zeros((units, length))
        self._written: I64 = np.zeros(units, dtype=np.int64)
        self._in_flight: I64 = np.zeros(units, dtype=np.int64)
        self._arrived: I64 = np.zeros(2, dtype=np.int64)  # groups, their rollouts
        self._rollouts: I64 = np.zeros(units, dtype=np.int64)
        self._inbox = Inbox()

    def reserve(self, unit: I32) -> None:
        """Count a group of each unit named as in flight."""
        np.add.at(self._in_flight, unit, 1)

    def release(self, unit: I32, proposed: I64) -> None:
        """Take back groups that will not come."""
        np.add.at(self._in_flight, unit, -1)

    def commit(self, evidence: Evidence) -> None:
        """Count what came; it enters the windows at the tick, in the order of the proposals."""
        size = np.ones(len(evidence.unit), np.int64) if self._groups else evidence.weight.astype(np.int64)
        np.add.at(self._in_flight, evidence.unit, -1)
        np.add.at(self._rollouts, evidence.unit, size)
        self._arrived += (len(size), size.sum())
        self._inbox.put(evidence)

    def tick(self, step: int) -> None:
        """Write what came since the last step over the oldest values."""
        evidence = self._inbox.drain()
        times = 1 if self._groups else evidence.weight.astype(np.int64)
        unit, value = (np.repeat(column, times) for column in (evidence.unit, evidence.value))
        observe_window(self._window, self._written, unit, value)

    @property
    def seen(self) -> F64:
        """float64 [units]: observations of each unit over the run, those in flight included."""
        groups, rollouts = self._arrived.tolist()
        each = rollouts / groups if groups else 1.0
        return self._rollouts.astype(np.float64) + self._in_flight * (1.0 if self._groups else each)

    @property
    def mean(self) -> F64:
        """float64 [units]: mean of the window, 0 where it is empty."""
        return np.where(self._written > 0, window_mean(self._window, self._written), 0.0)

    def summary(self) -> tuple[F64, None]:
        """Return the means, float64 [units]."""
        return self.mean, None

    def state_dict(self) -> dict[str, Any]:
        """Return windows, counts and what waits for the tick."""
        columns = {"written": self._written, "in_flight": self._in_flight, "arrived": self._arrived}
        return {
            "window": self._window.reshape(-1).copy(),
            "rollouts": self._rollouts.copy(),
            **{name: column.copy() for name, column in columns.items()},
            "inbox": self._inbox.state_dict(),
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Take the state of `state_dict`."""
        units, length = self._window.shape
        window, inbox = array(state, "window", np.float64, units * length), Inbox()
        keys = {"written": units, "in_flight": units, "rollouts": units, "arrived": 2}
        counts = {key: array(state, key, np.int64, size) for key, size in keys.items()}
        require(all(bool((column >= 0).all()) for column in counts.values()), "a negative counter")
        inbox.load(part(state, "inbox"))
        self._window, self._inbox = window.reshape(units, length), inbox
        self._written, self._in_flight = counts["written"], counts["in_flight"]
        self._rollouts, self._arrived = counts["rollouts"], counts["arrived"]
