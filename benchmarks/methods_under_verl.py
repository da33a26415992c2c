"""Every curriculum for a few steps under real verl on this CPU, with a resume in between.

`python -m benchmarks.methods_under_verl [--methods a,b] [--steps 2] [--work DIR] --json FILE`

Goes on where it stopped: a method that FILE has an entry of is not run again.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.e2e_full.runs import RunFailed, launch, make_task
from benchmarks.machine import commit, machine, versions
from sparft_verl.curricula import METHODS
from sparft_verl.journal import JOURNAL, read

PACKAGES = ("sparft-verl", "verl", "torch", "transformers", "ray")
OVERRIDES = {
    "custom": (
        "curriculum.class_path=benchmarks.user_curriculum.Signal",
        "+curriculum.options={temperature:0.2}",
    )
}


def train(task: Path, out: Path, name: str, steps: int) -> None:
    """Run verl up to `steps`, from its last checkpoint; raises RunFailed with the end of its log."""
    log = task / f"{name}-{steps}.log"
    overrides = ["trainer.save_freq=1", *OVERRIDES.get(name, ())]
    verl = launch(task, out, log, *overrides, curriculum=name, steps=steps)
    try:
        verl.finish()
    finally:
        if verl.process.poll() is None:
            verl.kill()


def run(folder: Path, name: str, steps: int) -> dict[str, Any]:
    """Train for `steps`, resume for one more; return what the journal and verl's logger saw."""
    out = folder / name
    shutil.rmtree(out, ignore_errors=True)
    start = time.perf_counter()
    train(folder, out, name, steps)
    train(folder, out, name, steps + 1)
    records = read(out / JOURNAL).records
    live = [record for record in records if not record.rolled_back]
    lines = [json.loads(line)["data"] for line in (out / "metrics.jsonl").read_text().splitlines()]
    seen = {key: value for line in lines for key, value in line.items() if key.startswith("sparft/")}
    return {
        "steps": [record["step"] for record in live if record.event == "tick"],
        "served": [record["rows"] for record in live if record.event == "propose"],
        "groups": sum(len(record["row"]) for record in live if record.event == "observe"),
        "resumed_at": [record["step"] for record in records if record.event == "resume"],
        "metrics": seen,
        "seconds": time.perf_counter() - start,
    }


def require_resumed(entry: dict[str, Any], steps: int) -> None:
    """Raise RunFailed unless each step was closed once, the last one after a resume."""
    done = (entry["steps"], entry["resumed_at"])
    if done != (list(range(1, steps + 2)), [steps]):
        raise RunFailed(f"steps closed and resumes must be 1..{steps + 1} and [{steps}], but are {done}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.methods_under_verl", description=__doc__)
    parser.add_argument("--methods", default=",".join(sorted(METHODS)), help="comma-separated")
    parser.add_argument("--steps", type=int, default=2, help="optimiser steps before the resume")
    parser.add_argument("--work", type=Path, help="folder for data and runs (default: a temporary one)")
    parser.add_argument("--json", type=Path, required=True, help="file for the result")
    arguments = parser.parse_args()
    result = {"benchmark": "methods-under-verl", "methods": {}}
    if arguments.json.exists():
        result = json.loads(arguments.json.read_text())
    methods: dict[str, Any] = result["methods"]
    work = (arguments.work or Path(tempfile.mkdtemp(prefix="methods-under-verl-"))).resolve()
    if not (work / "artefact" / "manifest.json").exists():
        make_task(work)
    for name in arguments.methods.split(","):
        if "error" in methods.get(name, {"error": ""}):
            where = {"machine": machine(), "versions": versions(PACKAGES), "commit": commit()}
            try:
                methods[name] = run(work, name, arguments.steps) | where
                require_resumed(methods[name], arguments.steps)
            except RunFailed as error:
                methods[name] = {"error": str(error)} | where
            arguments.json.parent.mkdir(parents=True, exist_ok=True)
            arguments.json.write_text(json.dumps(result, indent=1) + "\n")
        entry = methods[name]
        said = entry.get("error", "").splitlines()[-1:] or [f"steps {entry.get('steps')}"]
        print(f"{name:15}{said[0]}", flush=True)
    return int(any("error" in entry for entry in methods.values()))


if __name__ == "__main__":
    sys.exit(main())
