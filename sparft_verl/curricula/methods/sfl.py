"""Sampling for learnability: the largest p (1 - p) of a pool of candidates, mixed with uniform prompts (2502.12272)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sparft_verl.bandit import Fixed, Learnability, choose_top
from sparft_verl.curricula import checks
from sparft_verl.curricula.choosers.candidates import CandidatePrompts
from sparft_verl.curricula.choosers.prompts import CHOOSES_PROMPTS
from sparft_verl.curricula.compose import ComposedCurriculum, Parts
from sparft_verl.curricula.config import CurriculumConfig
from sparft_verl.curricula.estimators.beta import BetaBelief
from sparft_verl.curricula.order import Mask, ShuffledOrder
from sparft_verl.curricula.pools import whole
from sparft_verl.curricula.quota import Scopes
from sparft_verl.curricula.registry import method
from sparft_verl.curricula.statistics import solve_rate
from sparft_verl.curricula.types import I64, Arms


@dataclass(frozen=True)
class SflParams:
    """Settings of `sfl`."""

    uniform: float = 0.5
    """Share of each batch that is drawn uniformly, rounded to a prompt."""
    pool_ratio: int = 16
    """Candidates for each prompt of the other share; 0 makes every prompt a candidate."""
    keep: float = 0.0
    """What is kept of a prompt's older groups when it has a new one; 0 estimates p from the latest group alone."""

    def __post_init__(self) -> None:
        checks.number(self, "uniform", 0.0, 1.0)
        checks.integer(self, "pool_ratio", 0, 2**20)
        checks.number(self, "keep", 0.0, 1.0)


def most_learnable(belief: Any, n: int, open: Mask | None, key: dict[str, Any]) -> I64:
    """int64 [n]: the largest p (1 - p), p the observed solve rate; 1/4 for a prompt that was never observed."""
    observed = belief.success + belief.failure
    p = np.divide(belief.success, observed, out=np.full(len(observed), 0.5), where=observed > 0)
    return choose_top(Fixed(p), n, open=open, utility=Learnability(), **key)


@method(
    "sfl",
    "Sampling for learnability: the prompts with the largest p (1 - p), and a uniform share. When solve rates are "
    "stable enough that a prompt's last group tells the next one.",
    SflParams,
    refuses=CHOOSES_PROMPTS,
)
def sfl(config: CurriculumConfig, params: SflParams, arms: Arms) -> ComposedCurriculum:
    """Return SFL on the training groups' own scores: no rollouts are spent on probing candidates."""

    def parts(scopes: Scopes) -> Parts:
        order = ShuffledOrder(whole(scopes), config.seed)
        belief = BetaBelief(len(arms.rows), keep=params.keep, per_prompt=True)
        chooser = CandidatePrompts(
            order, most_learnable, seed=config.seed, pool=params.pool_ratio, uniform=params.uniform
        )
        return Parts(solve_rate, belief, chooser, lambda step: belief.posterior(), order)

    return ComposedCurriculum(config, arms, parts)
