"""SPaRFT, literally (arXiv 2508.05015, Eq. 3-7)."""

from __future__ import annotations

import numpy as np

from sparft_verl.curricula.choosers import ThompsonPerBatch, ThompsonPerSlot
from sparft_verl.curricula.compose import ComposedCurriculum, Parts
from sparft_verl.curricula.config import CurriculumConfig
from sparft_verl.curricula.estimators import RunningMean
from sparft_verl.curricula.order import ShuffledOrder
from sparft_verl.curricula.registry import method
from sparft_verl.curricula.statistics import solve_rate
from sparft_verl.curricula.types import Arms
from sparft_verl.curricula.utilities import negated


@method(
    "sparft",
    "SPaRFT as published: Thompson sampling towards the arm with the lowest solve rate. To reproduce the paper, "
    "on prompts that the policy can solve sometimes; it stays with an arm it can never solve.",
)
def sparft(config: CurriculumConfig, arms: Arms) -> ComposedCurriculum:
    """Return Gaussian Thompson sampling, theta_k ~ N(-mean_k, sigma^2 / (pulls_k + 1)), over shuffled arms."""
    chooser = {"slot": ThompsonPerSlot, "batch": ThompsonPerBatch}[config.choice]

    def parts() -> Parts:
        pools = [np.flatnonzero(arms.arm == k) for k in range(len(arms.names))]
        order = ShuffledOrder(pools, config.seed)
        return Parts(
            statistic=solve_rate,
            estimator=RunningMean(len(arms.names), config.sigma),
            utility=negated,
            order=order,
            chooser=chooser(order, arms.arm, arms.sizes, config.seed, config.repeat),
        )

    return ComposedCurriculum(config, arms, parts)
