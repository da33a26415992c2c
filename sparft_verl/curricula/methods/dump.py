"""DUMP (arXiv 2504.09710): a sliding window of |advantage| and a bonus for the rarely seen, softmax over arms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sparft_verl.bandit import Softmax
from sparft_verl.curricula import checks
from sparft_verl.curricula.choosers.arms import ArmPerSlot
from sparft_verl.curricula.compose import ComposedCurriculum, Parts
from sparft_verl.curricula.config import CurriculumConfig
from sparft_verl.curricula.estimators.window import Window
from sparft_verl.curricula.order import Order, ReplacementOrder, ShuffledOrder
from sparft_verl.curricula.pools import by_arm
from sparft_verl.curricula.quota import Scopes
from sparft_verl.curricula.registry import method
from sparft_verl.curricula.statistics import abs_advantage
from sparft_verl.curricula.types import F64, Arms


@dataclass(frozen=True)
class DumpParams:
    """Settings of `dump`."""

    window: int = 300
    """How many of an arm's last observations its mean is taken over."""
    unit: str = "rollouts"
    """What an observation is, in window and bonus: `rollouts`, as in the code of the paper, or `prompts`."""
    tau: float = 0.1
    """Temperature of the softmax over mean plus bonus, 1e-3 .. 1e6."""
    replacement: bool = True
    """Whether prompts of an arm are drawn anew each time, as published, or in passes without repetition."""

    def __post_init__(self) -> None:
        checks.integer(self, "window", 1, 2**16)
        checks.one_of(self, "unit", ("rollouts", "prompts"))
        checks.number(self, "tau", 1e-3, 1e6)
        checks.flag(self, "replacement")


def bonus(seen: F64) -> F64:
    """float64 [K]: sqrt(2 ln(n + 1) / (n_k + 1)), n the sum over arms of n_k, `seen` (Eq. 3)."""
    return np.sqrt(2.0 * np.log1p(seen.sum()) / (seen + 1.0))


@method(
    "dump",
    "DUMP: each slot draws an arm by a softmax over the mean |advantage| of its last observations plus a bonus for "
    "arms seen rarely. For data from many sources of unknown and changing value.",
    DumpParams,
)
def dump(config: CurriculumConfig, params: DumpParams, arms: Arms) -> ComposedCurriculum:
    """Return softmax sampling over UCB values; counts move at the proposal, so that a new arm is tried, not flooded."""

    def parts(scopes: Scopes) -> Parts:
        pools = by_arm(arms, scopes)
        order: Order = (ReplacementOrder if params.replacement else ShuffledOrder)(pools, config.seed)
        estimator = Window(len(arms.names), params.window, groups=params.unit == "prompts")
        chooser = ArmPerSlot(order, seed=config.seed, floor=config.floor)

        def belief(step: int) -> Softmax:
            return Softmax(estimator.mean + bonus(estimator.seen), params.tau)

        return Parts(abs_advantage, estimator, chooser, belief, order)

    return ComposedCurriculum(config, arms, parts)
