"""SPaCe's stand-in: solve rates and learning progress by the nearest published rule, that of PAC.

SPaCe (ACL Findings 2026, 2026.findings-acl.171, the later version of SPaRFT) allocates by solve rates and learning
progress, but its formula is not public. This is PAC (arXiv 2608.30528, Eq. 5-11, Algorithm 1), not SPaCe: results
obtained with it must not be called SPaCe's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sparft_verl.bandit import Kalman, Softmax
from sparft_verl.curricula import checks
from sparft_verl.curricula.choosers.arms import ArmPerSlot
from sparft_verl.curricula.compose import ComposedCurriculum, Parts
from sparft_verl.curricula.config import CurriculumConfig
from sparft_verl.curricula.estimators.kalman import ProgressBelief
from sparft_verl.curricula.order import ShuffledOrder
from sparft_verl.curricula.pools import by_arm
from sparft_verl.curricula.quota import Scopes
from sparft_verl.curricula.registry import method
from sparft_verl.curricula.statistics import abs_advantage
from sparft_verl.curricula.types import Arms


@dataclass(frozen=True)
class SpaceParams:
    """Settings of `space`."""

    window: int = 16
    """Optimiser steps over which |advantage| is averaged and progress is measured."""
    drift: float = 0.02
    """delta^2, what every step adds to the variance of every arm's belief, 0 .. 1e6."""
    cold_steps: int = 50
    """First optimiser steps in which arms are drawn uniformly while beliefs form already."""

    def __post_init__(self) -> None:
        checks.integer(self, "window", 2, 2**16)
        checks.number(self, "drift", 0.0, 1e6)
        checks.integer(self, "cold_steps", 0, 2**31)


@method(
    "space",
    "Learning progress, as a published stand-in (PAC) for SPaCe, whose own formula is not public: Thompson sampling "
    "towards arms with large |advantage| and rising solve rate. For arms that change much during the run.",
    SpaceParams,
)
def space(config: CurriculumConfig, params: SpaceParams, arms: Arms) -> ComposedCurriculum:
    """Return Thompson sampling, an arm for each slot, from PAC's random-walk beliefs."""

    def parts(scopes: Scopes) -> Parts:
        order = ShuffledOrder(by_arm(arms, scopes), config.seed)
        estimator = ProgressBelief(arms, window=params.window, drift=params.drift)
        chooser = ArmPerSlot(order, seed=config.seed, floor=config.floor)

        def belief(step: int) -> Kalman | Softmax:
            return (
                estimator.posterior()
                if step >= params.cold_steps
                else Softmax(np.zeros(len(arms.names)), 1.0)
            )

        return Parts(abs_advantage, estimator, chooser, belief, order)

    return ComposedCurriculum(config, arms, parts)
