"""Beta beliefs with evidence from the prompts served and, interpolated, about all others: BOTS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sparft_verl.bandit import Beta
from sparft_verl.curricula.estimators.base import Evidence
from sparft_verl.curricula.estimators.beta import BetaBelief
from sparft_verl.curricula.state import array, require
from sparft_verl.curricula.types import F64

LEAST_GAP = 0.01
"""Where the references' mean pass rates on a step's prompts are nearer than this, they say nothing about the policy."""
KEPT = 0.9
"""What is kept of the policy's standing between the references from one step to the next."""


class InterpolatedBeta(BetaBelief):
    """a <- (1 - decay) a + decay a0 + (1 - rho) s + rho s~, b likewise, once a step for every prompt (BOTS,
    arXiv 2510.26374): s successes among the prompt's scored rollouts, s~ = rollouts * (w + c (g - w)) interpolated
    between the pass rates w and g of a weak and a strong reference.

    c in [0, 1] is the policy's standing between the two. A step's estimate is (mean solve rate - mean w) /
    (mean g - mean w), weighted by rollouts, clipped to [0, 1]; where the denominator is too small the step gives
    none. The first estimate is taken as it is, later ones by an average that keeps KEPT; before any c is 1/2.

    With c in [0, 1] the interpolated rate never needs clipping, so that the sum of all interpolated evidence is
    A w + C (g - w), with two numbers A and C for all prompts: a step costs O(groups), however many prompts.
    """

    def __init__(
        self, units: int, *, decay: float, rho: float, rollouts: int, references: F64 | None
    ) -> None:
        """Begin with a = b = a0 = b0 = 1; `references`, float64 [units, 2], may be None where rho is 0."""
        super().__init__(units, discount=1.0 - decay, per_prompt=True)
        self._rho = rho
        self._rollouts = rollouts
        pair = np.zeros((units, 2)) if references is None or rho == 0.0 else references
        self._weak = np.ascontiguousarray(pair[:, 0])
        self._gap = pair[:, 1] - pair[:, 0]
        self._prior_pair: tuple[F64, F64] = (np.zeros(units), np.zeros(units))
        # A, C; c; estimates of c so far (0, 1 = any); steps with evidence so far (likewise)
        self._implicit: F64 = np.array([0.0, 0.0, 0.5, 0.0, 0.0])

    @property
    def standing(self) -> float:
        """c in [0, 1]: 0 is the weak reference, 1 the strong one."""
        return float(self._implicit[2])

    def commit(self, evidence: Evidence) -> None:
        """Keep finished pulls for the end of the step, which they are evidence of."""
        self._inbox.put(evidence)

    def tick(self, step: int) -> None:
        """Forget, interpolate, add: decay goes by steps, however many groups came."""
        elapsed = step - self._step
        evidence = self._inbox.drain()
        super().tick(step)
        if self._rho > 0.0:
            self._interpolate(evidence, elapsed)
        if len(evidence.unit):
            self._add(evidence, 1.0 - self._rho)

    def _interpolate(self, evidence: Evidence, elapsed: int) -> None:
        total, slope, standing, estimated, begun = self._implicit.tolist()
        if len(evidence.unit):
            begun = 1.0
            n = evidence.weight.sum()
            gap = (evidence.weight * self._gap[evidence.unit]).sum()
            if abs(gap) >= LEAST_GAP * n:
                above = (evidence.solved - evidence.weight * self._weak[evidence.unit]).sum()
                now = min(max(float(above / gap), 0.0), 1.0)
                standing = KEPT * standing + (1.0 - KEPT) * now if estimated else now
                estimated = 1.0
        keep = self._discount**elapsed
        if begun:
            steps = elapsed if self._discount == 1.0 else (1.0 - keep) / (1.0 - self._discount)
            total = keep * total + steps * self._rho * self._rollouts
            slope = keep * slope + steps * self._rho * self._rollouts * standing
        self._implicit = np.array([total, slope, standing, estimated, begun])

    def posterior(self) -> Beta:
        """Return the belief, for a draw; it shares this estimator's arrays, and holds until the next call."""
        if self._rho == 0.0:
            return super().posterior()
        total, slope = self._implicit[:2].tolist()
        success, failure = self._prior_pair  # written over: fresh memory costs more than the arithmetic
        np.multiply(self._weak, total, out=success)
        np.multiply(self._gap, slope, out=failure)
        success += failure
        np.subtract(1.0 + total, success, out=failure)
        success += 1.0
        return Beta(self._success, self._failure, self._scale, success, failure)

    def metrics(self, step: int) -> dict[str, float | F64]:
        """Return the standing, from the first step that gave an estimate of it."""
        return {"standing": self.standing} if self._implicit[3] else {}

    def state_dict(self) -> dict[str, Any]:
        """Return the evidence of both kinds, and c."""
        return {**super().state_dict(), "implicit": self._implicit.copy()}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take the state of `state_dict`."""
        implicit = array(state, "implicit", np.float64, len(self._implicit))
        require(bool((implicit >= 0).all() and implicit[2] <= 1.0), "a standing outside [0, 1]")
        super().load(state)
        self._implicit = implicit
