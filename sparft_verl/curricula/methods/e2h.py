"""E2H Reasoner (arXiv 2506.06632): levels from easy to hard by a schedule over time, whatever the feedback."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparft_verl.curricula import checks
from sparft_verl.curricula.choosers.arms import ArmPerSlot
from sparft_verl.curricula.compose import ComposedCurriculum, Parts
from sparft_verl.curricula.config import CurriculumConfig
from sparft_verl.curricula.levels import Levels, levels_of
from sparft_verl.curricula.order import ShuffledOrder
from sparft_verl.curricula.pools import by_arm
from sparft_verl.curricula.quota import Scopes
from sparft_verl.curricula.registry import method
from sparft_verl.curricula.statistics import solve_rate
from sparft_verl.curricula.types import F64, Arms

SCHEDULES = ("classic", "balanced", "cosine", "gaussian")
NEVER = -1000.0
"""Log-probability of a neighbouring level under `classic`, times the distance: 0 as a number, yet when a level runs
out of prompts within a batch the nearest one takes its place."""


@dataclass(frozen=True)
class E2hParams:
    """Settings of `e2h`."""

    schedule: str = "gaussian"
    """`classic`: one level after the other; `balanced`: all alike; `cosine`: from easy to hard in one half-wave;
    `gaussian`: a bell that moves from easy to hard."""
    total_steps: int = 1600
    """Optimiser steps T over which the schedule runs; set it to those of your run. 0 = at its end from the start."""
    levels: Any = "difficulty"
    """Levels from easy to hard: arms by mean `difficulty`, by `name`, or a list of all arm names in that order."""
    mu_exp: float = 0.5
    """Exponent of `gaussian`: its centre lies at (t/T)^mu_exp of the way; below 1 it leaves the easy levels early."""
    sigma: float = 0.5
    """Width of the bell of `gaussian`, in levels."""
    min_prob: bool = True
    """Whether `gaussian` keeps every one of N levels at a probability of 2 / (N (N + 1)) or more."""

    def __post_init__(self) -> None:
        checks.one_of(self, "schedule", SCHEDULES)
        checks.integer(self, "total_steps", 0, 2**31)
        if isinstance(self.levels, Sequence) and not isinstance(self.levels, str):
            object.__setattr__(self, "levels", [str(name) for name in self.levels])
        elif self.levels not in ("difficulty", "name"):
            raise ValueError(
                f"levels must be difficulty, name or a list of all arm names, got {self.levels!r}"
            )
        checks.number(self, "mu_exp", 1e-3, 1e3)
        checks.number(self, "sigma", 1e-3, 1e3)
        checks.flag(self, "min_prob")


def log_probability(params: E2hParams, n: int, step: int) -> F64:
    """float64 [n]: log of each level's probability at `step`, up to a constant."""
    total = params.total_steps
    step = min(step, total)
    level, time = np.arange(n), step / total if total else 1.0
    if params.schedule == "classic":
        return NEVER * np.abs(level - min(step * n // total if total else n, n - 1))
    if params.schedule == "balanced":
        return np.zeros(n)
    least = 2.0 / (n * (n + 1))  # = 1/S, below which `cosine`, a mean of multiples of 1/S, never falls
    if params.schedule == "cosine":
        easy = 0.5 * (1.0 + np.cos(np.pi * time))
        return np.log(least * (easy * (n - level) + (1.0 - easy) * (level + 1)))
    log_bell = -0.5 * ((level - time**params.mu_exp * (n - 1)) / params.sigma) ** 2
    if not params.min_prob:
        return log_bell
    bell = np.exp(log_bell - log_bell.max())
    return np.log(least + (1.0 - n * least) * bell / bell.sum())


@method(
    "e2h",
    "E2H: each slot draws a difficulty level by a schedule from easy to hard over the run. Where levels are known and "
    "harder ones are learnt from easier ones; needs no feedback.",
    E2hParams,
)
def e2h(config: CurriculumConfig, params: E2hParams, arms: Arms) -> ComposedCurriculum:
    """Return categorical sampling of arms by a schedule; what has no prompt left gives its share to the others."""
    order_of_arms = levels_of(arms, params.levels)
    n, k = len(order_of_arms), len(arms.names)
    levels = Levels(order_of_arms, k, lambda step: log_probability(params, n, step), never=NEVER * k)

    def parts(scopes: Scopes) -> Parts:
        order = ShuffledOrder(by_arm(arms, scopes), config.seed)
        chooser = ArmPerSlot(order, seed=config.seed, floor=config.floor)
        return Parts(solve_rate, levels, chooser, levels.belief, order)

    return ComposedCurriculum(config, arms, parts)
