"""Which runs answer which question."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.learning.spec import SHARES, Spec

CONFIRMATION = Path(__file__).with_name("confirmation.json")
"""What was committed before the confirmation families were first run: families, shares, seeds, metric, candidate."""

HEADLINE_SEEDS = tuple(range(10))
EXPLORATORY_SEEDS = (0, 1, 2)
REGIME_SEEDS = (0, 1, 2, 3)
SHARE_SEEDS = (0, 1, 2, 3, 4)
UNIFORM = {"method": "uniform"}
AUTO = {"method": "auto"}
THOMPSON = {"method": "sparft_target", "utility": "learnability", "discount": 0.9, "floor": 0.01}
"""Thompson sampling on p (1 - p) that forgets, and starves no arm."""
PAPER = {"items": "selected", "budget": 100, "arms": "clusters"}
"""SPaRFT's stage A: ten clusters (the default K), a hundred prompts."""
CATEGORIES = {"arms": "categories"}
"""What SEC and DUMP are given: the data set's own categories, all prompts."""
CLEANED = {"arms": "clusters", "prepare": {"cluster.column": "extra_info.category"}}
"""What `auto` is given: all prompts that stage A's cleaning leaves, the data set's own categories as arms."""
CLUSTERS = {"arms": "clusters", "prepare": {"cluster.k": 20}}
"""The same prompts in twenty clusters by k-means, for a data set without categories."""


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
    "auto": Way(AUTO, CLEANED),
}

_AUTO = HEADLINE["auto"]
EXPLORATORY: dict[str, Way] = {
    "uniform, oracle's filter": Way(UNIFORM, {"items": "useful"}),
    "auto, oracle's filter": Way(AUTO, {"items": "useful", "arms": "categories"}),
    "uniform-cleaned": Way(UNIFORM, CLEANED),
    "sec-cleaned": Way({"method": "sec"}, CLEANED),
    "dump-cleaned": Way({"method": "dump"}, CLEANED),
    "auto, 20 clusters": Way(AUTO, CLUSTERS),
    "sparft_target, 20 clusters": Way(THOMPSON, CLUSTERS),
    "uniform-random-100": Way(UNIFORM, {"items": "random", "budget": 100}),
    "uniform-stratified-100": Way(UNIFORM, {"items": "stratified", "budget": 100}),
    "stratified": Way({"method": "stratified"}, CLEANED),
    "easy_to_hard": Way({"method": "easy_to_hard"}, {}),
    "sparft-guarded": Way({"method": "sparft", "choice": "batch", "guard_rollouts": 64}, PAPER),
    "sparft_beta": Way({"method": "sparft_beta", "guard_rollouts": 64}, PAPER),
    "sparft_target": Way({"method": "sparft_target"}, PAPER),
    "space": Way({"method": "space"}, CATEGORIES),
    "adarft": Way({"method": "adarft"}, {}),
    "bots": Way({"method": "bots"}, {}),
    "mapp": Way({"method": "mapp"}, {}),
    "mopps": Way({"method": "mopps"}, {}),
    "dapo": Way({"method": "uniform", "gate": "dapo"}, {}),
}

_CLUSTERED = EXPLORATORY["auto, 20 clusters"]
ABLATIONS: dict[str, Way] = {
    "power 0: sizes alone": _AUTO.but({"power": 0.0}),
    "power 1": _AUTO.but({"power": 1.0}),
    "power 4": _AUTO.but({"power": 4.0}),
    "by_size 0": _AUTO.but({"by_size": 0.0}),
    "by_size 1": _AUTO.but({"by_size": 1.0}),
    "discount 0.9": _AUTO.but({"discount": 0.9}),
    "discount 1": _AUTO.but({"discount": 1.0}),
    "no prompt left out": _AUTO.but({"retry": 1.0}),
    "dull prompts never again": _AUTO.but({"retry": 0.0}),
    "floor 0.01": _AUTO.but({"floor": 0.01}),
    "gate dapo": _AUTO.but({"gate": "dapo"}),
    "no cleaning": Way(AUTO, CATEGORIES),
    "one arm": Way(AUTO, {"arms": "clusters", "prepare": {"cluster.k": 1}}),
    "data sources as arms": Way(AUTO, {"arms": "clusters", "prepare": {"cluster.column": "data_source"}}),
    "utility: Thompson on p (1 - p)": Way(THOMPSON, CLEANED),
    "choice batch: the same": Way({**THOMPSON, "choice": "batch"}, CLEANED),
    "K=10": _CLUSTERED.but(prepare={"cluster.k": 10}),
    "K=20": _CLUSTERED,
    "K=40": _CLUSTERED.but(prepare={"cluster.k": 40}),
    "K=20, PCA 4": _CLUSTERED.but(prepare={"features.min_dim": 4, "features.max_dim": 4}),
    "K=20, difficulty weight 0": _CLUSTERED.but(prepare={"features.difficulty_weight": 0.0}),
    "K=20, difficulty weight 2": _CLUSTERED.but(prepare={"features.difficulty_weight": 2.0}),
    "K=20, difficulty by 2 rollouts": _CLUSTERED.but(prepare={"rollouts": 2}),
    "K=20, difficulty noise 0.3": _CLUSTERED.but(prepare={"noise": 0.3}),
    "K=20, 5 items per cluster": _CLUSTERED.but(items="selected", budget=100),
    "K=20, 15 items per cluster": _CLUSTERED.but(items="selected", budget=300),
    "K=20, 5 random items per cluster": _CLUSTERED.but(
        items="selected", budget=100, prepare={"select.strategy": "random"}
    ),
    "feedback 4 late": _AUTO.but(delay=4),
    "feedback 16 late": _AUTO.but(delay=16),
}

Suite = Sequence[Spec]


def _suite(ways: Mapping[str, Way], seeds: Sequence[int], **fields: Any) -> list[Spec]:
    """Seed by seed, so that a suite broken off has all methods of the seeds that it has."""
    return [way.spec(label, seed, **fields) for seed in seeds for label, way in ways.items()]


def _auto_and(ways: Mapping[str, Way]) -> dict[str, Way]:
    return {name: HEADLINE[name] for name in ("uniform-full", "auto")} | dict(ways)


def _confirmation() -> list[Spec]:
    told = json.loads(CONFIRMATION.read_text())
    ways = {name: HEADLINE[name] for name in told["methods"]}
    found = [
        spec
        for useless in told["useless"]
        for spec in _suite(ways, told["seeds"], useless=useless, world=told["world"])
    ]
    late = told["amended"]
    return [
        replace(spec, seed=late["instead"])
        if (spec.useless, spec.seed) == (late["useless"], late["seed"])
        else spec
        for spec in found
    ]


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
        for spec in _suite(HEADLINE, SHARE_SEEDS, useless=useless)
    ],
    "exploratory": _suite(_auto_and(EXPLORATORY), EXPLORATORY_SEEDS, useless=0.6),
    "ablations": _suite(_auto_and(ABLATIONS), EXPLORATORY_SEEDS, useless=0.6),
    "confirm": _confirmation(),
}
"""Runs by question; equal runs of two suites are one in the store."""

QUICK = _suite({name: HEADLINE[name] for name in ("uniform-full", "auto")}, (0,), useless=0.3, updates=20)
"""What `--quick` runs: a look at whether the machinery works, no evidence."""
