"""A curriculum as a user may write one: arms in proportion to exp(mean |advantage| / temperature)."""

from sparft_verl.bandit import Softmax
from sparft_verl.curricula import Arms, CurriculumConfig
from sparft_verl.curricula.choosers.arms import ArmPerSlot
from sparft_verl.curricula.compose import ComposedCurriculum, Parts
from sparft_verl.curricula.estimators.mean import RunningMean
from sparft_verl.curricula.order import ShuffledOrder
from sparft_verl.curricula.pools import by_arm
from sparft_verl.curricula.quota import Scopes
from sparft_verl.curricula.statistics import abs_advantage


class Signal(ComposedCurriculum):
    """The README's own example."""

    def __init__(self, config: CurriculumConfig, arms: Arms) -> None:
        def parts(scopes: Scopes) -> Parts:
            order = ShuffledOrder(by_arm(arms, scopes), config.seed)
            mean = RunningMean(len(arms.names), sigma=1.0)
            return Parts(
                abs_advantage,
                mean,
                ArmPerSlot(order, seed=config.seed, floor=config.floor),
                lambda step: Softmax(mean.summary()[0], config.params.options["temperature"]),
                order,
            )

        super().__init__(config, arms, parts)
