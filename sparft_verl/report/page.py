"""The page: what a curriculum did in one run, in one HTML file that needs nothing else."""

from html import escape

import numpy as np

from sparft_verl.report import figures
from sparft_verl.report.gains import gain_figure
from sparft_verl.report.heldout import Heldout
from sparft_verl.report.parts import facts, key, page, plain, section, table, tiles, wide
from sparft_verl.report.run import Floats, Run
from sparft_verl.report.stats import edge_means
from sparft_verl.report.svg import element, percent, points
from sparft_verl.report.tables import ARM_HEADER, HELDOUT_HEADER, arm_cells, arm_rows, heldout_cells


def render(run: Run, name: str, heldout: Heldout | None, metrics: dict[str, tuple[Floats, Floats]]) -> str:
    """Return the whole page; the same input gives the same bytes."""
    sections = [
        _header(run, name, heldout),
        _pulls(run),
        _solved(run),
        _curve(run),
        *([_heldout(heldout)] if heldout else []),
        _arms(run),
        *([_metrics(metrics)] if metrics else []),
        _facts(run),
    ]
    return page(f"{name}: {run.method} curriculum", sections)


def _header(run: Run, name: str, heldout: Heldout | None) -> str:
    served = int(run.series.pulls.sum())
    groups = int(run.series.groups.sum())
    rates = run.series.solve_rate[np.isfinite(run.series.solve_rate)]
    first, last = edge_means(rates)
    flat = int((run.series.failed + run.series.mastered + run.series.level).sum())
    count = len(run.steps)
    large = [
        (
            "optimiser steps",
            f"{count:,}",
            f"{run.steps[0]} to {run.steps[-1]}" if count > 1 else f"step {run.steps[0]}",
        ),
        ("prompts served", f"{served:,}", f"of {sum(run.arm_sizes):,} in {len(run.arm_names)} arms"),
        (
            "solve rate served",
            percent(last),
            f"last quarter; first: {percent(first)}" if len(rates) > 3 else "last step",
        ),
        ("groups without a signal", percent(flat / groups if groups else np.nan), "all rollouts equal"),
    ]
    if heldout:
        row = heldout.rows[-1]
        large.insert(3, ("held-out gain", f"{points(row.gain.mean)}", f"points, over {row.gain.n:,} items"))
    notes = _losses(run)
    return (
        f'<header><h1>What the curriculum did</h1><p class="sub">{escape(name)} · method '
        f"<b>{escape(run.method)}</b>{escape(_settings(run))}</p>"
        + tiles(large)
        + (f'<p class="note" style="margin-top:14px">{notes}</p>' if notes else "")
        + "</header>"
    )


def _settings(run: Run) -> str:
    shown = {
        key: value
        for key, value in run.config.items()
        if key != "method" and not isinstance(value, dict | list)
    }
    return "".join(f" · {key} {plain(value)}" for key, value in list(shown.items())[:6])


def _losses(run: Run) -> str:
    """Return a sentence on each thing that the figures leave out, "" when they leave out nothing."""
    said = []
    if run.rolled_back:
        said.append(
            f"{run.rolled_back:,} prompts were served after a checkpoint from which the run was then resumed; they "
            "were rolled back and are in no figure."
        )
    if run.cancelled:
        said.append(f"{run.cancelled:,} prompts served never came back as a group.")
    if run.torn:
        said.append(
            f"{run.torn:,} journal {'line was' if run.torn == 1 else 'lines were'} torn by a kill and skipped."
        )
    return " ".join(said)


def _columns(run: Run) -> str:
    view = figures.mapped(run)
    said = f" A column stands for {view.width} steps." if view.width > 1 else ""
    if len(view.rows) < len(run.arm_names):
        said += f" A row stands for {-(-len(run.arm_names) // len(view.rows))} neighbouring arms."
    return said


def _pulls(run: Run) -> str:
    note = (
        "Share of each step's prompts that came from each arm; arms in the artefact's order, easiest first."
        + _columns(run)
    )
    return section("Where the prompts came from", note, wide(figures.pull_map(run)))


def _solved(run: Run) -> str:
    note = "Mean success of the rollouts, by arm. A blank cell was not trained on, so nothing is known of it there."
    return section("What the policy could solve", note, wide(figures.solve_map(run)))


def _curve(run: Run) -> str:
    view = figures.binned(run, figures.MOST_POINTS)
    window = figures.smoothing_window(len(view.centres)) * view.width
    note = (
        "Mean success over the prompts served. It depends on which prompts the curriculum chose, so it is no measure "
        "of progress across arms; held-out accuracy is. Groups whose rollouts all succeed or all fail give GRPO no "
        "advantage."
    )
    keys = [
        ('<path class="trend" d="M1 6H21"/>', f"solve rate, centred mean of {window} steps"),
        ('<path class="raw" d="M1 6H21"/>', "each step" if view.width == 1 else f"each {view.width} steps"),
        ('<rect class="mastered" x="5" y="0" width="12" height="12"/>', "every rollout succeeded"),
        ('<rect class="failed" x="5" y="0" width="12" height="12"/>', "every rollout failed"),
    ]
    if run.series.level.any():
        keys.append(('<rect class="level" x="5" y="0" width="12" height="12"/>', "all equal, in between"))
    if figures.resumes(run):
        keys.append(('<path class="resumed" d="M11 0V12"/>', "resumed from a checkpoint"))
    return section("Solve rate over time", note, wide(figures.curve(run)) + key(keys))


def _heldout(heldout: Heldout) -> str:
    left_out = []
    if heldout.unpaired:
        left_out.append(f"{heldout.unpaired:,} items are in one dump only and left out.")
    if heldout.unmapped:
        left_out.append(f"{heldout.unmapped:,} items have no known data source and are left out.")
    note = (
        f"Accuracy on items that are never trained on, at steps {heldout.first} and {heldout.last}, paired item by "
        "item. The interval is Student's t over the items' differences: it speaks of more items like these, not of "
        f"more runs. {' '.join(left_out)}"
    )
    keys = [
        ('<circle class="before" cx="11" cy="6" r="4.5"/>', f"step {heldout.first}"),
        ('<circle class="after" cx="11" cy="6" r="5"/>', f"step {heldout.last}"),
        ('<path class="interval" d="M1 6H21"/>', "95 % interval of the gain, from where it began"),
    ]
    rows = [heldout_cells(row) for row in heldout.rows]
    svg = gain_figure(heldout.rows, heldout.first, heldout.last)
    return section(
        "Held-out accuracy",
        note,
        wide(svg) + key(keys) + table(HELDOUT_HEADER, rows, total=len(rows) > 1),
    )


def _arms(run: Run) -> str:
    note = (
        "Solve rates are means over the first and the last quarter of an arm's own groups. Discarded groups were "
        "observed but not trained on."
    )
    return section("Arms", note, table(ARM_HEADER, [arm_cells(row) for row in arm_rows(run)]))


def _metrics(metrics: dict[str, tuple[Floats, Floats]]) -> str:
    charts = "".join(element("figure", chart) for chart in figures.metric_charts(metrics))
    return section(
        "From verl’s log", "As verl wrote them, with the last value.", element("div", charts, class_="grid")
    )


def _facts(run: Run) -> str:
    entries = [(name, plain(value)) for name, value in run.config.items()]
    entries += [
        ("data fingerprint", run.fingerprint),
        ("resumed from step", ", ".join(map(str, run.resumed)) or "never"),
        ("prompts rolled back", str(run.rolled_back)),
        ("prompts that never came back", str(run.cancelled)),
        ("torn journal lines", str(run.torn)),
    ]
    return facts("Configuration and journal", entries)
