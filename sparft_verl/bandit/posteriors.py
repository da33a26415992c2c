"""What is believed about each arm: the objects from which draw, choose and choose_top draw.

All arrays are float64 [A], read where they lie and never copied: NumPy, or any tensor that exports DLPack, all of
one posterior on one device. Numbers are checked when something is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class Gaussian:
    """theta = mean + sd * z, z standard normal; Agrawal and Goyal, AISTATS 2013."""

    KIND: ClassVar[int] = 0
    mean: F64
    """Finite."""
    sd: F64
    """Finite, >= 0."""


@dataclass(frozen=True, eq=False, slots=True)
class GaussianMean:
    """Gaussian belief from discounted sums: n = scale * count, mean = total / count, sd = sigma / sqrt(n + 1)."""

    KIND: ClassVar[int] = 1
    total: F64
    """Sum of the observed values, stored divided by `scale`."""
    count: F64
    """Sum of the weights >= 0, stored divided by `scale`; 0 leaves the prior."""
    scale: float = 1.0
    """What the stored sums are multiplied by, > 0: a discount of all arms in one number."""
    sigma: float = 1.0
    """Deviation of one observation, >= 0."""
    prior_mean: float = 0.0
    """Mean of an arm without observations."""


@dataclass(frozen=True, eq=False, slots=True)
class Kalman:
    """Gaussian belief about a value that drifts: sd = sqrt(variance + inflation)."""

    KIND: ClassVar[int] = 2
    mean: F64
    """Finite."""
    variance: F64
    """Finite; variance + inflation is > 0."""
    inflation: float = 0.0
    """Drift that all arms share since their variances were stored, >= 0."""


@dataclass(frozen=True, eq=False, slots=True)
class Beta:
    """theta ~ Beta(prior_success + scale * success, prior_failure + scale * failure), in float32."""

    KIND: ClassVar[int] = 3
    success: F64
    """Evidence >= 0, stored divided by `scale`."""
    failure: F64
    """Evidence >= 0, stored divided by `scale`."""
    scale: float = 1.0
    """What stored evidence is multiplied by, > 0."""
    prior_success: float | F64 = 1.0
    """For all arms, or float64 [A]; 1e-6 to 1e30."""
    prior_failure: float | F64 = 1.0
    """For all arms, or float64 [A]; 1e-6 to 1e30."""


@dataclass(frozen=True, eq=False, slots=True)
class Softmax:
    """theta = value / temperature + Gumbel noise: the arg-max is an arm with probability softmax(value / temperature).

    The n largest are n draws without replacement (Kool, van Hoof and Welling, "Stochastic beams and where to find
    them", ICML 2019). Goes with the utility Identity alone.
    """

    KIND: ClassVar[int] = 4
    value: F64
    """Finite."""
    temperature: float = 1.0
    """> 0."""


@dataclass(frozen=True, eq=False, slots=True)
class Fixed:
    """theta = value: no randomness."""

    KIND: ClassVar[int] = 5
    value: F64
    """Finite."""


@dataclass(frozen=True, eq=False, slots=True)
class MixedProportional:
    """theta = log V + Gumbel noise, V the probability that a group is mixed: arms are chosen in proportion to V.

    V = 1 - prod_{j<G} (a+j)/(a+b+j) - prod_{j<G} (b+j)/(a+b+j) for a success rate of Beta(a, b): the beta-binomial
    probability that G rollouts neither all succeed nor all fail. An arm of V = 0 comes last. Goes with the utility
    Identity alone.
    """

    KIND: ClassVar[int] = 6
    success: F64
    """Evidence >= 0, stored divided by `scale`."""
    failure: F64
    """Evidence >= 0, stored divided by `scale`."""
    group: int
    """Rollouts of a group G, 2 to 1024."""
    scale: float = 1.0
    """What stored evidence is multiplied by, > 0."""
    prior_success: float | F64 = 1.0
    """For all arms, or float64 [A]; 1e-6 to 1e30."""
    prior_failure: float | F64 = 1.0
    """For all arms, or float64 [A]; 1e-6 to 1e30."""


Posterior = Gaussian | GaussianMean | Kalman | Beta | Softmax | Fixed | MixedProportional
