"""`python -m benchmarks.step [--quick] [--steps N] --json FILE`"""

import argparse
import sys
from pathlib import Path
from typing import Any

from benchmarks.machine import commit, machine, versions, write_result
from benchmarks.step import assets

_PACKAGES = ("sparft-verl", "verl", "torch", "transformers", "ray", "TransferQueue", "tensordict")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="benchmarks.step", description=sys.modules["benchmarks.step"].__doc__
    )
    parser.add_argument("--quick", action="store_true", help="only the generation engine, within a minute")
    parser.add_argument("--steps", type=int, default=12, help="steps of the full run (default: 12)")
    parser.add_argument("--json", type=Path, required=True, help="file for the result")
    arguments = parser.parse_args()
    if arguments.steps < 3:
        parser.error(f"--steps {arguments.steps}: the first step is left out, so at least 3 are needed")
    result: dict[str, Any] = {
        "benchmark": "step",
        "kind": "quick" if arguments.quick else "full",
        "shape": {"prompts": assets.PROMPTS, "rollouts": assets.ROLLOUTS, "tokens": assets.TOKENS},
        "machine": machine(),
        "versions": versions(_PACKAGES),
        "commit": commit(),
    }
    if arguments.quick:
        from benchmarks.step import quick

        result["measured"] = measured = quick.measure()
    else:
        from benchmarks.step import full

        result["measured"] = measured = full.measure(arguments.steps)
    write_result(arguments.json, result)
    report(result["kind"], measured)


def report(kind: str, measured: dict[str, Any]) -> None:
    """Print what a person wants to know, the number to compare last."""
    if kind == "quick":
        print(
            f"engine                {1000 * measured['engine_seconds']:8.1f} ms for {measured['tokens']} tokens"
        )
        print(f"transformers.generate {1000 * measured['generate_seconds']:8.1f} ms")
        print(f"engine / transformers.generate = {measured['ratio']:.2f} (below 1 is faster)")
        return
    for part, seconds in measured["median_seconds_of"].items():
        print(f"  {part:16s}{seconds:8.3f} s")
    print(
        f"CPU seconds: {measured['cpu_seconds_to_end_of_first_step']:.1f} to the end of the first step, ",
        end="",
    )
    print(f"{measured['cpu_seconds_per_step']:.2f} per later step")
    print(f"first step ends after {measured['seconds_to_end_of_first_step']:.1f} s")
    print(f"median step: {measured['median_seconds_per_step']:.2f} s")


if __name__ == "__main__":
    main()
