"""`python -m benchmarks.learning.crosscheck [--engine loop|verl] [--limit-minutes M]`: runs what the store lacks."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from benchmarks.learning.crosscheck import under_verl
from benchmarks.learning.crosscheck.agree import table
from benchmarks.learning.crosscheck.specs import SPECS
from benchmarks.learning.pool import PACKAGES, fill
from benchmarks.learning.store import RESULTS, Store
from benchmarks.machine import commit, machine, versions


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.learning.crosscheck", description=__doc__)
    parser.add_argument("--engine", choices=("loop", "verl"), help="run this one's alone")
    parser.add_argument(
        "--limit-minutes", type=float, default=float("inf"), help="begin no run after so long"
    )
    parser.add_argument("--jobs", type=int, default=1, help="processes of the loop; verl runs one at a time")
    parser.add_argument("--store", type=Path, default=RESULTS, help="folder of finished runs")
    parser.add_argument("--work", type=Path, help="folder for what verl writes (default: a temporary one)")
    arguments = parser.parse_args()
    store, began = Store(arguments.store), time.monotonic()
    wrong: list[str] = []
    if arguments.engine != "verl":
        mine = [spec for spec in SPECS if spec.engine == "loop"]
        wrong += fill(store, mine, arguments.jobs, arguments.limit_minutes)
    theirs = [spec for spec in SPECS if spec.engine == "verl"] if arguments.engine != "loop" else []
    work = arguments.work or Path(tempfile.mkdtemp(prefix="learning-crosscheck-"))
    for spec in store.missing(theirs):
        if time.monotonic() - began > 60 * arguments.limit_minutes:
            break
        told = {"commit": commit(), "versions": versions(PACKAGES), "machine": machine()}
        name = f"{spec.label}-{spec.seed}"
        try:
            record = under_verl.run(spec, store.folder / "cache", (work / name).resolve())
        except RuntimeError as error:
            wrong.append(f"{name}: {error}")
            break
        store.append({**record, **told})
        print(f"{name}: {record['wall_seconds']:.0f} s under verl", flush=True)
    store.close()
    print(
        "\n".join(
            [*wrong, table(store.of(SPECS)) or f"of {len(SPECS)} runs {len(store.of(SPECS))} are there"]
        )
    )
    return int(bool(wrong))


if __name__ == "__main__":
    raise SystemExit(main())
