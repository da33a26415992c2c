"""MaPP: prompts in proportion to the probability that their group is mixed, under a Beta belief about each."""

from __future__ import annotations

from dataclasses import dataclass

from sparft_verl.bandit import MixedProportional
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
class MappParams:
    """Settings of `mapp`."""

    group: int = 8
    """Rollouts of a group, the trainer's rollout.n: a group is mixed if it neither all succeeds nor all fails."""
    keep: float = 1.0
    """What is kept of a prompt's evidence in a step that brings it a new group, 0 to 1; 1 never forgets."""

    def __post_init__(self) -> None:
        checks.integer(self, "group", 2, 1024)
        checks.number(self, "keep", 0.0, 1.0)


@method(
    "mapp",
    "MaPP: prompts in proportion to the probability that their group will be mixed. When prompts are many and no "
    "target solve rate shall be set.",
    MappParams,
    refuses=CHOOSES_PROMPTS,
)
def mapp(config: CurriculumConfig, params: MappParams, arms: Arms) -> ComposedCurriculum:
    """Return MaPP: V = 1 - B(a+G, b)/B(a, b) - B(a, b+G)/B(a, b), sampled without replacement in proportion to V."""

    def parts(scopes: Scopes) -> Parts:
        beta = BetaBelief(len(arms.rows), keep=params.keep, per_prompt=True)

        def belief(step: int) -> MixedProportional:
            now = beta.posterior()
            return MixedProportional(
                now.success,
                now.failure,
                group=params.group,
                scale=now.scale,
                prior_success=now.prior_success,
                prior_failure=now.prior_failure,
            )

        return Parts(solve_rate, beta, TopPrompts(seed=config.seed), belief)

    return ComposedCurriculum(config, arms, parts)
