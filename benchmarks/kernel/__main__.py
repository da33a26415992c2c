"""`python -m benchmarks.kernel [--quick] [--only FAMILY ..] --json FILE`"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.kernel import report
from benchmarks.kernel.case import SIZES
from benchmarks.kernel.child import FAMILIES
from benchmarks.machine import commit, machine, versions, write_result
from sparft_verl import bandit

_PACKAGES = ("sparft-verl", "numpy", "torch", "mabwiser", "fpsample", "scikit-learn", "cupy-cuda13x")
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
ROOT = Path(__file__).parents[2]


def run_family(family: str, threads: int, size: str) -> dict[str, Any]:
    """Return floor and rows of one child process. Raises RuntimeError with what it printed if it fails."""
    with tempfile.TemporaryDirectory(prefix="bench-kernel-") as folder:
        target = Path(folder, "rows.json")
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.kernel.child", family, str(threads), size, str(target)],
            cwd=ROOT,
            env={**os.environ, **dict.fromkeys(_THREADS, str(threads))},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode != 0:
            raise RuntimeError(
                f"{family} on {threads} threads ended with {done.returncode}:\n{done.stdout[-4000:]}"
            )
        return json.loads(target.read_text())


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="benchmarks.kernel", description=sys.modules["benchmarks.kernel"].__doc__
    )
    parser.add_argument("--quick", action="store_true", help="fewer and smaller cases, within a minute")
    parser.add_argument("--tiny", action="store_true", help="only whether it runs; the numbers mean nothing")
    parser.add_argument("--only", nargs="+", choices=FAMILIES, default=FAMILIES, help="these families")
    parser.add_argument("--json", type=Path, required=True, help="file for the result")
    arguments = parser.parse_args()
    size = "tiny" if arguments.tiny else "quick" if arguments.quick else "full"
    result: dict[str, Any] = {
        "benchmark": "kernel",
        "kind": SIZES[size].name,
        "machine": machine(),
        "versions": versions(_PACKAGES),
        "backend": bandit.backend_info(),
        "commit": commit(),
        "floor_seconds_per": {},
        "rows": [],
        "absent": {},
    }
    for family in arguments.only:
        if family == "cuda" and (problem := report.no_device()):
            result["absent"]["cuda"] = problem
            continue
        for threads in (1,) if family == "cuda" else (1, 2):
            part = run_family(family, threads, size)
            if threads == 1:
                result["floor_seconds_per"][family] = part["floor"]
            result["rows"] += part["rows"]
            report.rows(part["rows"])
    write_result(arguments.json, result)
    report.summary(result)


main()
