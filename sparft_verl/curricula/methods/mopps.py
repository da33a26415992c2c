"""MoPPS: a Beta belief about each prompt, the candidates drawn nearest to one half (arXiv 2507.04632)."""

from __future__ import annotations

from dataclasses import dataclass

from sparft_verl.bandit import Target
from sparft_verl.curricula import checks
from sparft_verl.curricula.choosers.candidates import CandidatePrompts, by_draw, in_band
from sparft_verl.curricula.choosers.prompts import CHOOSES_PROMPTS
from sparft_verl.curricula.compose import ComposedCurriculum, Parts
from sparft_verl.curricula.config import CurriculumConfig
from sparft_verl.curricula.estimators.beta import BetaBelief
from sparft_verl.curricula.order import ShuffledOrder
from sparft_verl.curricula.pools import whole
from sparft_verl.curricula.quota import Scopes
from sparft_verl.curricula.registry import method
from sparft_verl.curricula.statistics import solve_rate
from sparft_verl.curricula.types import Arms


@dataclass(frozen=True)
class MoppsParams:
    """Settings of `mopps`."""

    keep: float = 1.0
    """The paper's lambda: what is kept of a prompt's evidence in a step that brings it a new group, 0 to 1. The paper
    has 1 on mathematics and .5 on Countdown and geometry; at 1 a prompt once found hopeless stays retired."""
    pool_ratio: int = 16
    """Candidates for each prompt of the batch; 0 makes every prompt a candidate."""
    rule: str = "nearest"
    """`nearest` takes the draws nearest to `target`; `band` random ones within `low` .. `high`, then those."""
    target: float = 0.5
    """Solve rate to which the drawn one shall be near."""
    low: float = 0.3
    """Lower end of the band."""
    high: float = 0.7
    """Upper end of the band."""

    def __post_init__(self) -> None:
        checks.number(self, "keep", 0.0, 1.0)
        checks.integer(self, "pool_ratio", 0, 2**20)
        checks.one_of(self, "rule", ("nearest", "band"))
        for key in ("target", "low", "high"):
            checks.number(self, key, 0.0, 1.0)
        if self.low > self.high:
            raise ValueError(f"low must not exceed high, got {self.low} > {self.high}; swap them")


@method(
    "mopps",
    "MoPPS: of a random pool of candidates the prompts whose drawn solve rate is nearest to one half. When prompts are "
    "many and the solve rate of each has to be learned on the way.",
    MoppsParams,
    refuses=CHOOSES_PROMPTS,
)
def mopps(config: CurriculumConfig, params: MoppsParams, arms: Arms) -> ComposedCurriculum:
    """Return MoPPS; candidates come in passes over all prompts."""
    rank = by_draw(Target(params.target))
    if params.rule == "band":
        rank = in_band(params.low, params.high, params.target)

    def parts(scopes: Scopes) -> Parts:
        order = ShuffledOrder(whole(scopes), config.seed)
        belief = BetaBelief(len(arms.rows), keep=params.keep, per_prompt=True)
        chooser = CandidatePrompts(order, rank, seed=config.seed, pool=params.pool_ratio)
        return Parts(solve_rate, belief, chooser, lambda step: belief.posterior(), order)

    return ComposedCurriculum(config, arms, parts)
