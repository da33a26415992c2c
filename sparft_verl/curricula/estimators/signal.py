"""How often a group of an arm brings a signal, and how long a prompt has brought none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from sparft_verl.curricula.estimators.base import Estimator, Evidence, Inbox
from sparft_verl.curricula.estimators.beta import BetaBelief
from sparft_verl.curricula.state import array, part, require
from sparft_verl.curricula.types import F64, I32, I64


class SignalRate(Estimator):
    """Of each arm a discounted Beta(1, 1) belief about the share of mixed groups; of each prompt its dull streak.

    A pull's value is 1 if its group was mixed, neither all solved nor all failed, and 0 if it was dull. The streak
    of a prompt is how many dull groups it had since its last mixed one (GRESO's z, arXiv 2506.02177); it moves at the
    tick, in the order of the proposals.
    """

    per_prompt = True

    def __init__(self, arm_of: I32, arms: int, *, discount: float) -> None:
        """Begin; `arm_of`, int32 [N], is the arm of each prompt."""
        self._arm_of = arm_of
        self._arms = BetaBelief(arms, discount=discount)
        self._streak: I32 = np.zeros(len(arm_of), dtype=np.int32)
        self._inbox = Inbox()

    @property
    def rate(self) -> F64:
        """float64 [K]: expected share of mixed groups of each arm, in (0, 1)."""
        return self._arms.summary()[0]

    def streak(self, items: I64) -> I32:
        """int32 [n]: dull groups in a row of each prompt."""
        return self._streak[items]

    def commit(self, evidence: Evidence) -> None:
        """Take finished pulls of one group each."""
        mixed = evidence.value
        arms = self._arm_of[evidence.unit]
        self._arms.commit(replace(evidence, unit=arms, solved=mixed, total=mixed, weight=np.ones(len(mixed))))
        self._inbox.put(evidence)

    def tick(self, step: int) -> None:
        """Lengthen and end streaks, and forget."""
        evidence = self._inbox.drain()
        for unit, mixed in zip(evidence.unit.tolist(), (evidence.total > 0.0).tolist(), strict=True):
            self._streak[unit] = 0 if mixed else self._streak[unit] + 1
        self._arms.tick(step)

    def summary(self) -> tuple[F64, F64]:
        """Return mean and standard deviation of the belief about each arm's share of mixed groups, float64 [K] each."""
        return self._arms.summary()

    def metrics(self, step: int) -> dict[str, float | F64]:
        """Return the expected share of mixed groups by arm, and the share of prompts with a dull streak."""
        return {"signal": self.rate, "dull_prompts": np.count_nonzero(self._streak) / len(self._streak)}

    def state_dict(self) -> dict[str, Any]:
        """Return both beliefs, and the evidence of the current step."""
        return {
            "arms": self._arms.state_dict(),
            "streak": self._streak.copy(),
            "inbox": self._inbox.state_dict(),
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Take the state of `state_dict`."""
        streak, inbox = array(state, "streak", np.int32, len(self._streak)), Inbox()
        require(bool((streak >= 0).all()), "a negative streak")
        inbox.load(part(state, "inbox"))
        self._arms.load(part(state, "arms"))
        self._streak, self._inbox = streak, inbox
