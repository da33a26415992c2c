"""SPaRFT's sampling towards arms that are neither solved nor unsolvable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sparft_verl.bandit import Learnability, Mixed, Target
from sparft_verl.curricula import checks
from sparft_verl.curricula.compose import ComposedCurriculum, Parts
from sparft_verl.curricula.config import CurriculumConfig
from sparft_verl.curricula.estimators.beta import BetaBelief
from sparft_verl.curricula.estimators.mean import RunningMean
from sparft_verl.curricula.methods.sparft import CHOICES, ArmParams
from sparft_verl.curricula.order import ShuffledOrder
from sparft_verl.curricula.pools import by_arm
from sparft_verl.curricula.quota import Scopes
from sparft_verl.curricula.registry import method
from sparft_verl.curricula.statistics import solve_rate
from sparft_verl.curricula.types import Arms


@dataclass(frozen=True)
class SparftTargetParams(ArmParams):
    """Settings of `sparft_target`."""

    utility: str = "target"
    """`target`: -|theta - target|; `learnability`: theta (1 - theta); `mixed`: the probability of a group neither
    all solved nor all failed. The last two order arms as target=0.5 does."""
    target: float = 0.5
    """Solve rate that `utility=target` steers towards, 0 .. 1."""
    group: int = 8
    """Rollouts of a group, for `utility=mixed`, 2 .. 32."""
    posterior: str = "beta"
    """`beta` counts every rollout; `gaussian` is SPaRFT's, with one observation a pull."""
    sigma: float = 1.0
    """Standard deviation of an arm's Gaussian posterior before its first pull, in units of solve rate, 1e-6 .. 1e6."""

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.one_of(self, "utility", ("target", "learnability", "mixed"))
        checks.number(self, "target", 0.0, 1.0)
        checks.integer(self, "group", 2, 32)
        checks.one_of(self, "posterior", ("beta", "gaussian"))
        checks.number(self, "sigma", 1e-6, 1e6)

    def function(self) -> Any:
        """Return the utility of a draw."""
        return {"target": Target(self.target), "learnability": Learnability(), "mixed": Mixed(self.group)}[
            self.utility
        ]


@method(
    "sparft_target",
    "Thompson sampling towards the arm whose solve rate is nearest a target. The safe choice of the family: it leaves "
    "solved and unsolvable arms by itself.",
    SparftTargetParams,
)
def sparft_target(config: CurriculumConfig, params: SparftTargetParams, arms: Arms) -> ComposedCurriculum:
    """Return Thompson sampling on the utility of a draw; an unseen Gaussian arm is taken to be at the target."""

    def parts(scopes: Scopes) -> Parts:
        order = ShuffledOrder(by_arm(arms, scopes), config.seed)
        tau = params.target if params.utility == "target" else 0.5
        estimator = (
            BetaBelief(len(arms.names), discount=params.discount)
            if params.posterior == "beta"
            else RunningMean(len(arms.names), params.sigma, params.discount, prior_mean=tau)
        )
        chooser = CHOICES[params.choice](
            order, seed=config.seed, utility=params.function(), floor=config.floor
        )
        return Parts(
            solve_rate,
            estimator,
            chooser,
            lambda step: estimator.posterior(),
            order,
            guard=params.guard(arms),
        )

    return ComposedCurriculum(config, arms, parts)
