"""`python -m benchmarks.prepare [--quick] [--only PART ..] --json FILE`"""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from benchmarks.machine import commit, machine, versions, write_result
from benchmarks.prepare import kmeans, meaning, report, stages

_PACKAGES = ("sparft-verl", "numpy", "scipy", "scikit-learn", "faiss-cpu", "faiss-gpu", "pyarrow")
PARTS = ("stages", "meaning", "curve", "kmeans")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="benchmarks.prepare", description=sys.modules["benchmarks.prepare"].__doc__
    )
    parser.add_argument("--quick", action="store_true", help="smaller cases, up to 10^5 prompts")
    parser.add_argument("--tiny", action="store_true", help="only whether it runs; the numbers mean nothing")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="these parts")
    parser.add_argument("--json", type=Path, required=True, help="file for the result")
    arguments = parser.parse_args()
    kind = "tiny" if arguments.tiny else "quick" if arguments.quick else "full"
    result: dict[str, Any] = {
        "benchmark": "prepare",
        "kind": kind,
        "machine": machine(),
        "versions": versions(_PACKAGES),
        "commit": commit(),
        "threads": stages.THREADS,
        "absent": {},
    }
    tiny, full = kind == "tiny", kind == "full"
    if "stages" in arguments.only:
        rows, dim = (500, 32) if tiny else (40_000, 1024) if full else (4000, 1024)
        result["stages"] = stages.pipeline(rows, dim)
        report.pipeline(result["stages"], full)
    if "meaning" in arguments.only:
        result["meaning"] = _meaning(result["absent"], 200 if tiny else 10**6 if full else 500)
        report.meaning(result["meaning"])
    if "curve" in arguments.only:
        sizes = (500, 1000) if tiny else (10**4, 10**5, 10**6) if full else (10**4, 10**5)
        result["curve"] = stages.curve(sizes, 32 if tiny else 384, 10)
        report.curve(result["curve"])
    if "kmeans" in arguments.only:
        shape = (500, 8, 10) if tiny else (40_000, 64, 100) if full else (10_000, 64, 100)
        budget, threads = (0.0, 1) if tiny else (20.0 if full else 2.0, stages.THREADS)
        result["kmeans"] = kmeans.compare(*shape, threads=threads, budget=budget)
    for name, why in result["absent"].items():
        print(f"absent: {name}: {why}")
    if "kmeans" in result:
        report.ratios(result["kmeans"])
    write_result(arguments.json, result)


def _meaning(absent: dict[str, str], most: int) -> list[dict[str, Any]]:
    threads = stages.THREADS
    table = meaning.measure("reasoning-gym families", meaning.reasoning_gym(min(most, 1500)), threads)
    folder = os.environ.get("SPARFT_DATA")
    if not folder:
        absent["real data"] = "SPARFT_DATA names no folder with the public sets"
        return table
    sets = {"MATH subjects": meaning.mathematics, "five public sets": meaning.real}
    if most < 1000:
        del sets["five public sets"]  # a quick run has no time for it
    for name, load in sets.items():
        table += meaning.measure(name, load(Path(folder), most), threads)
    return table


if __name__ == "__main__":
    main()
