"""Several methods over several seeds of one scenario."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, stdev
from typing import Any

import numpy as np

import sparft_verl
from sparft_verl.simulate import face
from sparft_verl.simulate.items import make_bank
from sparft_verl.simulate.run import Result, simulate
from sparft_verl.simulate.scenarios import Scenario
from sparft_verl.simulate.variants import Variant

MEASURES = {
    "regret": "signal of the best arm at each step minus the signal of what was served, mean over steps, in 0 .. 1",
    "no_signal": "share of the groups that came back with the same verdict on every rollout",
    "dead": "share of the prompts served that came from an arm nobody can solve",
    "mastered": "share of the prompts served that came from an arm solved from the start",
    "entropy": "entropy of the prompts served over the arms, 1 = all arms equally often",
    "ability": "mean ability over the arms that are not dead, at the end",
    "solve_rate": "mean solve rate over all prompts, at the end",
    "unique": "number of different prompts served, duplicates counted once",
    "groups": "groups that came back",
    "lost": "groups that never did",
}
"""What each measure is. Signal is 4 p (1 - p); a method that also chooses within arms may have regret below 0."""


@dataclass(frozen=True)
class Comparison:
    """The results of every variant on every seed."""

    scenario: Scenario
    variants: tuple[Variant, ...]
    seeds: tuple[int, ...]
    results: tuple[Result, ...]
    """One per (variant, seed), variants in the outer order."""

    def of(self, label: str) -> list[Result]:
        """Return one variant's results, in the order of the seeds."""
        return [result for result in self.results if result.label == label]

    def mean(self, label: str, measure: str) -> tuple[float, float]:
        """Return mean and standard deviation over the seeds; the latter is nan for one seed."""
        values = [result.measures[measure] for result in self.of(label)]
        return fmean(values), stdev(values) if len(values) > 1 else math.nan

    def step_seconds(self, label: str) -> tuple[float, float]:
        """Return the mean wall-clock of a step in the curriculum and in the simulated world."""
        results = self.of(label)
        steps = self.scenario.steps * len(results)
        return (
            sum(result.seconds["curriculum"] for result in results) / steps,
            sum(result.seconds["world"] for result in results) / steps,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON values: what was run, and what came out. Only `seconds` varies between runs."""
        return {
            "versions": {"sparft-verl": sparft_verl.__version__, "numpy": np.__version__},
            "claim": CLAIM,
            "scenario": asdict(self.scenario),
            "seeds": list(self.seeds),
            "measures": MEASURES,
            "methods": [
                {
                    "label": variant.label,
                    "method": variant.method,
                    "settings": dict(variant.settings),
                    "mean": {name: self.mean(variant.label, name)[0] for name in MEASURES},
                    "sd": {
                        name: None if math.isnan(sd := self.mean(variant.label, name)[1]) else sd
                        for name in MEASURES
                    },
                    "runs": [asdict(result) for result in self.of(variant.label)],
                }
                for variant in self.variants
            ],
        }


CLAIM = (
    "A simulated learner: these figures test and size curricula. They say nothing about how much a language model "
    "learns."
)


def compare(
    scenario: Scenario,
    variants: Sequence[Variant],
    seeds: Sequence[int],
    *,
    evaluate_every: int | None = None,
    progress: Callable[[int], object] = lambda steps: None,
) -> Comparison:
    """Return the results of every variant on every seed; see `simulate` for the arguments and errors.

    A variant that its method refuses is refused before the first run starts.
    """
    arms = make_bank(scenario.items, seeds[0]).arms()
    for variant in variants:
        face.make(variant.method, seeds[0], variant.settings, arms).check_batch(scenario.batch)
    results = [
        simulate(scenario, variant, seed, evaluate_every=evaluate_every, progress=progress)
        for variant in variants
        for seed in seeds
    ]
    return Comparison(scenario, tuple(variants), tuple(seeds), tuple(results))
