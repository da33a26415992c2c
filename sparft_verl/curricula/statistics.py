"""Statistics: what a finished group says, as (sum over rollouts, number of rollouts)."""

from __future__ import annotations

import math
from collections.abc import Callable

from sparft_verl.curricula.types import Feedback

Statistic = Callable[[Feedback], tuple[float, int]]


def solve_rate(group: Feedback) -> tuple[float, int]:
    """Return the number of successes and of rollouts; exact, whatever the order of the rollouts."""
    return math.fsum(group.successes.tolist()), len(group.successes)
