"""Prioritised sampling as reported of Kimi k1.5: prompts in proportion to 1 - solve rate (arXiv 2501.12599)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sparft_verl.bandit import Softmax
from sparft_verl.curricula import checks
from sparft_verl.curricula.choosers.prompts import CHOOSES_PROMPTS, TopPrompts
from sparft_verl.curricula.compose import ComposedCurriculum, Parts
from sparft_verl.curricula.config import CurriculumConfig
from sparft_verl.curricula.estimators.beta import BetaBelief
from sparft_verl.curricula.quota import Scopes
from sparft_verl.curricula.registry import method
from sparft_verl.curricula.statistics import solve_rate
from sparft_verl.curricula.types import Arms


@dataclass(frozen=True)
class KimiParams:
    """Settings of `kimi`."""

    most: float = 1.0
    """Largest weight: one above it counts as this. At .5 a prompt that is never solved comes no more often than one
    solved half of the time; at 1, the rule as reported, it comes most often of all."""

    def __post_init__(self) -> None:
        checks.number(self, "most", 1e-6, 1.0)


@method(
    "kimi",
    "Prompts in proportion to one minus their solve rate. When every prompt can be solved at times: an unsolvable one "
    "has the largest weight, the trap of literal SPaRFT.",
    KimiParams,
    refuses=CHOOSES_PROMPTS,
)
def kimi(config: CurriculumConfig, params: KimiParams, arms: Arms) -> ComposedCurriculum:
    """Return sampling without replacement with weight min(1 - s, most); s = (successes + 1) / (rollouts + 2)."""

    def parts(scopes: Scopes) -> Parts:
        beta = BetaBelief(len(arms.rows), per_prompt=True)

        def belief(step: int) -> Softmax:
            now = beta.posterior()
            failure = now.prior_failure + now.scale * now.failure
            weight = failure / (failure + now.prior_success + now.scale * now.success)
            return Softmax(np.log(np.minimum(weight, params.most)), 1.0)

        return Parts(solve_rate, beta, TopPrompts(seed=config.seed), belief)

    return ComposedCurriculum(config, arms, parts)
