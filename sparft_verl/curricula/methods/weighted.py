"""Data sources mixed by weights, fixed or changing with the step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sparft_verl.curricula import checks
from sparft_verl.curricula.choosers.turn import InTurn
from sparft_verl.curricula.compose import ComposedCurriculum, Parts
from sparft_verl.curricula.config import CurriculumConfig
from sparft_verl.curricula.estimators.base import NoEstimator
from sparft_verl.curricula.methods.uniform import CHOOSES_NO_ARM
from sparft_verl.curricula.order import ShuffledOrder
from sparft_verl.curricula.pools import whole
from sparft_verl.curricula.quota import Scopes
from sparft_verl.curricula.registry import method
from sparft_verl.curricula.schedule import knots
from sparft_verl.curricula.statistics import solve_rate
from sparft_verl.curricula.types import Arms


@dataclass(frozen=True)
class WeightedParams:
    """Settings of `weighted`."""

    weights: Mapping[str, Any] = field(default_factory=dict)
    """Weight by data source, {SOURCE: weight} or {SOURCE: [[step, weight], ...]} with straight lines in between."""
    other: float = 1.0
    """Weight of each data source that is not named."""

    def __post_init__(self) -> None:
        checks.mapping(self, "weights")
        for source, value in self.weights.items():
            knots(f"weights[{source!r}]", value, np.inf)
        checks.number(self, "other", 0.0, 1e9)


@method(
    "weighted",
    "Data sources in the proportion of their weights, which may change over the run; within a source every prompt "
    "equally often. When you know the mixture you want.",
    WeightedParams,
    refuses={**CHOOSES_NO_ARM, "quota": "its weights are the shares"},
)
def weighted(config: CurriculumConfig, params: WeightedParams, arms: Arms) -> ComposedCurriculum:
    """Return a mixture that keeps each source's share to within one prompt; weights need not sum to 1.

    Raises ValueError for a source that no selected prompt has, or if all weights are 0.
    """
    weights = {**dict.fromkeys(sorted(set(arms.source)), params.other), **params.weights}
    if not any(share > 0 for value in weights.values() for _, share in knots("weights", value, np.inf)):
        raise ValueError("weights: all are 0; give at least one data source a weight, or set other to 1")

    def parts(scopes: Scopes) -> Parts:
        scopes = Scopes(arms, weights, key="weights", rest=False)
        order = ShuffledOrder(whole(scopes), config.seed)
        chooser = InTurn(order, arms.arm, len(arms.names))
        return Parts(solve_rate, NoEstimator(), chooser, lambda step: None, order, scopes=scopes)

    return ComposedCurriculum(config, arms, parts)
