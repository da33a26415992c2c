"""`python -m benchmarks.overhead [--quick] [--methods a,b] --json FILE`"""

import argparse
import sys
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.curricula.measure import ARMS, ROLLOUTS
from benchmarks.machine import commit, machine, versions, write_result
from benchmarks.overhead.measure import PARTS, measure
from benchmarks.overhead.queue import TOKENS
from sparft_verl.curricula import METHODS

LIMIT = 0.015
"""Seconds a step may take at 10^6 prompts."""
BATCHES = (256, 1024)
"""Prompts a step."""
FAMILIES = {
    "passes": "uniform",
    "gaussian arms": "sparft",
    "beta arms": "sparft_beta",
    "softmax arms, advantages": "sec",
    "window, advantages": "dump",
    "levels": "e2h",
    "prompts, all": "bots",
    "prompts, a pool": "mopps",
    "prompts, nearest": "adarft",
}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="benchmarks.overhead", description=sys.modules["benchmarks.overhead"].__doc__
    )
    parser.add_argument("--quick", action="store_true", help="10^4 prompts only, a few steps each")
    parser.add_argument("--methods", default="", help="names, comma-separated (default: one of each family)")
    parser.add_argument("--json", type=Path, required=True, help="file for the result")
    arguments = parser.parse_args()
    names = arguments.methods.split(",") if arguments.methods else list(FAMILIES.values())
    unknown = sorted(set(names) - set(METHODS))
    if unknown:
        parser.error(f"--methods {unknown[0]}: there is no such curriculum; `sparft curricula` lists them")
    sizes, steps = ((10_000,), 5) if arguments.quick else ((10_000, 1_000_000), 15)
    result: dict[str, Any] = {
        "benchmark": "overhead",
        "kind": "quick" if arguments.quick else "full",
        "shape": {
            "rollouts": ROLLOUTS,
            "arms": ARMS,
            "tokens_per_rollout": TOKENS,
            "steps": steps,
        },
        "families": FAMILIES,
        "machine": machine(),
        "versions": versions(("sparft-verl", "numpy", "torch", "tensordict", "verl")),
        "commit": commit(),
        "measured": [],
    }
    print(
        f"{'milliseconds':15}{'prompts':>9}{'a step':>8}"
        + "".join(f"{part:>9}" for part in (*PARTS, "step", "cpu", "of limit"))
    )
    for batch, prompts, name in product(BATCHES, sizes, names):
        row = measure({"method": name}, prompts, batch, steps)
        row["share_of_limit"] = row["seconds_step"] / LIMIT
        result["measured"].append(row)
        values = [*(row["seconds"][part] for part in PARTS), row["seconds_step"], row["cpu_seconds_step"]]
        print(
            f"{name:15}{prompts:9}{batch:8}{''.join(f'{1000 * value:9.2f}' for value in values)}"
            f"{row['share_of_limit']:9.2f}",
            flush=True,
        )
    for batch in BATCHES:
        rows = [row for row in result["measured"] if row["prompts_per_step"] == batch]
        slowest = max(rows, key=lambda row: (row["prompts"], row["seconds_step"]))
        print(
            f"slowest at {slowest['prompts']} prompts, {batch} a step: {slowest['settings']['method']}, "
            f"{slowest['share_of_limit']:.2f} of the limit of {1000 * LIMIT:.0f} ms"
        )
    write_result(arguments.json, result)


if __name__ == "__main__":
    main()
