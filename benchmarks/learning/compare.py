"""Methods beside a baseline, seed by seed: one row per method, one table per world and share of useless prompts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite, nan
from typing import Any

import numpy as np

from benchmarks.learning.outcomes import AXES, Outcome, Reach, at_equal, outcome, reach, target
from benchmarks.learning.statistics import Interval, Ratio, holm, mean_interval, ratio, sign_flip

BASELINE = "uniform-full"
HEADLINE_SEEDS = 10
"""Paired seeds from which a row is no longer marked exploratory."""


@dataclass(frozen=True)
class Row:
    """One method. Intervals and p are over seeds; `gain`, `ratio`, `equal` and `p` pair them with the baseline."""

    label: str
    seeds: tuple[int, ...]
    """Those that the baseline was run with, too."""
    final: Interval
    families: dict[str, float]
    """Mean final accuracy by useful family."""
    greedy: float
    area: Interval
    degenerate: float
    useless: float
    forgetting: float
    seconds: float
    stage_a_seconds: float
    reached: int
    """Seeds in which the baseline's final accuracy was reached within the budget."""
    ratio: dict[str, Ratio]
    """By axis: what was spent up to the baseline's final accuracy over what the baseline spent."""
    gain: Interval | None = None
    """Final accuracy minus the baseline's; None in the baseline's own row, as are the following."""
    area_gain: Interval | None = None
    equal: dict[str, Interval] | None = None
    """By axis: accuracy minus the baseline's after equal spending."""
    p: float = nan
    """Of `gain`, by sign flips."""
    p_holm: float = nan
    """Corrected for the rows of the same table that are as far: headline, or exploratory."""

    @property
    def exploratory(self) -> bool:
        """Whether there are too few seeds to conclude from."""
        return len(self.seeds) < HEADLINE_SEEDS


@dataclass(frozen=True)
class Table:
    """All methods on one kind of training set, the baseline first, the others as they were first seen."""

    world: str
    useless: float
    baseline: str
    rows: tuple[Row, ...]
    better: dict[tuple[str, str], Ratio]
    """(method, other method) -> rollouts to the baseline's final accuracy, the first's over the second's."""


def compare(records: Iterable[Mapping[str, Any]], baseline: str = BASELINE) -> list[Table]:
    """Return a table for every world and share of useless prompts in which `baseline` was run.

    Raises ValueError when one label stands for two different runs of a seed.
    """
    cells: dict[tuple[str, float], dict[str, dict[int, Outcome]]] = {}
    settings: dict[tuple[str, float, str], dict[str, Any]] = {}
    for record in records:
        spec = record["spec"]
        cell = (spec["world"], spec["useless"])
        told = {name: value for name, value in spec.items() if name != "seed"}
        known = settings.setdefault((*cell, spec["label"]), told)
        if known != told:
            name = next(name for name in told if known.get(name) != told[name])
            raise ValueError(
                f"{spec['label']!r} stands for two methods at useless={spec['useless']}: {name} is {known.get(name)!r} "
                f"and {told[name]!r}; compare the runs of one suite, or give them two labels"
            )
        cells.setdefault(cell, {}).setdefault(spec["label"], {})[spec["seed"]] = outcome(record)
    return [_table(*cell, cells[cell], baseline) for cell in sorted(cells) if cells[cell].get(baseline)]


def _table(world: str, useless: float, methods: dict[str, dict[int, Outcome]], baseline: str) -> Table:
    base = methods[baseline]
    reaches = {
        label: {seed: reach(runs[seed], target(base[seed])) for seed in sorted(runs.keys() & base.keys())}
        for label, runs in methods.items()
    }
    labels = [baseline, *(label for label in methods if label != baseline and reaches[label])]
    rows = [_row(methods[label], reaches[label], base, reaches[baseline]) for label in labels]
    better = {
        (mine, other): _ratio(reaches[mine], reaches[other], "rollouts")
        for mine in labels
        for other in labels
        if mine != other and baseline not in (mine, other) and reaches[mine].keys() & reaches[other].keys()
    }
    return Table(world, useless, baseline, (rows[0], *_corrected(rows[1:])), better)


def _row(
    runs: Mapping[int, Outcome],
    reaches: Mapping[int, Reach],
    base: Mapping[int, Outcome],
    base_reaches: Mapping[int, Reach],
) -> Row:
    seeds = tuple(reaches)
    mine = [runs[seed] for seed in seeds]
    row = Row(
        label=mine[0].label,
        seeds=seeds,
        final=mean_interval([run.final for run in mine]),
        families={name: _mean(run.families[name] for run in mine) for name in mine[0].families},
        greedy=_mean(run.greedy for run in mine),
        area=mean_interval([run.area for run in mine]),
        degenerate=_mean(run.degenerate for run in mine),
        useless=_mean(run.useless for run in mine),
        forgetting=_mean(run.forgetting for run in mine),
        seconds=_mean(run.seconds for run in mine),
        stage_a_seconds=_mean(run.stage_a_seconds for run in mine),
        reached=sum(reaches[seed].reached for seed in seeds),
        ratio={axis: _ratio(reaches, base_reaches, axis) for axis in AXES},
    )
    if runs is base:
        return row
    pairs = [(runs[seed], base[seed]) for seed in seeds]
    gains = [run.final - other.final for run, other in pairs]
    equal = {
        axis: mean_interval([float(np.subtract(*at_equal(run, other, axis))) for run, other in pairs])
        for axis in AXES
    }
    return replace(
        row,
        gain=mean_interval(gains),
        area_gain=mean_interval([run.area - other.area for run, other in pairs]),
        equal=equal,
        p=sign_flip(gains),
    )


def _ratio(mine: Mapping[int, Reach], theirs: Mapping[int, Reach], axis: str) -> Ratio:
    seeds = sorted(mine.keys() & theirs.keys())
    return ratio(
        [mine[seed].spent[axis] for seed in seeds],
        [mine[seed].reached for seed in seeds],
        [theirs[seed].spent[axis] for seed in seeds],
        [theirs[seed].reached for seed in seeds],
    )


def _corrected(rows: Sequence[Row]) -> list[Row]:
    known: dict[str, float] = {}
    for exploratory in (False, True):
        known |= holm({row.label: row.p for row in rows if row.exploratory is exploratory})
    return [replace(row, p_holm=known[row.label]) for row in rows]


def _mean(values: Iterable[float]) -> float:
    """Return the mean of what is finite, nan without any."""
    known = [value for value in values if isfinite(value)]
    return float(np.mean(known)) if known else nan
