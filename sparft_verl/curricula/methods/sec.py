"""SEC, the self-evolving curriculum (arXiv 2505.14970): TD(0) on mean |advantage|, Boltzmann sampling of arms."""

from __future__ import annotations

from dataclasses import dataclass

from sparft_verl.bandit import Softmax
from sparft_verl.curricula import checks
from sparft_verl.curricula.choosers.arms import ArmPerSlot
from sparft_verl.curricula.compose import ComposedCurriculum, Parts
from sparft_verl.curricula.config import CurriculumConfig
from sparft_verl.curricula.estimators.td import StepValue
from sparft_verl.curricula.order import ShuffledOrder
from sparft_verl.curricula.pools import by_arm
from sparft_verl.curricula.quota import Scopes
from sparft_verl.curricula.registry import method
from sparft_verl.curricula.statistics import abs_advantage, abs_advantage_unnorm, variance
from sparft_verl.curricula.types import Arms

SIGNALS = {"abs_advantage": abs_advantage, "abs_advantage_unnorm": abs_advantage_unnorm, "variance": variance}


@dataclass(frozen=True)
class SecParams:
    """Settings of `sec`."""

    rate: float = 0.5
    """TD learning rate alpha, above 0 to 1; the paper's recipes use 0.5, its code 0.1 where nothing is set."""
    tau: float = 0.4
    """Temperature of the Boltzmann choice, in units of the signal, 1e-3 .. 1e6; the recipes use 0.2, 0.4 and 1."""
    absent: str = "keep"
    """Value of an arm that a step brought nothing of: `keep` leaves it, `decay` takes 0, as the published code does."""
    signal: str = "abs_advantage"
    """What an arm is worth: `abs_advantage`, `abs_advantage_unnorm` (not divided by the group's std) or `variance`."""

    def __post_init__(self) -> None:
        checks.number(self, "rate", 1e-6, 1.0)
        checks.number(self, "tau", 1e-3, 1e6)
        checks.one_of(self, "absent", ("keep", "decay"))
        checks.one_of(self, "signal", tuple(SIGNALS))


@method(
    "sec",
    "SEC: each slot draws an arm in proportion to exp(Q / tau), Q following the arm's mean |advantage|. For a few "
    "categories, e.g. difficulty levels, each large against its share of a batch.",
    SecParams,
)
def sec(config: CurriculumConfig, params: SecParams, arms: Arms) -> ComposedCurriculum:
    """Return Boltzmann sampling over TD(0) values; an arm that runs out is refilled without touching the others."""

    def parts(scopes: Scopes) -> Parts:
        order = ShuffledOrder(by_arm(arms, scopes), config.seed)
        estimator = StepValue(len(arms.names), rate=params.rate, decay=params.absent == "decay")
        chooser = ArmPerSlot(order, seed=config.seed, floor=config.floor)
        return Parts(
            SIGNALS[params.signal],
            estimator,
            chooser,
            lambda step: Softmax(estimator.value, params.tau),
            order,
        )

    return ComposedCurriculum(config, arms, parts)
