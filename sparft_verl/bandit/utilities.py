"""What a drawn value theta is worth: the key by which arms are compared, larger is better."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Identity:
    """theta."""

    UTILITY: ClassVar[int] = 0


@dataclass(frozen=True, slots=True)
class Negative:
    """-theta: the lowest first."""

    UTILITY: ClassVar[int] = 1


@dataclass(frozen=True, slots=True)
class Target:
    """-|theta - tau|: the nearest to a success rate first."""

    UTILITY: ClassVar[int] = 2
    tau: float
    """Finite."""


@dataclass(frozen=True, slots=True)
class Learnability:
    """theta * (1 - theta): the variance of one rollout."""

    UTILITY: ClassVar[int] = 3


@dataclass(frozen=True, slots=True)
class Mixed:
    """1 - theta^G - (1 - theta)^G: the probability that G rollouts neither all succeed nor all fail."""

    UTILITY: ClassVar[int] = 4
    group: int
    """Rollouts of a group G, 2 to 1024."""


Utility = Identity | Negative | Target | Learnability | Mixed
