"""The figures of a run: two heat maps over the same steps, the solve rate, and verl's own metrics."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, isfinite

import numpy as np

from sparft_verl.report.curves import small_multiple, solve_curve
from sparft_verl.report.heat import HeatMap, draw
from sparft_verl.report.run import Floats, Run, Series, block_starts
from sparft_verl.report.stats import smooth
from sparft_verl.report.svg import percent

MOST_ROWS = 48
MOST_COLUMNS = 80
MOST_CELLS = 1600
MOST_POINTS = 250


@dataclass(frozen=True)
class Binned:
    """A run whose steps, and arms where there are very many, are joined to what a screen can show."""

    series: Series
    columns: tuple[str, ...]
    """What each block of steps is called, [B]."""
    centres: Floats
    """Middle step of each block, [B]."""
    width: int
    """Steps in a full block."""
    rows: tuple[str, ...]
    """What each block of arms is called."""


def binned(run: Run, most_columns: int) -> Binned:
    """Return `run` in at most `most_columns` blocks of steps and MOST_ROWS blocks of arms."""
    at = block_starts(len(run.steps), most_columns)
    ends = np.append(at[1:], len(run.steps)) - 1
    arms = block_starts(len(run.arm_names), MOST_ROWS)
    arm_ends = np.append(arms[1:], len(run.arm_names)) - 1
    return Binned(
        run.series.summed(at, axis=0).summed(arms, axis=1),
        tuple(_span("step", str(run.steps[a]), str(run.steps[b])) for a, b in zip(at, ends, strict=True)),
        (run.steps[at] + run.steps[ends]) / 2,
        int(at[1] - at[0]) if len(at) > 1 else len(run.steps),
        tuple(_span("", run.arm_names[a], run.arm_names[b]) for a, b in zip(arms, arm_ends, strict=True)),
    )


def _span(noun: str, first: str, last: str) -> str:
    if first == last:
        return f"{noun} {first}".strip()
    return f"{noun}s {first} to {last}" if noun else f"{first} … {last}"


def mapped(run: Run) -> Binned:
    """Return `run` in as many blocks as a heat map can hold; one with many rows has fewer columns."""
    rows = min(len(run.arm_names), MOST_ROWS)
    return binned(run, min(MOST_COLUMNS, MOST_CELLS // rows))


def nice_top(value: float) -> float:
    """Return the share, in steps of 5 %, that a scale ends with so that it holds `value`."""
    return min(1.0, max(0.05, ceil(value * 20 - 1e-9) / 20)) if isfinite(value) else 1.0


def pull_map(run: Run) -> str:
    """Return the heat map of where the prompts of each step came from."""
    view = mapped(run)
    share, pulls = view.series.pull_share, view.series.pulls
    whole = pulls.sum(axis=0) / max(1, int(pulls.sum()))
    heat = HeatMap(
        values=share,
        top=nice_top(float(np.nanmax(share))),
        ramp="p",
        columns=view.columns,
        rows=view.rows,
        centres=view.centres,
        margin=[percent(float(value)) for value in whole],
        margin_name="all steps",
        legend="share of the prompts served",
        tooltip=lambda row, column: (
            f"{percent(float(share[column, row]))} ({pulls[column, row]} of {pulls[column].sum()} prompts)"
        ),
        empty="nothing served",
    )
    return draw(
        heat, label="Pulls by arm and step", description=_summary(view.rows, whole, "of the prompts served")
    )


def solve_map(run: Run) -> str:
    """Return the heat map of how often the rollouts of each arm's prompts succeeded."""
    view = mapped(run)
    rate, groups = view.series.arm_solve_rate, view.series.groups
    whole = view.series.summed(np.array([0]), axis=0).arm_solve_rate[0]
    heat = HeatMap(
        values=rate,
        top=1.0,
        ramp="s",
        columns=view.columns,
        rows=view.rows,
        centres=view.centres,
        margin=[percent(float(value)) for value in whole],
        margin_name="all steps",
        legend="solve rate",
        tooltip=lambda row, column: (
            f"{percent(float(rate[column, row]))} solved over {groups[column, row]} groups"
            if groups[column, row]
            else "no group"
        ),
        empty="no group",
    )
    return draw(heat, label="Solve rate by arm and step", description=_summary(view.rows, whole, "solved"))


def _summary(rows: Sequence[str], values: Floats, what: str) -> str:
    """Return one sentence that says what the figure shows to whom cannot see it."""
    if not np.isfinite(values).any():
        return "Nothing to show yet."
    most, least = int(np.nanargmax(values)), int(np.nanargmin(values))
    return (
        f"Over all steps, most for {rows[most]} ({percent(float(values[most]))} {what}), "
        f"least for {rows[least]} ({percent(float(values[least]))})."
    )


def smoothing_window(points: int) -> int:
    """Return the odd number of points that the trend line averages: about a tenth of them, at least 3."""
    return max(3, round(points / 10) | 1)


def curve(run: Run) -> str:
    """Return the solve rate of the prompts served and the groups without a signal, by step."""
    view = binned(run, MOST_POINTS)
    series, groups = view.series, view.series.groups.sum(axis=1)
    raw = series.solve_rate
    trend = smooth(raw, smoothing_window(len(raw)))
    shares = [
        (class_, np.divide(count, np.maximum(groups, 1)))
        for class_, count in (
            ("failed", series.failed),
            ("level", series.level),
            ("mastered", series.mastered),
        )
    ]
    tips = [
        f"{column}: {percent(float(raw[i]), 1)} solved (trend {percent(float(trend[i]), 1)}) in {groups[i]} groups; "
        f"{series.failed[i]} failed throughout, {series.mastered[i]} solved throughout"
        for i, column in enumerate(view.columns)
    ]
    known = trend[np.isfinite(trend)]
    description = "No group was observed yet."
    if len(known):
        description = f"The solve rate goes from {percent(float(known[0]))} to {percent(float(known[-1]))}."
    return solve_curve(
        view.centres,
        raw,
        trend,
        shares,
        tips,
        resumes(run),
        label="Solve rate and groups without a signal by step",
        description=description,
    )


def resumes(run: Run) -> list[int]:
    """Return the steps inside the figures from which the run was resumed, each once."""
    return sorted({step for step in run.resumed if run.steps[0] <= step < run.steps[-1]})


def metric_charts(metrics: dict[str, tuple[Floats, Floats]]) -> list[str]:
    """Return one small chart per metric."""
    charts = []
    for name, (steps, values) in metrics.items():
        starts = block_starts(len(steps), MOST_POINTS)
        counts = np.diff(np.append(starts, len(steps)))
        charts.append(
            small_multiple(
                name, np.add.reduceat(steps, starts) / counts, np.add.reduceat(values, starts) / counts
            )
        )
    return charts
