"""The baseline: every selected prompt equally often."""

from __future__ import annotations

from sparft_verl.curricula.choosers.turn import InTurn
from sparft_verl.curricula.compose import ComposedCurriculum, Parts
from sparft_verl.curricula.config import CurriculumConfig
from sparft_verl.curricula.estimators.base import NoEstimator
from sparft_verl.curricula.order import ShuffledOrder
from sparft_verl.curricula.pools import whole
from sparft_verl.curricula.quota import Scopes
from sparft_verl.curricula.registry import NoParams, method
from sparft_verl.curricula.statistics import solve_rate
from sparft_verl.curricula.types import Arms

CHOOSES_NO_ARM = {
    "floor": "it chooses no arm",
    "cap": "it chooses no arm",
}


@method(
    "uniform",
    "Every selected prompt once, in a new random order each pass: the baseline to beat.",
    refuses=CHOOSES_NO_ARM,
)
def uniform(config: CurriculumConfig, params: NoParams, arms: Arms) -> ComposedCurriculum:
    """Return one endless shuffle of all prompts; solve rates are recorded and change nothing."""

    def parts(scopes: Scopes) -> Parts:
        order = ShuffledOrder(whole(scopes), config.seed)
        chooser = InTurn(order, arms.arm, len(arms.names))
        return Parts(solve_rate, NoEstimator(), chooser, lambda step: None, order)

    return ComposedCurriculum(config, arms, parts)
