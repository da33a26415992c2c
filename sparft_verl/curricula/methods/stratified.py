"""A baseline: every arm equally often."""

from __future__ import annotations

from sparft_verl.curricula.choosers.even import EvenArms
from sparft_verl.curricula.compose import ComposedCurriculum, Parts
from sparft_verl.curricula.config import CurriculumConfig
from sparft_verl.curricula.estimators.mean import RunningMean
from sparft_verl.curricula.order import ShuffledOrder
from sparft_verl.curricula.pools import by_arm
from sparft_verl.curricula.quota import Scopes
from sparft_verl.curricula.registry import NoParams, method
from sparft_verl.curricula.statistics import solve_rate
from sparft_verl.curricula.types import Arms


@method(
    "stratified",
    "Every arm equally often, whatever its size, its prompts in a new random order each pass: the baseline that tells "
    "a bandit's choices from mere balance.",
    refuses={"floor": "every arm has the same share already", "cap": "every arm has the same share already"},
)
def stratified(config: CurriculumConfig, params: NoParams, arms: Arms) -> ComposedCurriculum:
    """Return arms in turn; a pull whose groups never come is made up for."""

    def parts(scopes: Scopes) -> Parts:
        order = ShuffledOrder(by_arm(arms, scopes), config.seed)
        estimator = RunningMean(len(arms.names), sigma=1.0)
        return Parts(
            solve_rate, estimator, EvenArms(order, seed=config.seed), lambda step: estimator.pulls, order
        )

    return ComposedCurriculum(config, arms, parts)
