"""SPaRFT with the posterior that fits successes: Beta-Bernoulli instead of Gaussian."""

from __future__ import annotations

from dataclasses import dataclass

from sparft_verl.bandit import Negative
from sparft_verl.curricula import checks
from sparft_verl.curricula.compose import ComposedCurriculum, Parts
from sparft_verl.curricula.config import CurriculumConfig
from sparft_verl.curricula.estimators.beta import BetaBelief
from sparft_verl.curricula.methods.sparft import CHOICES, ArmParams
from sparft_verl.curricula.order import ShuffledOrder
from sparft_verl.curricula.pools import by_arm
from sparft_verl.curricula.quota import Scopes
from sparft_verl.curricula.registry import method
from sparft_verl.curricula.statistics import solve_rate
from sparft_verl.curricula.types import Arms


@dataclass(frozen=True)
class SparftBetaParams(ArmParams):
    """Settings of `sparft_beta`."""

    prior_success: float = 1.0
    """Successes that every arm is taken to have had before the first rollout, 0.01 .. 1e6."""
    prior_failure: float = 1.0
    """Failures that every arm is taken to have had before the first rollout, 0.01 .. 1e6."""

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.number(self, "prior_success", 0.01, 1e6)
        checks.number(self, "prior_failure", 0.01, 1e6)


@method(
    "sparft_beta",
    "SPaRFT's rule with a Beta posterior that counts every rollout. When rewards are 0 or 1 and arms should be told "
    "apart quickly; set guard_rollouts where some arm may be unsolvable.",
    SparftBetaParams,
)
def sparft_beta(config: CurriculumConfig, params: SparftBetaParams, arms: Arms) -> ComposedCurriculum:
    """Return Thompson sampling towards the lowest theta_k ~ Beta(prior + successes_k, prior + failures_k)."""

    def parts(scopes: Scopes) -> Parts:
        order = ShuffledOrder(by_arm(arms, scopes), config.seed)
        estimator = BetaBelief(
            len(arms.names), prior=(params.prior_success, params.prior_failure), discount=params.discount
        )
        chooser = CHOICES[params.choice](order, seed=config.seed, utility=Negative(), floor=config.floor)
        return Parts(
            solve_rate,
            estimator,
            chooser,
            lambda step: estimator.posterior(),
            order,
            guard=params.guard(arms),
        )

    return ComposedCurriculum(config, arms, parts)
