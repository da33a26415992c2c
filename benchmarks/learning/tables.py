"""Tables for a terminal, for Markdown and for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from math import isfinite
from typing import Any

from benchmarks.learning.compare import Row, Table, compare
from benchmarks.learning.outcomes import AXES
from benchmarks.learning.statistics import Interval, Ratio

__all__ = ["as_json", "by_family", "caption", "compare", "headline", "markdown", "points", "spending", "text"]

Cells = list[list[str]]


def headline(table: Table) -> Cells:
    """Return the table's first face: accuracy, gain, rollouts to the baseline's accuracy, and what they cost."""
    head = [
        "method", "seeds", "final accuracy, %", "gain, points [95 %]", "p (Holm)",
        "rollouts to its accuracy, ratio [95 %]", "reached", "no signal, %", "useless prompts, %",
        "forgotten, points", "core s (stage A)",
    ]  # fmt: skip
    return [head, *([_name(row), *_outcomes(row)] for row in table.rows)]


def _outcomes(row: Row) -> list[str]:
    return [
        str(len(row.seeds)),
        _share(row.final),
        points(row.gain),
        "–" if not isfinite(row.p_holm) else f"{row.p_holm:.3f}",
        "1" if row.gain is None else _ratio(row.ratio["rollouts"]),
        f"{row.reached}/{len(row.seeds)}",
        _percent(row.degenerate),
        _percent(row.useless),
        f"{100 * row.forgetting:.1f}" if isfinite(row.forgetting) else "–",
        f"{row.seconds:.0f} ({row.stage_a_seconds:.1f})",
    ]


def spending(table: Table) -> Cells:
    """Return the second face: the same in other currencies, the whole curve, and the median for censored runs."""
    head = ["method", "area under the curve, %", "gain in area, points"]
    head += [f"{axis}, ratio" for axis in AXES[1:]]
    head += ["rollouts, median ratio", *(f"at equal {_AXIS[axis]}, points" for axis in AXES), "greedy, %"]
    lines = [head]
    for row in table.rows:
        alone = row.gain is None
        lines.append(
            [
                _name(row),
                _share(row.area),
                points(row.area_gain),
                *(
                    "1" if alone else _ratio(row.ratio[axis]) if row.reached else "not reached"
                    for axis in AXES[1:]
                ),
                "1" if alone else _interval(row.ratio["rollouts"].median),
                *(points(row.equal[axis] if row.equal else None) for axis in AXES),
                _percent(row.greedy),
            ]
        )
    return lines


_AXIS = {"rollouts": "rollouts", "tokens": "tokens", "unique": "unique items"}


def by_family(table: Table) -> Cells:
    """Return final accuracy by useful family, in percent."""
    names = sorted({name for row in table.rows for name in row.families})
    return [
        ["method", *names],
        *(
            [_name(row), *(_percent(row.families.get(name, float("nan"))) for name in names)]
            for row in table.rows
        ),
    ]


def markdown(cells: Cells) -> str:
    """Return a Markdown table, the first column to the left, the others to the right."""
    lines = ["| " + " | ".join(line) + " |" for line in cells]
    lines.insert(1, "|---|" + "---:|" * (len(cells[0]) - 1))
    return "\n".join(lines)


def text(tables: Sequence[Table]) -> str:
    """Return the first face of every table as lines for a terminal."""
    return "\n\n".join(f"{caption(table)}\n{_lines(headline(table))}" for table in tables)


def caption(table: Table) -> str:
    """Return the line above a table."""
    return f"world {table.world}, {100 * table.useless:.0f} % useless prompts, against {table.baseline}"


def _lines(cells: Cells) -> str:
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    return "\n".join(
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]).rstrip()
        for line in cells
    )


def as_json(tables: Sequence[Table]) -> list[dict[str, Any]]:
    """Return every number, for `json.dumps(..., allow_nan=False)`: what is not finite becomes None."""
    return [
        {
            "world": table.world,
            "useless": table.useless,
            "baseline": table.baseline,
            "rows": [{**_plain(asdict(row)), "exploratory": row.exploratory} for row in table.rows],
            "rollouts_ratio": [
                {"method": mine, "to": other, **_plain(asdict(ratio))}
                for (mine, other), ratio in table.better.items()
            ],
        }
        for table in tables
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return round(value, 6) if isfinite(value) else None
    return value


def points(interval: Interval | None) -> str:
    """Return a difference of accuracies in percentage points with its interval, or a dash."""
    if interval is None:
        return "–"
    ends = f" [{100 * interval.low:+.1f}, {100 * interval.high:+.1f}]" if isfinite(interval.low) else ""
    return f"{100 * interval.estimate:+.1f}{ends}".replace("-", "−")


def _name(row: Row) -> str:
    return f"{row.label} (exploratory)" if row.exploratory else row.label


def _percent(value: float) -> str:
    return f"{100 * value:.1f}" if isfinite(value) else "–"


def _share(interval: Interval) -> str:
    if not isfinite(interval.low):
        return _percent(interval.estimate)
    return f"{100 * interval.estimate:.1f} [{100 * interval.low:.1f}, {100 * interval.high:.1f}]"


def _interval(interval: Interval) -> str:
    def said(value: float) -> str:
        return f"{value:.2f}" if isfinite(value) else "∞"

    known = interval.low == interval.low and (interval.low > 0 or isfinite(interval.high))
    return said(interval.estimate) + (f" [{said(interval.low)}, {said(interval.high)}]" if known else "")


def _ratio(ratio: Ratio) -> str:
    """Return the ratio; an upper end that runs within the budget cannot give is marked as the estimate is."""
    mark, mean = ratio.bound, ratio.mean
    mark = f"{mark} " if mark else ""
    if not isfinite(mean.low):
        return f"{mark}{mean.estimate:.2f}"
    return f"{mark}{mean.estimate:.2f} [{mean.low:.2f}, {mark if ratio.short else ''}{mean.high:.2f}]"
