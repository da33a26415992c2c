"""Statistics: what a finished group says, as a sum over its rollouts; choosers and estimators see the mean.

Under GRPO with binary rewards every one of these is a function of the group's solve rate q alone, so that successes
suffice: mean |advantage| is 2 q (1 - q), divided by the group's standard deviation where it is normalised.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sparft_verl.curricula.groups import Groups
from sparft_verl.curricula.types import F64

Statistic = Callable[[Groups], F64]
"""Groups -> float64 [n]: sum over each group's rollouts."""

EPSILON = 1e-6
"""What GRPO adds to a group's standard deviation (verl's `compute_grpo_outcome_advantage`)."""


def solve_rate(groups: Groups) -> F64:
    """float64 [n]: successes of each group."""
    return groups.solved


def abs_advantage_unnorm(groups: Groups) -> F64:
    """float64 [n]: sum of |success - group mean|; the advantages of Dr. GRPO."""
    mean = groups.solved / groups.rollouts
    return groups.sums(np.abs(groups.exact - np.repeat(mean, groups.rollouts)))


def abs_advantage(groups: Groups) -> F64:
    """float64 [n]: sum of |advantage|: the trainer's own where given, else GRPO's from the successes.

    GRPO: (success - mean) / (unbiased std + EPSILON). A group of one rollout has advantage 0 here: it has nothing
    to be compared with (verl would take the reward itself).
    """
    spread = np.sqrt(variance(groups) / groups.rollouts)
    out = abs_advantage_unnorm(groups) / (spread + EPSILON)
    if groups.advantages is not None:
        given = groups.sums(np.abs(groups.advantages))
        out = np.where(np.isnan(given), out, given)
    return out


def variance(groups: Groups) -> F64:
    """float64 [n]: rollouts times the unbiased variance of the group's successes; 0 for a group of one."""
    n = groups.rollouts
    mean = np.repeat(groups.solved / n, n)
    squares = groups.sums((groups.exact - mean) ** 2)
    return np.where(n > 1, squares * n / np.maximum(n - 1, 1), 0.0)


def mixed(groups: Groups) -> F64:
    """float64 [n]: the group's rollouts if its successes are not all equal, else 0: whether GRPO learns from it."""
    return np.where(groups.degenerate, 0.0, groups.rollouts.astype(np.float64))


FROM_SUCCESSES: frozenset[Statistic] = frozenset({solve_rate, abs_advantage_unnorm, variance, mixed})
"""Those that never look at advantages; any other may."""

STATISTICS: dict[str, Statistic] = {
    "solve_rate": solve_rate,
    "abs_advantage": abs_advantage,
    "abs_advantage_unnorm": abs_advantage_unnorm,
    "variance": variance,
    "mixed": mixed,
}
