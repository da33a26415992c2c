"""SPaRFT, literally (arXiv 2508.05015, Eq. 3-7), with optional discount, floor and all-zero guard."""

from __future__ import annotations

from dataclasses import dataclass

from sparft_verl.bandit import Gaussian
from sparft_verl.curricula import checks
from sparft_verl.curricula.choosers.arms import ArmPerBatch, ArmPerSlot
from sparft_verl.curricula.compose import ComposedCurriculum, Parts
from sparft_verl.curricula.config import CurriculumConfig
from sparft_verl.curricula.estimators.mean import RunningMean
from sparft_verl.curricula.guard import Guard
from sparft_verl.curricula.order import ShuffledOrder
from sparft_verl.curricula.pools import by_arm
from sparft_verl.curricula.quota import Scopes
from sparft_verl.curricula.registry import method
from sparft_verl.curricula.statistics import solve_rate
from sparft_verl.curricula.types import Arms

CHOICES = {"slot": ArmPerSlot, "batch": ArmPerBatch}


@dataclass(frozen=True)
class ArmParams:
    """What the whole family shares."""

    choice: str = "slot"
    """`slot` chooses an arm for each prompt of a batch; `batch`, the paper's, one arm for the whole batch."""
    discount: float = 1.0
    """What is kept of all evidence from one step to the next, above 0 to 1; 1 never forgets."""
    guard_rollouts: int = 0
    """An arm with this many scored rollouts and no success is held at the floor probability; 0 = no guard."""
    guard_every: int = 20
    """Steps between two slots that re-test an arm so held."""

    def __post_init__(self) -> None:
        checks.one_of(self, "choice", tuple(CHOICES))
        checks.number(self, "discount", 1e-3, 1.0)
        checks.integer(self, "guard_rollouts", 0, 2**31)
        checks.integer(self, "guard_every", 1, 2**31)

    def guard(self, arms: Arms) -> Guard | None:
        """Return the all-zero guard; None where it is switched off."""
        if not self.guard_rollouts:
            return None
        return Guard(len(arms.names), self.guard_rollouts, self.guard_every, self.discount)


@dataclass(frozen=True)
class SparftParams(ArmParams):
    """Settings of `sparft`."""

    sigma: float = 1.0
    """Standard deviation of an arm's Gaussian posterior before its first pull, in units of solve rate, 1e-6 .. 1e6."""

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.number(self, "sigma", 1e-6, 1e6)


@method(
    "sparft",
    "SPaRFT as published: Thompson sampling towards the arm with the lowest solve rate. To reproduce the paper, "
    "on prompts that the policy can solve sometimes; without guard_rollouts it stays with an arm it can never solve.",
    SparftParams,
)
def sparft(config: CurriculumConfig, params: SparftParams, arms: Arms) -> ComposedCurriculum:
    """Return Gaussian Thompson sampling, theta_k ~ N(-mean_k, sigma^2 / (pulls_k + 1)), over shuffled arms."""

    def parts(scopes: Scopes) -> Parts:
        order = ShuffledOrder(by_arm(arms, scopes), config.seed)
        estimator = RunningMean(len(arms.names), params.sigma, params.discount)
        chooser = CHOICES[params.choice](order, seed=config.seed, floor=config.floor)

        def belief(step: int) -> Gaussian:
            mean, sd = estimator.summary()
            return Gaussian(-mean, sd)  # Eq. 3: the less is solved, the better

        return Parts(solve_rate, estimator, chooser, belief, order, guard=params.guard(arms))

    return ComposedCurriculum(config, arms, parts)
