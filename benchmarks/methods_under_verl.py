"""Every curriculum for a few steps under real verl on this CPU, with a resume in between.

`python -m benchmarks.methods_under_verl [--methods a,b] [--steps 2] [--work DIR] --json FILE`

Goes on where it stopped: a method that FILE has an entry of is not run again.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from sparft_verl.curricula import METHODS
from sparft_verl.journal import read

ROOT = Path(__file__).parents[1]
RECIPE = ROOT / "recipes" / "tiny_cpu"
SMALL = [
    "data.train_batch_size=8", "actor_rollout_ref.rollout.n=4", "data.max_response_length=8",
    "trainer.val_before_train=False", "trainer.test_freq=-1",
]  # fmt: skip


def prepare(folder: Path) -> None:
    """Write tasks and artefact, once."""
    if (folder / "artefact").exists():
        return
    tasks = ["recipes.tiny_cpu.tasks", "--out", folder, "--train", "200", "--held-out", "16"]
    artefact = [
        "sparft_verl.cli", "prepare", f"data.train_files={folder}/train.parquet", f"out={folder}/artefact",
        "embed.engine=lexical", "difficulty.column=extra_info.difficulty", "cluster.k=4", "select.budget=32",
    ]  # fmt: skip
    for command in (tasks, artefact):
        subprocess.run([sys.executable, "-m", *command], cwd=ROOT, check=True)


def train(folder: Path, out: Path, name: str, steps: int) -> None:
    """Run verl up to `steps`, from its last checkpoint; raises RuntimeError with the end of its log."""
    environment = {
        **os.environ, "DATA": str(folder), "ARTEFACT": str(folder / "artefact"), "OUT": str(out),
        "CURRICULUM": name, "STEPS": str(steps),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        # the checkout's package, wherever the environment's own one lies
        "PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
    }  # fmt: skip
    command = ["bash", str(RECIPE / "run.sh"), *SMALL, "trainer.save_freq=1"]
    log = folder / f"{name}-{steps}.log"
    with log.open("w") as output:
        status = subprocess.call(
            command, stdout=output, stderr=subprocess.STDOUT, env=environment, cwd=folder
        )
    if status:
        raise RuntimeError("\n".join(log.read_text(errors="replace").splitlines()[-40:]))


def run(folder: Path, name: str, steps: int) -> dict[str, Any]:
    """Train for `steps`, resume for one more; return what the journal and verl's logger saw."""
    out = folder / name
    shutil.rmtree(out, ignore_errors=True)
    start = time.perf_counter()
    train(folder, out, name, steps)
    train(folder, out, name, steps + 1)
    records = read(out / "sparft" / "journal.jsonl").records
    live = [record for record in records if not record.rolled_back]
    lines = [json.loads(line)["data"] for line in (out / "metrics.jsonl").read_text().splitlines()]
    seen = {key: value for line in lines for key, value in line.items() if key.startswith("sparft/")}
    return {
        "steps": [record["step"] for record in live if record.event == "tick"],
        "served": [record["rows"] for record in live if record.event == "propose"],
        "groups": sum(len(record["groups"]) for record in live if record.event == "observe"),
        "resumed_at": [record["step"] for record in records if record.event == "resume"],
        "metrics": seen,
        "seconds": time.perf_counter() - start,
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.methods_under_verl", description=__doc__)
    parser.add_argument(
        "--methods", default=",".join(sorted(set(METHODS) - {"custom"})), help="comma-separated"
    )
    parser.add_argument("--steps", type=int, default=2, help="optimiser steps before the resume")
    parser.add_argument("--work", type=Path, help="folder for data and runs (default: a temporary one)")
    parser.add_argument("--json", type=Path, required=True, help="file for the result")
    arguments = parser.parse_args()
    result = json.loads(arguments.json.read_text()) if arguments.json.exists() else {}
    work = arguments.work or Path(tempfile.mkdtemp(prefix="methods-under-verl-"))
    work.mkdir(parents=True, exist_ok=True)
    prepare(work.resolve())
    for name in arguments.methods.split(","):
        if "error" in result.get(name, {"error": ""}):
            try:
                result[name] = run(work.resolve(), name, arguments.steps)
            except RuntimeError as error:
                result[name] = {"error": str(error)}
            arguments.json.parent.mkdir(parents=True, exist_ok=True)
            arguments.json.write_text(json.dumps(result, indent=1) + "\n")
        entry = result[name]
        said = entry.get("error", "").splitlines()[-1:] or [f"steps {entry.get('steps')}"]
        print(f"{name:15}{said[0]}", flush=True)
    return int(any("error" in entry for entry in result.values()))


if __name__ == "__main__":
    sys.exit(main())
