"""The baseline: every selected prompt equally often."""

from __future__ import annotations

import numpy as np

from sparft_verl.curricula.choosers import EveryPromptInTurn
from sparft_verl.curricula.compose import ComposedCurriculum, Parts
from sparft_verl.curricula.config import CurriculumConfig
from sparft_verl.curricula.estimators import RunningMean
from sparft_verl.curricula.order import ShuffledOrder
from sparft_verl.curricula.registry import method
from sparft_verl.curricula.statistics import solve_rate
from sparft_verl.curricula.types import Arms
from sparft_verl.curricula.utilities import negated


@method("uniform", "Every selected prompt once, in a new random order each pass: the baseline to beat.")
def uniform(config: CurriculumConfig, arms: Arms) -> ComposedCurriculum:
    """Return one endless shuffle of all prompts; solve rates are estimated for the record only.

    Raises ValueError for choice=batch: no arm is chosen here.
    """
    if config.choice != "slot":
        raise ValueError(
            f"choice={config.choice!r} means nothing to method 'uniform', which chooses no arm; drop it"
        )

    def parts() -> Parts:
        order = ShuffledOrder([np.arange(len(arms.rows))], config.seed)
        return Parts(
            statistic=solve_rate,
            estimator=RunningMean(len(arms.names), config.sigma),
            utility=negated,
            order=order,
            chooser=EveryPromptInTurn(order, arms.arm, arms.sizes, config.seed, config.repeat),
        )

    return ComposedCurriculum(config, arms, parts)
