"""A baseline: the difficulty's order, fixed before the run."""

from __future__ import annotations

from dataclasses import dataclass

from sparft_verl.curricula import checks
from sparft_verl.curricula.choosers.turn import InTurn
from sparft_verl.curricula.compose import ComposedCurriculum, Parts
from sparft_verl.curricula.config import CurriculumConfig
from sparft_verl.curricula.estimators.base import NoEstimator
from sparft_verl.curricula.methods.uniform import CHOOSES_NO_ARM
from sparft_verl.curricula.order import PassOrder, by_difficulty
from sparft_verl.curricula.pools import whole
from sparft_verl.curricula.quota import Scopes
from sparft_verl.curricula.registry import method
from sparft_verl.curricula.statistics import solve_rate
from sparft_verl.curricula.types import Arms


@dataclass(frozen=True)
class EasyToHardParams:
    """Settings of `easy_to_hard`."""

    reverse: bool = False
    """Whether the hardest prompts come first."""

    def __post_init__(self) -> None:
        checks.flag(self, "reverse")


@method(
    "easy_to_hard",
    "The selected prompts by rising difficulty, again and again: the classic curriculum, and a control for methods "
    "that adapt.",
    EasyToHardParams,
    refuses=CHOOSES_NO_ARM,
)
def easy_to_hard(config: CurriculumConfig, params: EasyToHardParams, arms: Arms) -> ComposedCurriculum:
    """Return one endless walk from easy to hard; equal difficulties in random order.

    Raises ValueError if no difficulty is known.
    """
    sequence = by_difficulty(arms, config.seed, hardest_first=params.reverse)

    def parts(scopes: Scopes) -> Parts:
        order = PassOrder(whole(scopes, sequence))
        chooser = InTurn(order, arms.arm, len(arms.names))
        return Parts(solve_rate, NoEstimator(), chooser, lambda step: None, order)

    return ComposedCurriculum(config, arms, parts)
