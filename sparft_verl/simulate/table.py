"""A comparison as text."""

from __future__ import annotations

import math

from sparft_verl.simulate.compare import CLAIM, Comparison

COLUMNS = {
    "regret": ("regret", 3),
    "no_signal": ("no signal", 3),
    "dead": ("dead", 3),
    "mastered": ("mastered", 3),
    "entropy": ("entropy", 3),
    "ability": ("ability", 3),
    "solve_rate": ("solve rate", 3),
    "unique": ("unique", 0),
}


def _cell(mean: float, sd: float, digits: int) -> str:
    text = f"{mean:,.{digits}f}"
    return text if math.isnan(sd) else f"{text} ±{sd:,.{digits}f}"


def format_comparison(comparison: Comparison) -> str:
    """Return a heading, one line per method (mean ± standard deviation over seeds), and what it does not say."""
    scenario, items, back = comparison.scenario, comparison.scenario.items, comparison.scenario.returns
    start = comparison.results[0].curve[0][1]
    late = f"{back.lag} to {back.lag + back.jitter}" if back.jitter else f"{back.lag}"
    heading = [
        f"{scenario.name}: {scenario.summary}",
        f"{items.prompts:,} prompts in {items.arms} arms ({items.dead} dead, {items.mastered} mastered), "
        f"{scenario.steps:,} steps of {scenario.batch} x {scenario.rollouts}, groups {late} steps late, "
        f"{back.lost:.0%} lost; {len(comparison.seeds)} seeds; solve rate at the start {start:.3f}",
    ]
    rows = [["method", *(title for title, _ in COLUMNS.values()), "ms a step", "of it ours"]]
    for variant in comparison.variants:
        inside, outside = comparison.step_seconds(variant.label)
        rows.append(
            [
                variant.label,
                *(
                    _cell(*comparison.mean(variant.label, name), digits)
                    for name, (_, digits) in COLUMNS.items()
                ),
                f"{1e3 * (inside + outside):.2f}",
                f"{1e3 * inside:.2f}",
            ]
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    return "\n".join([*heading, "", *lines, "", CLAIM])
