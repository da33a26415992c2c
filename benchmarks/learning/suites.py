"""Which runs answer which question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.learning.spec import SHARES, Spec

HEADLINE_SEEDS = tuple(range(10))
EXPLORATORY_SEEDS = (0, 1, 2)
REGIME_SEEDS = (0, 1, 2, 3)
UNIFORM = {"method": "uniform"}
PAPER = {"items": "selected", "budget": 100, "arms": "clusters"}
"""SPaRFT's stage A: ten clusters (the default K), a hundred prompts."""
CATEGORIES = {"arms": "categories"}
"""What SEC and DUMP are given: the data set's own categories, all prompts."""
CLEANED = {"arms": "clusters", "prepare": {"cluster.k": 20}}
"""Ours: all prompts that cleaning leaves, in twenty clusters."""
OURS = {"method": "sparft_target", "utility": "learnability", "discount": 0.9, "floor": 0.01}
"""The present guess: Thompson sampling on p (1 - p) that forgets, and starves no arm."""


@dataclass(frozen=True)
class Way:
    """One method: its curriculum and the fields of its Spec."""

    curriculum: Mapping[str, Any]
    fields: Mapping[str, Any]

    def spec(self, label: str, seed: int, **others: Any) -> Spec:
        """Return one run of it."""
        fields = {**self.fields, **others}
        return Spec.of(label, seed, self.curriculum, fields.pop("prepare", None), **fields)

    def but(self, curriculum: Mapping[str, Any] | None = None, **fields: Any) -> Way:
        """Return it with some settings replaced; those of stage A are merged."""
        merged = {**self.fields, **fields}
        if "prepare" in fields:
            merged["prepare"] = {**self.fields.get("prepare", {}), **fields["prepare"]}
        return Way({**self.curriculum, **(curriculum or {})}, merged)


HEADLINE: dict[str, Way] = {
    "uniform-full": Way(UNIFORM, {}),
    "uniform-selected": Way(UNIFORM, PAPER),
    "sparft": Way({"method": "sparft", "choice": "batch"}, PAPER),
    "sec": Way({"method": "sec"}, CATEGORIES),
    "dump": Way({"method": "dump"}, CATEGORIES),
    "ours": Way(OURS, CLEANED),
}

EXPLORATORY: dict[str, Way] = {
    "uniform-cleaned": Way(UNIFORM, CLEANED),
    "uniform-random-100": Way(UNIFORM, {"items": "random", "budget": 100}),
    "uniform-stratified-100": Way(UNIFORM, {"items": "stratified", "budget": 100}),
    "stratified": Way({"method": "stratified"}, CATEGORIES),
    "easy_to_hard": Way({"method": "easy_to_hard"}, {}),
    "sparft-guarded": Way({"method": "sparft", "choice": "batch", "guard_rollouts": 64}, PAPER),
    "sparft_beta": Way({"method": "sparft_beta", "guard_rollouts": 64}, PAPER),
    "sparft_target": Way({"method": "sparft_target"}, PAPER),
    "space": Way({"method": "space"}, CATEGORIES),
    "adarft": Way({"method": "adarft"}, {}),
    "bots": Way({"method": "bots"}, {}),
    "mapp": Way({"method": "mapp"}, {}),
    "dapo": Way({"method": "uniform", "gate": "dapo"}, {}),
}

_OURS = HEADLINE["ours"]
ABLATIONS: dict[str, Way] = {
    "K=5": _OURS.but(prepare={"cluster.k": 5}),
    "K=10": _OURS.but(prepare={"cluster.k": 10}),
    "K=40": _OURS.but(prepare={"cluster.k": 40}),
    "items 5 per cluster": _OURS.but(items="selected", budget=100),
    "items 15 per cluster": _OURS.but(items="selected", budget=300),
    "PCA 4": _OURS.but(prepare={"features.min_dim": 4, "features.max_dim": 4}),
    "difficulty weight 0": _OURS.but(prepare={"features.difficulty_weight": 0.0}),
    "difficulty weight 2": _OURS.but(prepare={"features.difficulty_weight": 2.0}),
    "difficulty by 8 rollouts": _OURS.but(prepare={"rollouts": 8}),
    "difficulty noise 0.3": _OURS.but(prepare={"noise": 0.3}),
    "selection random": _OURS.but(items="selected", budget=100, prepare={"select.strategy": "random"}),
    "discount 1": _OURS.but({"discount": 1.0}),
    "discount 0.7": _OURS.but({"discount": 0.7}),
    "floor 0": _OURS.but({"floor": 0.0}),
    "utility target": _OURS.but({"utility": "target"}),
    "gaussian": _OURS.but({"posterior": "gaussian"}),
    "choice batch": _OURS.but({"choice": "batch"}),
    "no clustering: categories": Way(OURS, CATEGORIES),
    "feedback 4 late": _OURS.but(delay=4),
    "feedback 16 late": _OURS.but(delay=16),
}

Suite = Sequence[Spec]


def _suite(ways: Mapping[str, Way], seeds: Sequence[int], **fields: Any) -> list[Spec]:
    """Seed by seed, so that a suite broken off has all methods of the seeds that it has."""
    return [way.spec(label, seed, **fields) for seed in seeds for label, way in ways.items()]


def _ours_and(ways: Mapping[str, Way]) -> dict[str, Way]:
    return {name: HEADLINE[name] for name in ("uniform-full", "ours")} | dict(ways)


SUITES: dict[str, Suite] = {
    "cost": _suite(HEADLINE, (0,), useless=0.6),
    "regime": [
        spec
        for useless in (0.0, 0.3)
        for spec in _suite({"uniform-full": HEADLINE["uniform-full"]}, REGIME_SEEDS, useless=useless)
    ],
    "headline": _suite(HEADLINE, HEADLINE_SEEDS, useless=0.6),
    "shares": [
        spec
        for useless in SHARES
        if useless != 0.6
        for spec in _suite(HEADLINE, HEADLINE_SEEDS, useless=useless)
    ],
    "exploratory": _suite(_ours_and(EXPLORATORY), EXPLORATORY_SEEDS, useless=0.6),
    "ablations": _suite(_ours_and(ABLATIONS), EXPLORATORY_SEEDS, useless=0.6),
}
"""Runs by question; equal runs of two suites are one in the store."""

QUICK = _suite({name: HEADLINE[name] for name in ("uniform-full", "ours")}, (0,), useless=0.3, updates=20)
"""What `--quick` runs: a look at whether the machinery works, no evidence."""
