"""Every configuration that was tried while choosing one: counted, so that a winner is seen beside the losers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import nan
from typing import Any

import numpy as np

from benchmarks.learning.compare import BASELINE

_SAME = ("label", "seed", "world", "useless", "engine", "updates", "prompts", "rollouts")
"""Fields of a Spec that do not make it another configuration."""


@dataclass(frozen=True)
class Tried:
    """One configuration."""

    settings: dict[str, Any]
    """What sets it apart: the curriculum's settings, arms, items, stage A."""
    labels: tuple[str, ...]
    runs: int
    seeds: int
    shares: tuple[float, ...]
    """Shares of useless prompts it was run at."""
    core_seconds: float
    gain: float
    """Mean final accuracy minus the baseline's of the same seed and share, over all of its runs; nan without pairs."""

    @property
    def candidate(self) -> bool:
        """Whether it could have been chosen: everything but uniform sampling."""
        return bool(self.settings["curriculum"] != {"method": "uniform"})


def tried(records: Iterable[Mapping[str, Any]], world: str = "train") -> list[Tried]:
    """Return every configuration run by this benchmark's own loop in `world`, the largest gain first."""
    runs = [run for run in records if run["spec"]["world"] == world and run["spec"]["engine"] == "loop"]
    base = {
        _pair(run): run["final"]["overall"]
        for run in runs
        if run["spec"]["label"] == BASELINE and run["spec"]["items"] == "full"
    }
    found: dict[str, list[Mapping[str, Any]]] = {}
    for run in runs:
        found.setdefault(json.dumps(_settings(run["spec"]), sort_keys=True), []).append(run)
    rows = [_tried(key, mine, base) for key, mine in found.items()]
    return sorted(rows, key=lambda row: -row.gain if row.gain == row.gain else np.inf)


def _tried(key: str, runs: list[Mapping[str, Any]], base: Mapping[tuple[Any, ...], float]) -> Tried:
    gains = [run["final"]["overall"] - base[_pair(run)] for run in runs if _pair(run) in base]
    return Tried(
        settings=json.loads(key),
        labels=tuple(dict.fromkeys(run["spec"]["label"] for run in runs)),
        runs=len(runs),
        seeds=len({run["spec"]["seed"] for run in runs}),
        shares=tuple(sorted({run["spec"]["useless"] for run in runs})),
        core_seconds=float(sum(run["core_seconds"] + run["stage_a_core_seconds"] for run in runs)),
        gain=float(np.mean(gains)) if gains else nan,
    )


def _pair(run: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(run["spec"][name] for name in ("seed", "useless", "updates", "prompts", "rollouts"))


def _settings(spec: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in spec.items() if name not in _SAME}
    return {**kept, "curriculum": json.loads(spec["curriculum"]), "prepare": json.loads(spec["prepare"])}


def described(row: Tried) -> str:
    """Return what sets a configuration apart, in one line."""
    settings = row.settings
    words = [f"{name}={value}" for name, value in settings["curriculum"].items() if name != "method"]
    words += [f"{name}={value}" for name, value in settings["prepare"].items()]
    words += [f"{name}={settings[name]}" for name in ("items", "budget", "arms", "delay") if settings[name]]
    return " ".join([settings["curriculum"]["method"], *words])


def core_hours(records: Iterable[Mapping[str, Any]]) -> float:
    """Return what all runs of this benchmark's own loop took, stage A included."""
    loop = [run for run in records if run["spec"]["engine"] == "loop"]
    return float(sum(run["core_seconds"] + run["stage_a_core_seconds"] for run in loop)) / 3600
