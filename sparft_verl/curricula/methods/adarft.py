"""AdaRFT: the prompts nearest to a target difficulty that follows the mean reward (arXiv 2504.05520)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sparft_verl.curricula import checks
from sparft_verl.curricula.choosers.nearest import NearestPrompts
from sparft_verl.curricula.choosers.prompts import CHOOSES_PROMPTS
from sparft_verl.curricula.compose import ComposedCurriculum, Parts
from sparft_verl.curricula.config import CurriculumConfig
from sparft_verl.curricula.estimators.controller import Controller
from sparft_verl.curricula.quota import Scopes
from sparft_verl.curricula.registry import method
from sparft_verl.curricula.statistics import solve_rate
from sparft_verl.curricula.types import Arms


@dataclass(frozen=True)
class AdarftParams:
    """Settings of `adarft`; difficulties lie in [0, 1] here, where the paper has 0 to 100."""

    eta: float = 0.5
    """Largest move of the target in a step, in units of difficulty; the paper's 50 of 100."""
    alpha: float = 2.0
    """How steeply the move answers to the distance between mean reward and `beta`."""
    beta: float = 0.5
    """Mean reward at which the target stays."""
    start: float = 0.0
    """Target difficulty before the first step."""
    d_min: float = 0.0
    """Lowest target difficulty."""
    d_max: float = 1.0
    """Highest target difficulty."""

    def __post_init__(self) -> None:
        checks.number(self, "eta", 0.0, 1e6)
        checks.number(self, "alpha", 0.0, 1e6)
        for key in ("beta", "start", "d_min", "d_max"):
            checks.number(self, key, 0.0, 1.0)
        if not self.d_min <= self.start <= self.d_max:
            raise ValueError(
                f"start must lie in d_min .. d_max = {self.d_min} .. {self.d_max}, got {self.start}; move it"
            )


@method(
    "adarft",
    "AdaRFT: the prompts nearest to a target difficulty that rises while the mean reward is high. When difficulties "
    "are known and comparable.",
    AdarftParams,
    refuses=CHOOSES_PROMPTS,
)
def adarft(config: CurriculumConfig, params: AdarftParams, arms: Arms) -> ComposedCurriculum:
    """Return AdaRFT's controller; with an unchanged target the same prompts come again, unless `cooldown` is set.

    Raises ValueError if the difficulty of a prompt is unknown.
    """
    unknown = int(np.isnan(arms.difficulty).sum())
    if unknown:
        raise ValueError(
            f"adarft needs the difficulty of every prompt, and that of {unknown} of {len(arms.rows)} is unknown; run "
            "`sparft prepare` with difficulty.column=..., e.g. extra_info.difficulty, or choose another method"
        )

    def parts(scopes: Scopes) -> Parts:
        controller = Controller(
            start=params.start,
            eta=params.eta,
            alpha=params.alpha,
            beta=params.beta,
            low=params.d_min,
            high=params.d_max,
        )
        chooser = NearestPrompts(arms.difficulty, seed=config.seed)
        return Parts(solve_rate, controller, chooser, lambda step: controller.target)

    return ComposedCurriculum(config, arms, parts)
