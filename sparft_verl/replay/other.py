"""Another policy along a logged history: what it would have chosen, and how likely it was to choose what was chosen."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from sparft_verl.bandit import Softmax
from sparft_verl.curricula import Curriculum, CurriculumConfig, build
from sparft_verl.curricula.compose import ComposedCurriculum
from sparft_verl.curricula.propensity import EXACT_ARMS
from sparft_verl.curricula.statistics import abs_advantage
from sparft_verl.curricula.types import F64, I32
from sparft_verl.journal import Record
from sparft_verl.replay.history import History, ReplayError
from sparft_verl.replay.value import Sample
from sparft_verl.telling import groups_of, new_of, tell

DRAWS = 1 << 16
"""Draws of a Monte-Carlo probability."""


@dataclass
class Walk:
    """Columns over the slots of all proposals, and shares by proposal."""

    step: list[int] = field(default_factory=list)
    """Step of each proposal."""
    logged_share: list[F64] = field(default_factory=list)
    other_share: list[F64] = field(default_factory=list)
    """float64 [K] by proposal: share of each arm in the batch."""
    odds: list[F64] = field(default_factory=list)
    """float64 [K] by proposal: probability of each arm at a slot, under the other policy; nan where unknown."""
    behaviour: list[F64] = field(default_factory=list)
    """float64 [n] by proposal: probability of the slot's arm under the logged one; nan where unknown."""
    target: list[F64] = field(default_factory=list)
    """float64 [n] by proposal: the same under the other one."""
    success: list[F64] = field(default_factory=list)
    signal: list[F64] = field(default_factory=list)
    """float64 [n] by proposal: solve rate and mean |advantage| of the slot's group; nan where none came."""
    monte_carlo_error: float = 0.0
    """Largest standard error of a probability that was estimated by draws; 0 = all were computed."""
    certain: bool = True
    """Whether all of the other policy's choices were settled beforehand, with probability 0 or 1."""
    ranks_prompts: bool = False
    """Whether the other policy ranks single prompts."""

    def sample(self) -> tuple[Sample, F64, F64]:
        """Return the slots that can be weighted, with solve rate and mean |advantage| of each."""
        cluster = np.repeat(np.arange(len(self.step)), [len(part) for part in self.behaviour])
        behaviour, target, success, signal = (
            np.concatenate(part) for part in (self.behaviour, self.target, self.success, self.signal)
        )
        usable = ~np.isnan(behaviour + target + success) & (behaviour > 0.0)
        weight = target[usable] / behaviour[usable]
        return Sample(weight, cluster[usable]), success[usable], signal[usable]


def walk(history: History, config: CurriculumConfig) -> Walk:
    """Return how a curriculum of `config`, told all that the logged one was told, would have chosen at each proposal.

    Raises ReplayError for a class of the user's own that is not composed of this package's parts.
    """
    other, logged = build(config, history.arms), build(history.config, history.arms)
    if not isinstance(other, ComposedCurriculum):
        raise ReplayError(
            f"{type(other).__name__} cannot be told another's choices; derive it from ComposedCurriculum"
        )
    out = Walk(ranks_prompts=other.ranks_prompts)
    outcomes = _outcomes(history)
    for record in history.events:
        if record.event != "propose":
            tell(other, record)
            tell(logged, record)
            continue
        arms: I32 = np.array(record["arms"], dtype=np.int32)
        behaviour, within = _behaviour(logged, record, arms, out)
        sampled = _sampled(other, out)
        mine, odds = other.retell(record["rows"])
        logged.propose(len(arms))
        odds = odds if sampled is None else sampled
        size = len(history.arms.names)
        odds = np.full(size, np.nan) if odds is None else odds
        out.step.append(int(record["step"]))
        out.logged_share.append(np.bincount(arms, minlength=size) / len(arms))
        out.other_share.append(np.bincount(mine.arms, minlength=size) / len(arms))
        out.odds.append(odds)
        out.behaviour.append(behaviour)
        out.target.append(odds[arms] * within)
        out.certain &= bool((mine.propensity == 1.0).all())
        came = [outcomes.get((record["ticket"], row), (np.nan, np.nan)) for row in record["rows"]]
        out.success.append(np.array([pair[0] for pair in came]))
        out.signal.append(np.array([pair[1] for pair in came]))
    return out


def _outcomes(history: History) -> dict[tuple[int, int], tuple[float, float]]:
    found: dict[tuple[int, int], tuple[float, float]] = {}
    for record in history.events:
        if record.event == "observe":
            groups = groups_of(record).take(new_of(record))
            rate, signal = groups.solved / groups.rollouts, abs_advantage(groups) / groups.rollouts
            keys = zip(groups.ticket.tolist(), groups.row.tolist(), strict=True)
            found |= dict(zip(keys, zip(rate.tolist(), signal.tolist(), strict=True), strict=True))
    return found


def _behaviour(logged: Curriculum, record: Record, arms: I32, out: Walk) -> tuple[F64, F64]:
    """Return two times float64 [n]: probability of each slot's arm and part of the prompts under the logged policy.

    And the share of that part (a data source, where sources have shares of their own) in the arm's prompts: what
    another policy, which draws from the whole arm, gives it.
    """
    sampled, one = _sampled(logged, out), np.ones(len(arms))
    if sampled is not None:
        return sampled[arms], one
    behaviour = np.array(record["propensity"], dtype=np.float64)  # null is nan
    if not isinstance(logged, ComposedCurriculum):
        return behaviour, one
    scope: I32 = logged.scope_of_item[logged.arms.items(np.array(record["rows"]))]
    if not logged.scope_of_item.any():  # all prompts are one part
        return behaviour, one
    size = len(logged.arms.names)
    cells = np.bincount(logged.scope_of_item.astype(np.int64) * size + logged.arms.arm)
    within = cells[scope.astype(np.int64) * size + arms] / logged.arms.sizes[arms]
    return behaviour * np.bincount(scope)[scope] / len(scope), within


def _sampled(curriculum: Curriculum, out: Walk) -> F64 | None:
    """float64 [K]: each arm's probability by draws, where there are too many arms to compute it; None elsewhere."""
    size = len(curriculum.arms.names)
    if size <= EXACT_ARMS or not isinstance(curriculum, ComposedCurriculum):
        return None
    if isinstance(curriculum.belief, Softmax) or (drawn := curriculum.sample_arms(DRAWS)) is None:
        return None
    odds = np.bincount(drawn, minlength=size) / DRAWS
    out.monte_carlo_error = max(out.monte_carlo_error, float(np.sqrt(odds * (1.0 - odds) / DRAWS).max()))
    return odds
