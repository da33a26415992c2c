"""The table over finished runs: accuracy before and after by method, with intervals, and what a step cost."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan
from statistics import fmean, median
from typing import Any

from recipes.collect import aligned
from recipes.evaluation.scores import Run
from recipes.evaluation.statistics import Line, compare, shared_items

Record = dict[str, Any]
HEAD = (
    "method", "seeds", "before", "after", "95 % interval", "sd", "difference", "95 % interval", "p", "s/step",
    "overhead ms", "%",
)  # fmt: skip

COSTS = ("seconds_per_step", "overhead_ms", "overhead_percent")


def table(records: Sequence[Record], baseline: str) -> dict[str, list[dict[str, Any]]]:
    """Return {data source or all: a line per method}, the baseline first.

    Accuracies are means over items and seeds; their intervals, and those of the paired differences, come from a
    bootstrap over items (recipes.evaluation.statistics), sd is that over seeds.
    """
    if not records:
        return {}
    groups = records[0]["held_out"]["groups"]
    runs = {end: [_run(record, end) for record in records] for end in ("before", "after")}
    common = set(shared_items(runs["after"]))
    there = baseline if any(run.method == baseline for run in runs["after"]) else None
    return {
        group: [
            _line(after, [run for run in runs["before"] if run.method == after.method], items, records)
            for after in compare(runs["after"], items, there)
        ]
        for group, members in groups.items()
        if (items := [item for item in members if item in common])
    }


def _run(record: Record, end: str) -> Run:
    step = record["held_out"]["step"][0 if end == "before" else -1]
    spec = record["spec"]
    return Run(
        spec["curriculum"], record["key"], step, record["train"]["tokens"], record["held_out"]["items"][end]
    )


def _line(
    after: Line, before: Sequence[Run], items: Sequence[str], records: Sequence[Record]
) -> dict[str, Any]:
    mine = [record for record in records if record["spec"]["curriculum"] == after.method]
    return {
        "method": after.method,
        "seeds": after.runs,
        "items": after.items,
        "before": fmean(fmean(run.scores[item]) for run in before for item in items),
        "after": after.mean,
        "after_low": after.low,
        "after_high": after.high,
        "sd_over_seeds": None if isnan(after.sd) else after.sd,
        "difference": after.difference,
        "difference_low": after.difference_low,
        "difference_high": after.difference_high,
        "p": after.p,
        "tokens": after.tokens,
        "seconds_per_step": _median(mine, "seconds"),
        "overhead_ms": _median([record["overhead"] for record in mine], "ms"),
        "overhead_percent": _median([record["overhead"] for record in mine], "percent"),
    }


def _median(found: Sequence[dict[str, Any]], name: str) -> float | None:
    values = [one[name]["median"] for one in found if one[name]["median"] is not None]
    return median(values) if values else None


def text(tables: dict[str, list[dict[str, Any]]]) -> str:
    """Return the tables as aligned columns, all items last."""
    parts = []
    for group, lines in tables.items():
        rows = [list(HEAD), *(_cells(line) for line in lines)]
        parts.append(f"{group} ({lines[0]['items']} items)\n{aligned(rows)}")
    return "\n\n".join(parts) or "no run has ended yet"


def _cells(line: dict[str, Any]) -> list[str]:
    compared = line["difference"] is not None
    return [
        line["method"],
        str(line["seeds"]),
        f"{line['before']:.3f}",
        f"{line['after']:.3f}",
        f"{line['after_low']:.3f} .. {line['after_high']:.3f}",
        "-" if line["sd_over_seeds"] is None else f"{line['sd_over_seeds']:.3f}",
        f"{line['difference']:+.3f}" if compared else "",
        f"{line['difference_low']:+.3f} .. {line['difference_high']:+.3f}" if compared else "",
        f"{line['p']:.4f}" if compared else "",
        *("-" if line[name] is None else f"{line[name]:.2f}" for name in COSTS),
    ]
