"""The recommended default: arms by how often their groups bring a signal, prompts unless their last ones did not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sparft_verl.bandit import Softmax
from sparft_verl.curricula import checks
from sparft_verl.curricula.choosers.arms import ArmPerSlot
from sparft_verl.curricula.compose import ComposedCurriculum, Parts
from sparft_verl.curricula.config import CurriculumConfig
from sparft_verl.curricula.estimators.signal import SignalRate
from sparft_verl.curricula.pools import by_arm
from sparft_verl.curricula.quota import Scopes
from sparft_verl.curricula.registry import method
from sparft_verl.curricula.skipping import SkippingOrder
from sparft_verl.curricula.statistics import mixed
from sparft_verl.curricula.types import F64, I64, Arms


@dataclass(frozen=True)
class AutoParams:
    """Settings of `auto`."""

    power: float = 2.0
    """How strongly arms are preferred whose groups are often mixed, 0 .. 16; 0 ignores what the groups say."""
    by_size: float = 0.5
    """How strongly large arms are preferred, 0 .. 1: 0 serves arms alike, 1 in proportion to their prompts."""
    discount: float = 0.98
    """What is kept of an arm's evidence from one step to the next, above 0 to 1; 1 never forgets."""
    retry: float = 0.6
    """A prompt whose last z groups were all solved or all failed is served with probability retry ** z, 0 to 1; 1
    never leaves one out."""

    def __post_init__(self) -> None:
        checks.number(self, "power", 0.0, 16.0)
        checks.number(self, "by_size", 0.0, 1.0)
        checks.number(self, "discount", 1e-3, 1.0)
        checks.number(self, "retry", 0.0, 1.0)


@method(
    "auto",
    "The recommended default: each slot draws an arm in proportion to (share of mixed groups) ** 2 * sqrt(size); "
    "prompts whose last groups all succeeded or all failed are mostly left out.",
    AutoParams,
)
def auto(config: CurriculumConfig, params: AutoParams, arms: Arms) -> ComposedCurriculum:
    """Return P(k) proportional to rate_k ** power * size_k ** by_size, and passes that skip as GRESO does."""
    size = params.by_size * np.log(np.maximum(arms.sizes, 1))

    def parts(scopes: Scopes) -> Parts:
        signal = SignalRate(arms.arm, len(arms.names), discount=params.discount)

        def chance(items: I64) -> F64:
            return np.power(params.retry, signal.streak(items).astype(np.float64))

        def belief(step: int) -> Softmax:
            return Softmax(params.power * np.log(signal.rate) + size)

        order = SkippingOrder(by_arm(arms, scopes), config.seed, chance)
        return Parts(mixed, signal, ArmPerSlot(order, seed=config.seed, floor=config.floor), belief, order)

    return ComposedCurriculum(config, arms, parts)
