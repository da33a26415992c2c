"""`sparft doctor --rewards`: what a task's scores look like to a curriculum, before a run finds out."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # importing it imports verl
    from sparft_verl.verl_plugin.rewards_check import Outcome, RowScores

HEADING = (
    "row", "data source", "answer", "score", "acc", "success", "wrong: score", "success", "empty: score", "success"
)  # fmt: skip
WIDTH = 24
"""Letters of an answer that are shown."""


def check(overrides: Sequence[str], *, rows: int, form: str | None) -> int:
    """Print the table; return 0, 1 when something in it would stop a run, 2 when nothing could be scored."""
    if rows < 1:
        print(f"sparft doctor: --rows must be at least 1, got {rows}", file=sys.stderr)
        return 2
    if find_spec("verl") is None:
        print(
            "sparft doctor: verl is not installed here; pip install 'sparft-verl[cpu]' or 'sparft-verl[gpu]'",
            file=sys.stderr,
        )
        return 2
    with contextlib.redirect_stdout(sys.stderr):  # verl's own messages; the table stands alone on stdout
        from sparft_verl.verl_plugin.errors import CurriculumError
        from sparft_verl.verl_plugin.rewards_check import check_rewards

        try:
            scored = check_rewards(overrides, rows=rows, form=form)
        except CurriculumError as error:
            print(f"sparft doctor: {error}", file=sys.stderr)
            return 2
    print(format_scores(scored))
    for note in notes(scored):
        print(f"note  {note}")
    found = problems(scored)
    for problem in found:
        print(f"FAIL  {problem}")
    if not found:
        print(f"ok    every success of these {len(scored)} rows lies in [0, 1]")
    return int(bool(found))


def format_scores(scored: Sequence[RowScores]) -> str:
    """Return the table: a line for each row, with the score, verdict and success of each answer."""
    table = [HEADING]
    for row in scored:
        gold, wrong, empty = row.gold, row.wrong, row.empty
        table.append(
            (
                str(row.row),
                row.source,
                "-" if gold is None else _shown(gold.answer),
                _number(gold.score if gold else None),
                _number(gold.acc if gold else None),
                _success(gold),
                _number(wrong.score if wrong else None),
                _success(wrong),
                _number(empty.score),
                _success(empty),
            )
        )
    widths = [max(len(line[column]) for line in table) for column in range(len(HEADING))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in table
    )


def problems(scored: Sequence[RowScores]) -> list[str]:
    """Return what would stop a run, once each, with the first row that shows it."""
    found: dict[tuple[str, str], str] = {}
    for row in scored:
        for outcome in _outcomes(row):
            if outcome.problem:
                # one line per source and kind of trouble; the values in the text differ from row to row
                kind = (row.source, "score" if outcome.score is not None else outcome.problem)
                found.setdefault(
                    kind, f"row {row.row} ({row.source}), answer {outcome.answer!r}: {outcome.problem}"
                )
    return list(found.values())


def notes(scored: Sequence[RowScores]) -> list[str]:
    """Return what would not stop a run but is rarely meant, one line per data source."""
    lines = []
    for source in dict.fromkeys(row.source for row in scored):
        mine = [row for row in scored if row.source == source]
        if all(row.gold is None for row in mine):
            lines.append(
                f"{source}: no reference answer that can be written as text; only the empty answer was scored"
            )
        best = [row.gold.success for row in mine if row.gold is not None and row.gold.success is not None]
        other = [
            outcome.success
            for row in mine
            for outcome in (row.wrong, row.empty)
            if outcome is not None and outcome.success is not None
        ]
        if best and other and max(best) <= max(other):
            lines.append(
                f"{source}: the reference answer succeeds no more ({max(best):g}) than a wrong one ({max(other):g}); "
                "if the scorer wants a certain form, give it: --form '... {} ...'"
            )
        elif other and max(other) > 0.0:
            lines.append(
                f"{source}: a wrong or empty answer counts as a success of {max(other):g}; if it should count as "
                f"none: '+curriculum.success={{{source}:{{threshold:x}}}}'"
            )
    return lines


def _outcomes(row: RowScores) -> list[Outcome]:
    return [*row.golds, *([] if row.wrong is None else [row.wrong]), row.empty]


def _shown(answer: str) -> str:
    text = " ".join(answer.split())
    return text if len(text) <= WIDTH else text[: WIDTH - 3] + "..."


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"


def _success(outcome: Outcome | None) -> str:
    if outcome is None:
        return "-"
    return "STOPS" if outcome.success is None else f"{outcome.success:g}"
