"""Several runs as one table: mean, sd over seeds, 95 % interval, and the paired difference from a baseline.

    python -m recipes.collect runs/gsm8k/* --against selected-Qwen3-0.6B --test data/gsm8k/test.parquet
    python -m recipes.collect runs/aime/*                    # avg@32: every item counts as the mean of its samples
    python -m recipes.collect runs/gsm8k/* --tokens 2000000  # every run as it was within equal tokens

A RUN is a run's folder (or METHOD=FOLDER): NAME-SEED belongs to the method NAME. Without --step or --tokens it is the
last validation of each run.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from math import isnan
from pathlib import Path

from recipes.evaluation.groups import ALL, by_cluster, by_column, split
from recipes.evaluation.scores import CollectError, read_run
from recipes.evaluation.statistics import Line, compare, shared_items
from sparft_verl.prepare.errors import PrepareError
from sparft_verl.report.errors import ReportError


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m recipes.collect",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("runs", nargs="+", metavar="RUN")
    parser.add_argument("--against", metavar="METHOD", help="the method that the others are compared with")
    at = parser.add_mutually_exclusive_group()
    at.add_argument("--step", type=int, help="equal steps: the validation at this step")
    at.add_argument(
        "--tokens", type=int, help="equal tokens: the last validation within so many trained tokens"
    )
    parser.add_argument(
        "--test",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="what was data.val_files: a table for each group of items",
    )
    parser.add_argument(
        "--by", default="data_source", help="with --test: the column that groups (default: %(default)s)"
    )
    parser.add_argument(
        "--clusters", type=Path, metavar="ARTEFACT", help="with --test: group by the artefact's arms"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers there, too")
    return parser


def tables(arguments: argparse.Namespace) -> dict[str, list[Line]]:
    """Return group to lines. Raises CollectError or ReportError for runs that cannot be compared."""
    runs = [read_run(run, step=arguments.step, tokens=arguments.tokens) for run in arguments.runs]
    methods = sorted({run.method for run in runs})
    if arguments.against is not None and arguments.against not in methods:
        raise CollectError(
            f"--against {arguments.against} is none of the methods here ({', '.join(methods)})"
        )
    if arguments.clusters is not None and arguments.test is None:
        raise CollectError("--clusters needs the test items; give --test the parquet that was data.val_files")
    items = shared_items(runs)
    left_out = max(len(run.scores) for run in runs) - len(items)
    if left_out:
        print(f"collect: {left_out} items that not every run was tested on are left out", file=sys.stderr)
    groups = {ALL: items} if arguments.test is None else split(items, _groups(arguments))
    return {group: compare(runs, members, arguments.against) for group, members in groups.items()}


def _groups(arguments: argparse.Namespace) -> dict[str, str]:
    if arguments.clusters is not None:
        return by_cluster(arguments.test, arguments.clusters)
    return by_column(arguments.test, arguments.by)


def rows(lines: Sequence[Line]) -> list[list[str]]:
    """Return a table's head and its lines as text."""
    samples = {line.samples for line in lines}
    score = f"avg@{samples.pop()}" if len(samples) == 1 and samples != {1} else "accuracy"
    interval = "95 % interval"
    head = ["method", "runs", "step", "tokens", "items", score, "sd", interval, "difference", interval, "p"]
    return [head, *(_row(line) for line in lines)]


def aligned(table: Sequence[Sequence[str]]) -> str:
    """Return the table with columns of equal width, the first to the left, numbers to the right."""
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    lines = [
        [
            row[0].ljust(widths[0]),
            *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)),
        ]
        for row in table
    ]
    return "\n".join("  ".join(line).rstrip() for line in lines)


def _row(line: Line) -> list[str]:
    steps = "-".join(str(step) for step in dict.fromkeys((line.steps[0], line.steps[-1])))
    difference = ["", "", ""]
    if line.difference is not None:
        difference = [
            f"{line.difference:+.3f}",
            f"{line.difference_low:+.3f} .. {line.difference_high:+.3f}",
            f"{line.p:.4f}",
        ]
    return [
        line.method,
        str(line.runs),
        steps,
        "?" if line.tokens is None else f"{line.tokens:,.0f}",
        str(line.items),
        f"{line.mean:.3f}",
        "-" if isnan(line.sd) else f"{line.sd:.3f}",
        f"{line.low:.3f} .. {line.high:.3f}",
        *difference,
    ]


def main(argv: list[str] | None = None) -> int:
    """Print the tables; return 0, or 2 when the runs cannot be compared."""
    arguments = _parser().parse_args(argv)
    try:
        found = tables(arguments)
    except (CollectError, ReportError, PrepareError) as error:
        print(f"collect: {error}", file=sys.stderr)
        return 2
    for group, lines in found.items():
        print(f"\n{group}\n{aligned(rows(lines))}")
    if arguments.json:
        numbers = {group: [asdict(line) for line in lines] for group, lines in found.items()}
        text = json.dumps(numbers, indent=1, allow_nan=True).replace("NaN", "null")
        arguments.json.write_text(text + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
