"""The report's tables as data and as text for a terminal."""

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

from sparft_verl.report.families import read_families
from sparft_verl.report.gather import gather
from sparft_verl.report.heldout import HeldoutRow, read_heldout
from sparft_verl.report.run import Run
from sparft_verl.report.stats import edge_means
from sparft_verl.report.svg import percent, points


@dataclass(frozen=True)
class ArmRow:
    """One arm over the whole run."""

    name: str
    size: int
    """Prompts in the arm."""
    pulls: int
    """Prompts served from it."""
    share: float
    """Of all prompts served; nan when none was."""
    first: float
    """Solve rate of the first quarter of its groups; nan without a group."""
    last: float
    """Solve rate of the last quarter of its groups; nan without a group."""
    discarded: int
    """Groups that were observed but not trained on."""


def arm_rows(run: Run) -> list[ArmRow]:
    """Return one row per arm, in the journal's order (easiest first)."""
    pulls = run.series.pulls.sum(axis=0)
    total = int(pulls.sum())
    rows = []
    for arm, name in enumerate(run.arm_names):
        first, last = edge_means(run.outcomes[arm])
        share = int(pulls[arm]) / total if total else float("nan")
        rows.append(
            ArmRow(name, run.arm_sizes[arm], int(pulls[arm]), share, first, last, int(run.discarded[arm]))
        )
    return rows


def arm_table(journal: str | PathLike[str]) -> list[ArmRow]:
    """Return the arms of the run recorded in the file `journal`, easiest first."""
    return arm_rows(gather(Path(journal)))


def heldout_table(
    validation_dir: str | PathLike[str], heldout: str | PathLike[str] | None = None
) -> list[HeldoutRow]:
    """Return held-out accuracy by data source at the first and last step dumped in `validation_dir`.

    `heldout` is the verl parquet of the validation set; it tells the items' data sources when the dump does not.
    """
    return list(read_heldout(Path(validation_dir), read_families(Path(heldout)) if heldout else None).rows)


ARM_HEADER = ("arm", "size", "pulls", "share", "solved, first", "solved, last", "discarded")
HELDOUT_HEADER = ("data source", "items", "before", "after", "gain, points", "95 % interval")


def arm_cells(row: ArmRow) -> tuple[str, ...]:
    """Return the row as text, one cell per name in ARM_HEADER."""
    return (
        row.name,
        str(row.size),
        str(row.pulls),
        percent(row.share, 1),
        percent(row.first),
        percent(row.last),
        str(row.discarded),
    )


def heldout_cells(row: HeldoutRow) -> tuple[str, ...]:
    """Return the row as text, one cell per name in HELDOUT_HEADER."""
    interval = f"{points(row.gain.low)} to {points(row.gain.high)}" if row.gain.n > 1 else "–"
    return (
        row.source,
        str(row.gain.n),
        percent(row.before, 1),
        percent(row.after, 1),
        points(row.gain.mean),
        interval,
    )


def format_table(rows: Sequence[ArmRow] | Sequence[HeldoutRow]) -> str:
    """Return the table as lines for a terminal, first column left, the others right; "" without rows."""
    if not rows:
        return ""
    header: tuple[str, ...] = ARM_HEADER if isinstance(rows[0], ArmRow) else HELDOUT_HEADER
    cells = [header, *(arm_cells(row) if isinstance(row, ArmRow) else heldout_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    lines = [
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]).rstrip()
        for line in cells
    ]
    lines.insert(1, "  ".join("─" * width for width in widths))
    return "\n".join(lines)
