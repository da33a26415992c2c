"""What a policy is worth on another one's data: self-normalised importance sampling."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sparft_verl.curricula.types import F64, I64

LEAST_ESS = 0.1
"""An effective sample below this share of the slots says nothing."""
OVERLAP = (0.75, 1.33)
"""The mean weight is 1 in expectation; outside these bounds the logged policy did not cover the other one's choices."""


@dataclass(frozen=True)
class Value:
    """A mean over slots, as another policy would have filled them."""

    mean: float
    error: float
    """Standard error; slots of one proposal count as dependent."""


@dataclass(frozen=True)
class Sample:
    """n slots whose groups came back."""

    weight: F64
    """float64 [n], >= 0: probability of the slot's arm under the other policy / under the logged one."""
    cluster: I64
    """int64 [n]: proposal of each slot."""

    @property
    def size(self) -> int:
        """Return n."""
        return len(self.weight)

    @property
    def ess(self) -> float:
        """Return the effective sample size, (sum w)^2 / sum w^2."""
        squares = float((self.weight**2).sum())
        return float(self.weight.sum()) ** 2 / squares if squares else 0.0

    @property
    def mean_weight(self) -> float:
        """Return the mean weight."""
        return float(self.weight.mean()) if self.size else 0.0

    def refusal(self) -> str | None:
        """Return why no value can be had; None where it can."""
        if not self.size:
            return "no slot of the journal has both a group and a probability"
        if self.ess < LEAST_ESS * self.size:
            return f"effective sample {self.ess:.0f} of {self.size} slots, less than {LEAST_ESS:.0%}"
        if not OVERLAP[0] <= self.mean_weight <= OVERLAP[1]:
            return (
                "the run hardly ever chose what this policy would have "
                f"(mean weight {self.mean_weight:.2g}, should be 1)"
            )
        return None

    def estimate(self, outcome: F64) -> Value:
        """Return the value of `outcome`, float64 [n]; needs a positive weight."""
        total = self.weight.sum()
        mean = float((self.weight * outcome).sum() / total)
        residual = np.bincount(self.cluster, self.weight * (outcome - mean))
        clusters = len(np.unique(self.cluster))
        # clusters of which few are there vary less than they should
        if clusters < 2:
            return Value(mean, np.inf)
        return Value(mean, float(np.sqrt((residual**2).sum() * clusters / (clusters - 1)) / total))
