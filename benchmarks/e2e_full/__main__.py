"""`python -m benchmarks.e2e_full [--cases a,b] [--work DIR] --json FILE`"""

import argparse
import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

from benchmarks.e2e_full.cases import CASES
from benchmarks.machine import commit, machine, versions
from sparft_verl.atomic import written_aside

PACKAGES = ("sparft-verl", "verl", "torch", "transformers", "ray", "TransferQueue", "tensordict", "numpy")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="benchmarks.e2e_full",
        description="Real verl on CPU, case by case; cases that FILE has are not run again.",
    )
    names = [case.name for case in CASES]
    parser.add_argument(
        "--cases", default="", help=f"names, comma-separated (default: all of {', '.join(names)})"
    )
    parser.add_argument(
        "--work", type=Path, default=Path("runs/e2e-full"), help="folder for data, logs and checkpoints"
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of the instants at which runs are killed")
    parser.add_argument("--json", type=Path, required=True, help="file for the result")
    arguments = parser.parse_args()
    wanted = arguments.cases.split(",") if arguments.cases else names
    unknown = sorted(set(wanted) - set(names))
    if unknown:
        parser.error(f"--cases {unknown[0]}: there is no such case; there are {', '.join(names)}")
    result = load(arguments.json)
    todo = [case for case in CASES if case.name in wanted and case.name not in done(result)]
    print(f"{len(todo)} of {len(wanted)} cases to run", file=sys.stderr, flush=True)
    if not todo:
        return
    from benchmarks.e2e_full.execute import execute
    from benchmarks.e2e_full.runs import make_task

    work = arguments.work.resolve()
    task = work / "task"
    if not (task / "artefact" / "manifest.json").exists():
        make_task(task)
    failed = []
    for case in todo:
        print(f"{case.name}: {case.steps} steps, {case.kills} kills", file=sys.stderr, flush=True)
        where = {
            "machine": machine(),
            "versions": versions(PACKAGES),
            "commit": commit(),
            "seed": arguments.seed,
        }
        try:
            entry = execute(case, task, work, arguments.seed)
        except (AssertionError, RuntimeError):
            traceback.print_exc()
            failed.append(case.name)
            continue
        where["machine"]["load_after"] = os.getloadavg()
        result["cases"].append(entry | where)
        save(arguments.json, result)
        for check in entry["checks"]:
            print(f"  {check}", file=sys.stderr)
        print(f"  {entry['seconds']} s", file=sys.stderr, flush=True)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def load(path: Path) -> dict[str, Any]:
    """Return the result in the file, or an empty one where there is none."""
    if not path.exists():
        return {"benchmark": "e2e-full", "cases": []}
    result: dict[str, Any] = json.loads(path.read_text())
    return result


def done(result: dict[str, Any]) -> set[str]:
    """Return the names of the cases in a result."""
    return {entry["case"] for entry in result["cases"]}


def save(path: Path, result: dict[str, Any]) -> None:
    """Write the result, whole or not at all."""
    with written_aside(path) as aside:
        aside.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
