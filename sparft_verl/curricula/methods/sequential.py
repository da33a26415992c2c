"""A baseline: the data's own order."""

from __future__ import annotations

import numpy as np

from sparft_verl.curricula.choosers.turn import InTurn
from sparft_verl.curricula.compose import ComposedCurriculum, Parts
from sparft_verl.curricula.config import CurriculumConfig
from sparft_verl.curricula.estimators.base import NoEstimator
from sparft_verl.curricula.methods.uniform import CHOOSES_NO_ARM
from sparft_verl.curricula.order import PassOrder
from sparft_verl.curricula.pools import whole
from sparft_verl.curricula.quota import Scopes
from sparft_verl.curricula.registry import NoParams, method
from sparft_verl.curricula.statistics import solve_rate
from sparft_verl.curricula.types import Arms


@method(
    "sequential",
    "The selected prompts in the order of the training data, again and again: for data whose order is the curriculum.",
    refuses=CHOOSES_NO_ARM,
)
def sequential(config: CurriculumConfig, params: NoParams, arms: Arms) -> ComposedCurriculum:
    """Return one endless walk through the rows."""

    def parts(scopes: Scopes) -> Parts:
        order = PassOrder(whole(scopes, np.argsort(arms.rows, kind="stable")))
        chooser = InTurn(order, arms.arm, len(arms.names))
        return Parts(solve_rate, NoEstimator(), chooser, lambda step: None, order)

    return ComposedCurriculum(config, arms, parts)
