"""With what probability an arm's draw is the best one: by closed form, or by quadrature."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from sparft_verl.bandit import Beta, Gaussian, Kalman, Learnability, Mixed, Negative, Softmax
from sparft_verl.curricula.families import Betas, Family, FoldedBetas, FoldedNormals, Normals
from sparft_verl.curricula.order import Mask
from sparft_verl.curricula.propensity import best_probability
from sparft_verl.curricula.types import F64


class Law(ABC):
    """The joint law of one draw of all arms, independent of each other."""

    def argmax_probability(self, allowed: Mask) -> F64:
        """float64 [K]: probability that each arm's draw is the best among the allowed ones; 0 elsewhere."""
        return self.next_best_probability(allowed, ())

    @abstractmethod
    def next_best_probability(self, allowed: Mask, ranked: Sequence[int]) -> F64:
        """float64 [K]: the same, given that one draw ranked `ranked`, which are not allowed, on top."""


class FamilyLaw(Law):
    """Draws of one family."""

    def __init__(self, family: Family) -> None:
        self._family = family

    def next_best_probability(self, allowed: Mask, ranked: Sequence[int]) -> F64:
        """float64 [K]: by quadrature."""
        return best_probability(self._family, allowed, ranked)


class SoftmaxLaw(Law):
    """P(k) proportional to exp(value / temperature); the order of one draw is sampling without replacement."""

    def __init__(self, value: F64, temperature: float) -> None:
        self._logit = value / temperature

    def next_best_probability(self, allowed: Mask, ranked: Sequence[int]) -> F64:
        """float64 [K]: softmax over the allowed arms."""
        logit = np.where(allowed, self._logit, -np.inf)
        weight = np.exp(logit - logit.max())
        return weight / weight.sum()


def law_of(belief: Any, utility: Any) -> Law:
    """Return the law of `utility` of a draw from `belief`, both of `bandit`; raises TypeError where none is known."""
    if isinstance(belief, Softmax):
        return SoftmaxLaw(belief.value, belief.temperature)
    # theta (1 - theta) and the probability of a mixed group order draws as -|theta - 1/2| does
    tau = 0.5 if isinstance(utility, Learnability | Mixed) else getattr(utility, "tau", None)
    negative = isinstance(utility, Negative)
    if isinstance(belief, Kalman):
        belief = Gaussian(belief.mean, np.sqrt(belief.variance + belief.inflation))
    if isinstance(belief, Gaussian):
        if tau is not None:
            return FamilyLaw(FoldedNormals(np.stack([-np.abs(belief.mean - tau), belief.sd], axis=1)))
        return FamilyLaw(Normals(np.stack([-belief.mean if negative else belief.mean, belief.sd], axis=1)))
    if isinstance(belief, Beta):
        a = belief.prior_success + belief.scale * belief.success
        b = belief.prior_failure + belief.scale * belief.failure
        if tau is not None:
            return FamilyLaw(FoldedBetas(np.stack([a, b], axis=1), tau))
        return FamilyLaw(Betas(np.stack([b, a] if negative else [a, b], axis=1)))
    raise TypeError(f"no law of the best draw is known for {type(belief).__name__}")
