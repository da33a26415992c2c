"""Rewards for runs whose outcome is to be foretold; verl loads this file by its path."""

import hashlib
from typing import Any


def chance(*parts: Any) -> float:
    """Return a number in [0, 1) that depends on the text of `parts` alone; verl hands some over as numpy's str."""
    return hashlib.sha256(repr(tuple(str(part) for part in parts)).encode()).digest()[0] / 256


def by_prompt(
    data_source: str, solution_str: str, ground_truth: str, extra_info: Any = None, **kwargs: Any
) -> float:
    """Solved or not: the prompt alone decides, so that two runs give the same feedback whatever the policy does."""
    return float(chance(data_source, ground_truth) < 0.5)


def graded_by_prompt(
    data_source: str, solution_str: str, ground_truth: str, extra_info: Any = None, **kwargs: Any
) -> float:
    """A share that the prompt alone decides, exact in single precision."""
    return chance(data_source, ground_truth)


def by_answer(
    data_source: str, solution_str: str, ground_truth: str, extra_info: Any = None, **kwargs: Any
) -> float:
    """Solved or not: gcd never is, elsewhere rollouts of one prompt differ."""
    return float(data_source != "gcd" and chance(solution_str) < 0.5)
