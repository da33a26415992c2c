"""The generated parts of the page, each from the runs that answer its question."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.learning.compare import BASELINE, Row, Table, compare
from benchmarks.learning.goal import judge
from benchmarks.learning.ledger import Tried, core_hours, described, tried
from benchmarks.learning.outcomes import outcome
from benchmarks.learning.statistics import mean_interval
from benchmarks.learning.tables import by_family, caption, headline, markdown, points, spending

Record = Mapping[str, Any]
NOTHING = "Not measured yet."
CHOSEN = "auto"


def comparison(records: Sequence[Record], *, baseline: str = BASELINE, whole: bool = True) -> str:
    """Return the tables of a suite; `whole` adds what was spent and the accuracy of each family, folded up."""
    parts = []
    for table in compare(records, baseline):
        parts.append(f"**{_sentence(table)}**\n\n{markdown(headline(table))}")
        if whole:
            more = f"{markdown(spending(table))}\n\n{markdown(by_family(table))}"
            parts.append(f"<details><summary>Other currencies, families</summary>\n\n{more}\n\n</details>")
    return "\n\n".join(parts) or NOTHING


def regime(records: Sequence[Record]) -> str:
    """Return how much plain GRPO learns, by share of useless prompts."""
    cells = [["useless prompts", "seeds", "before, %", "after, %", "learnt, points [95 %]", "no signal, %"]]
    for useless in sorted({run["spec"]["useless"] for run in records}):
        runs = [run for run in records if run["spec"]["useless"] == useless]
        found = [outcome(run) for run in runs]
        before = mean_interval([float(run.curve[0]) for run in found])
        learnt = mean_interval([run.final - float(run.curve[0]) for run in found])
        after = mean_interval([run.final for run in found])
        silent = mean_interval([run.degenerate for run in found])
        cells.append(
            [
                f"{100 * useless:.0f} %", str(len(runs)), f"{100 * before.estimate:.1f}", f"{100 * after.estimate:.1f}",
                points(learnt), f"{100 * silent.estimate:.1f}",
            ]
        )  # fmt: skip
    return markdown(cells) if records else NOTHING


def cost(records: Sequence[Record]) -> str:
    """Return what one run of each method takes on one core."""
    cells = [
        ["method", "runs", "core s", "stage A, core s", "updates", "curriculum, ms an update", "parameters"]
    ]
    for label in dict.fromkeys(run["spec"]["label"] for run in records):
        runs = [run for run in records if run["spec"]["label"] == label]
        cells.append(
            [
                label, str(len(runs)), _mean(runs, "core_seconds"), _mean(runs, "stage_a_core_seconds"),
                f"{runs[0]['spec']['updates']}", _mean(runs, "curriculum_ms", 2), f"{runs[0]['params']:,}",
            ]
        )  # fmt: skip
    return markdown(cells) if records else NOTHING


def _mean(runs: Sequence[Record], name: str, digits: int = 1) -> str:
    return f"{mean_interval([run[name] for run in runs]).estimate:.{digits}f}"


def goal(records: Sequence[Record], world: str, label: str = CHOSEN) -> str:
    """Return the goal, part by part, with what came out."""
    claims = judge(compare(records), world, label)
    cells = [["asked", "came out", "holds"]]
    cells += [[claim.asked, claim.found, "yes" if claim.holds else "no"] for claim in claims]
    return markdown(cells) if claims else NOTHING


def ledger(records: Iterable[Record]) -> str:
    """Return every configuration tried, counted."""
    known = list(records)
    rows = tried(known)
    if not rows:
        return NOTHING
    count = sum(row.candidate for row in rows)
    cells = [
        ["method", "configuration", "runs", "seeds", "shares", "gain, points"],
        *(_line(row) for row in rows),
    ]
    said = (
        f"{count} configurations other than uniform sampling were tried on the training families, "
        f"in {sum(row.runs for row in rows)} runs with the baselines; the store holds {core_hours(known):.1f} "
        "core hours of runs."
    )
    return f"{said}\n\n<details><summary>All of them</summary>\n\n{markdown(cells)}\n\n</details>"


def _line(row: Tried) -> list[str]:
    shares = ", ".join(f"{share:g}" for share in row.shares)
    gain = f"{100 * row.gain:+.1f}".replace("-", "−") if row.gain == row.gain else "–"
    return [" / ".join(row.labels), f"`{described(row)}`", str(row.runs), str(row.seeds), shares, gain]


def overview(records: Sequence[Record], label: str = CHOSEN) -> str:
    """Return the table of the top page: gain and rollouts by share of useless prompts, and where nothing is won."""
    tables = compare(records)
    if not tables:
        return NOTHING
    labels = list(dict.fromkeys(row.label for table in tables for row in table.rows))
    cells = [["useless prompts", *(f"{100 * table.useless:.0f} %" for table in tables)]]
    for name in labels:
        rows = [next((row for row in table.rows if row.label == name), None) for table in tables]
        cells.append([name, *(_cell(row) for row in rows)])
    lost = [said for table in tables if (said := _not_won(table, label))]
    return "\n\n".join([markdown(cells), *([" ".join(lost)] if lost else [])])


def _cell(row: Row | None) -> str:
    if row is None:
        return "–"
    mark = " (exploratory)" if row.exploratory else ""
    if row.gain is None:
        return f"{100 * row.final.estimate:.1f} %{mark}"
    ratio = row.ratio["rollouts"]
    needed = f"{ratio.bound} {ratio.mean.estimate:.2f} x".strip()
    return f"{points(row.gain)}; {needed}{mark}"


def _not_won(table: Table, label: str) -> str:
    row = next((row for row in table.rows if row.label == label), None)
    if row is None or row.gain is None or row.gain.low > 0:
        return ""
    what = "is worse than" if row.gain.high < 0 else "gains nothing that these seeds could show over"
    return f"At {100 * table.useless:.0f} % useless prompts `{label}` {what} `{table.baseline}`."


def _sentence(table: Table) -> str:
    said = caption(table)
    return said[0].upper() + said[1:] + "."
