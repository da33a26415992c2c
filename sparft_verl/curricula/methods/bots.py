"""BOTS: Thompson sampling towards a target solve rate, on direct and interpolated evidence (arXiv 2510.26374)."""

from __future__ import annotations

from dataclasses import dataclass

from sparft_verl.bandit import Target
from sparft_verl.curricula import checks
from sparft_verl.curricula.choosers.prompts import CHOOSES_PROMPTS, TopPrompts
from sparft_verl.curricula.compose import ComposedCurriculum, Parts
from sparft_verl.curricula.config import CurriculumConfig
from sparft_verl.curricula.estimators.implicit import InterpolatedBeta
from sparft_verl.curricula.quota import Scopes
from sparft_verl.curricula.registry import method
from sparft_verl.curricula.statistics import solve_rate
from sparft_verl.curricula.types import Arms


@dataclass(frozen=True)
class BotsParams:
    """Settings of `bots`."""

    decay: float = 0.1
    """The paper's lambda: share of a prompt's evidence that is forgotten every step, 0 to .999."""
    rho: float = 0.0
    """Weight of evidence interpolated between two reference models' pass rates, 0 to 1; the paper has .1. Above 0 it
    needs these pass rates (`Arms.references`)."""
    rollouts: int = 16
    """Rollouts that a prompt's interpolated solve rate counts as, before `rho`: the trainer's rollout.n."""
    target: float = 0.5
    """Solve rate to which the drawn one shall be near."""

    def __post_init__(self) -> None:
        checks.number(self, "decay", 0.0, 0.999)
        checks.number(self, "rho", 0.0, 1.0)
        checks.integer(self, "rollouts", 1, 2**16)
        checks.number(self, "target", 0.0, 1.0)


@method(
    "bots",
    "BOTS: a discounted Beta belief about each prompt, the draws nearest to a target solve rate. When prompts differ "
    "within an arm and each comes round many times, or two reference models were run.",
    BotsParams,
    refuses=CHOOSES_PROMPTS,
)
def bots(config: CurriculumConfig, params: BotsParams, arms: Arms) -> ComposedCurriculum:
    """Return BOTS; raises ValueError if `rho` is above 0 and there are no reference pass rates."""
    if params.rho > 0.0 and arms.references is None:
        raise ValueError(
            f"rho={params.rho:g} needs the pass rates of two reference models for every prompt, and there are none; "
            "give Arms.references, or set curriculum.rho=0: direct evidence only"
        )

    def parts(scopes: Scopes) -> Parts:
        belief = InterpolatedBeta(
            len(arms.rows),
            decay=params.decay,
            rho=params.rho,
            rollouts=params.rollouts,
            references=arms.references,
        )
        chooser = TopPrompts(seed=config.seed, utility=Target(params.target))
        return Parts(solve_rate, belief, chooser, lambda step: belief.posterior())

    return ComposedCurriculum(config, arms, parts)
