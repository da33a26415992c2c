"""Utilities: what a belief about a statistic is worth to the curriculum; choosers maximise it."""

from __future__ import annotations

from collections.abc import Callable

from sparft_verl.curricula.types import F64

Utility = Callable[[F64, F64], tuple[F64, F64]]
"""(mean, deviation) of the statistic, float64 [A] each -> (mean, deviation) of the utility."""


def negated(mean: F64, sd: F64) -> tuple[F64, F64]:
    """Return the belief about minus the statistic (SPaRFT Eq. 3: the less is solved, the better)."""
    return -mean, sd
