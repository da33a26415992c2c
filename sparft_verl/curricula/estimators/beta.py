"""Beta beliefs about a solve rate: evidence in rollouts, optionally forgotten."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sparft_verl.bandit import Beta, observe_beta, rescale
from sparft_verl.curricula.estimators.base import Estimator, Evidence, Inbox
from sparft_verl.curricula.state import array, count, part, require
from sparft_verl.curricula.types import F64

LEAST_SCALE = 2.0**-8
"""Below this the lazy scale is multiplied into the evidence, so that neither loses digits. For arms, of which one may
take a whole batch, it is 1/2: what a step adds is stored divided by the scale, and must stay exact."""
MOST = 2.0**19
"""Above this the evidence is halved and the scale doubled, so that a long run stays below the 2**21 up to which sums
are exact; the rest is room for what arrives within one step."""


class BetaBelief(Estimator):
    """Beta(prior + successes, prior + failures), with partial credit counted in part on either side.

    Two ways to forget, both towards the prior: `discount` shrinks all evidence once a step (BOTS's 1 - lambda), at
    no cost per unit; `keep` shrinks the evidence of a unit only in a step that brings it new groups (MoPPS's
    lambda), which is why that evidence waits for the tick.
    """

    def __init__(
        self,
        units: int,
        *,
        prior: tuple[float, float] = (1.0, 1.0),
        discount: float = 1.0,
        keep: float = 1.0,
        per_prompt: bool = False,
    ) -> None:
        self.per_prompt = per_prompt
        self._prior = prior
        self._discount = discount
        self._keep = keep
        self._scale = 1.0
        self._step = 0
        self._success: F64 = np.zeros(units)
        self._failure: F64 = np.zeros(units)
        self._inbox = Inbox()

    def commit(self, evidence: Evidence) -> None:
        """Take successes and failures of the finished pulls."""
        if self._keep < 1.0:
            self._inbox.put(evidence)
        else:
            self._add(evidence)

    def _add(self, evidence: Evidence, share: float = 1.0) -> None:
        """Add `share` of the evidence."""
        observe_beta(
            self._success,
            self._failure,
            evidence.unit,
            share * evidence.solved,
            share * evidence.weight,
            keep=self._keep,
            scale=self._scale,
        )

    def tick(self, step: int) -> None:
        """Forget, once for each step since the last one, and take in what waits."""
        if self._keep < 1.0:
            self._add(self._inbox.drain())
        self._scale = max(self._scale * self._discount ** (step - self._step), np.finfo(np.float64).tiny)
        self._step = step
        largest = float(max(self._success.max(), self._failure.max()))
        if largest > MOST or self._scale < (LEAST_SCALE if self.per_prompt else 0.5):
            scale = max(1.0, float(np.exp2(np.ceil(np.log2(max(self._scale * largest, 1.0) / MOST)))))
            rescale(self._success, self._failure, factor=self._scale / scale)
            self._scale = scale

    def posterior(self) -> Beta:
        """Return the belief, for a draw; it shares this estimator's arrays."""
        return Beta(self._success, self._failure, self._scale, *self._prior)

    def summary(self) -> tuple[F64, F64]:
        """Return mean and standard deviation of the solve rate, float64 [units] each."""
        belief = self.posterior()
        a = belief.prior_success + belief.scale * belief.success
        b = belief.prior_failure + belief.scale * belief.failure
        mean = a / (a + b)
        return mean, np.sqrt(mean * (1.0 - mean) / (a + b + 1.0))

    def state_dict(self) -> dict[str, Any]:
        """Return the evidence."""
        return {
            "step": self._step,
            "scale": self._scale,
            "success": self._success.copy(),
            "failure": self._failure.copy(),
            "inbox": self._inbox.state_dict(),
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Take the state of `state_dict`."""
        success, failure = (
            array(state, key, np.float64, len(self._success)) for key in ("success", "failure")
        )
        inside = all(
            (evidence >= 0.0).all() and (evidence < 4.0 * MOST).all() for evidence in (success, failure)
        )
        require(inside, "evidence that is negative, or too large to be summed exactly")
        scale, inbox = state.get("scale"), Inbox()
        require(isinstance(scale, float) and 0.0 < scale < np.inf, "a scale that is not above 0")
        inbox.load(part(state, "inbox"))
        self._step, self._scale = count(state, "step"), float(state["scale"])
        self._success, self._failure, self._inbox = success, failure, inbox
