"""`python -m benchmarks.learning --suite NAME [--jobs 2] [--store DIR] [--json FILE] [--limit-minutes M] [--quick]`"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.learning.compare import BASELINE, Table
from benchmarks.learning.pool import PACKAGES, fill
from benchmarks.learning.readme import write
from benchmarks.learning.sections import CHOSEN
from benchmarks.learning.spec import VERSION, Spec
from benchmarks.learning.store import RESULTS, Record, Store
from benchmarks.learning.suites import QUICK, SUITES
from benchmarks.learning.tables import as_json, compare, text
from benchmarks.machine import commit, machine, versions

ALONE = ("ablations",)
"""Suites whose baseline is CHOSEN, not uniform sampling."""


def main(argv: list[str] | None = None) -> int:
    """Run what the store lacks of a suite, print its table; 0 unless a run failed."""
    arguments = _parse(argv)
    if arguments.report:
        for path in write(Store(arguments.store), SUITES):
            print(path)
        return 0
    if arguments.quick:
        with tempfile.TemporaryDirectory() as folder:
            quick = Store(Path(folder))
            quick.cache = _warm_enough(Store(arguments.store).cache, quick.cache)
            return _run(quick, QUICK, "quick", arguments)
    return _run(Store(arguments.store), SUITES[arguments.suite], arguments.suite, arguments)


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="benchmarks.learning", description=sys.modules["benchmarks.learning"].__doc__
    )
    told = "; ".join(f"{name}: {len(suite)} runs" for name, suite in SUITES.items())
    parser.add_argument("--suite", choices=list(SUITES), help=told)
    parser.add_argument(
        "--quick", action="store_true", help="two short runs that show that it works; no evidence"
    )
    parser.add_argument(
        "--report", action="store_true", help="only write tables and figures anew from the store"
    )
    parser.add_argument(
        "--jobs", type=int, default=2, help="runs at a time, one core each (default: %(default)s)"
    )
    parser.add_argument(
        "--store", type=Path, default=RESULTS, help="folder of finished runs (default: %(default)s)"
    )
    parser.add_argument(
        "--limit-minutes", type=float, help="begin no run after so long; the next call goes on"
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write table, seeds, machine and commit there too"
    )
    arguments = parser.parse_args(argv)
    if sum((arguments.suite is not None, arguments.quick, arguments.report)) != 1:
        parser.error("give one of --suite NAME, --quick and --report")
    if arguments.jobs < 1:
        parser.error(f"--jobs must be at least 1, got {arguments.jobs}")
    if arguments.json is not None and not arguments.json.parent.is_dir():
        parser.error(f"--json: the folder {arguments.json.parent} does not exist; create it first")
    return arguments


def _warm_enough(cache: Path, instead: Path) -> Path:
    """Return `cache` if it has the warm policy, which takes minutes to make, else `instead` with a hurried one."""
    from benchmarks.learning.warm_start import HURRIED, RECIPE, keep, place, warm_policy

    if place("train", cache, 0, RECIPE).exists():
        return cache
    print("quick: no warm policy yet; a hurried one serves here", file=sys.stderr, flush=True)
    policy, seconds = warm_policy("train", instead, recipe=HURRIED)
    keep(policy, seconds, place("train", instead, 0, RECIPE))
    return instead


def _run(store: Store, specs: list[Spec], name: str, arguments: argparse.Namespace) -> int:
    lacking, began = len(store.missing(specs)), time.monotonic()
    print(f"{name}: {lacking} of {len(specs)} runs to make", file=sys.stderr, flush=True)
    wrong = fill(store, specs, arguments.jobs, arguments.limit_minutes)
    records = store.of(specs)
    took = time.monotonic() - began
    print(
        f"{name}: {len(records)} of {len(specs)} runs in the store, {took:.0f} s", file=sys.stderr, flush=True
    )
    for line in wrong:
        print(f"failed: {line}", file=sys.stderr)
    tables = compare(records, baseline=CHOSEN if name in ALONE else BASELINE)
    print(text(tables))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(_result(name, records, tables), indent=1) + "\n")
    return 1 if wrong else 0


def _result(name: str, records: list[Record], tables: list[Table]) -> dict[str, Any]:
    return {
        "benchmark": "learning",
        "suite": name,
        "world_version": VERSION,
        "seeds": sorted({record["spec"]["seed"] for record in records}),
        "machine": machine(),
        "versions": versions(PACKAGES),
        "commit": commit(),
        "tables": as_json(tables),
        "runs": [
            {name: record[name] for name in ("key", "spec", "commit", "core_seconds", "final")}
            for record in records
        ],
    }


if __name__ == "__main__":
    raise SystemExit(main())
