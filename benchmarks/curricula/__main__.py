"""`python -m benchmarks.curricula [--quick] [--methods a,b] --json FILE`"""

import argparse
import sys
from pathlib import Path
from typing import Any

from benchmarks.curricula.measure import ARMS, BATCH, ROLLOUTS, measure
from benchmarks.machine import commit, machine, versions, write_result
from sparft_verl.bandit import backend_info
from sparft_verl.curricula import METHODS

STEP_LIMIT = {"arm": 0.005, "prompt": 0.025}
"""Seconds that propose + observe + tick may take at 10^6 prompts, on two cores."""
SAVE_LIMIT = 0.050
"""Seconds that saving the state may take at 10^5 prompts."""


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="benchmarks.curricula", description=sys.modules["benchmarks.curricula"].__doc__
    )
    parser.add_argument("--quick", action="store_true", help="10^4 and 10^5 prompts only, a few steps each")
    parser.add_argument("--methods", default="", help="names, comma-separated (default: all)")
    parser.add_argument("--json", type=Path, required=True, help="file for the result")
    arguments = parser.parse_args()
    names = arguments.methods.split(",") if arguments.methods else sorted(set(METHODS) - {"custom"})
    unknown = sorted(set(names) - set(METHODS))
    if unknown:
        parser.error(f"--methods {unknown[0]}: there is no such curriculum; `sparft curricula` lists them")
    sizes, steps = ((10_000, 100_000), 5) if arguments.quick else ((100_000, 1_000_000), 30)
    result: dict[str, Any] = {
        "benchmark": "curricula",
        "kind": "quick" if arguments.quick else "full",
        "shape": {"prompts_per_step": BATCH, "rollouts": ROLLOUTS, "arms": ARMS, "steps": steps},
        "machine": machine(),
        "versions": versions(("sparft-verl", "numpy", "scipy")),
        "backend": backend_info(),
        "commit": commit(),
        "measured": [],
    }
    columns = ("step", "cpu", "propose", "observe", "tick", "slowest", "save")
    print(f"{'milliseconds':15}{'prompts':>9}" + "".join(f"{column:>9}" for column in columns))
    for name in names:
        for prompts in sizes:
            row = measure({"method": name}, prompts, steps)
            result["measured"].append(row)
            step, save = row["seconds_step"], row["seconds_save"]
            over = (prompts == 10**6 and step > STEP_LIMIT[row["unit"]]) or (
                prompts == 10**5 and save > SAVE_LIMIT
            )
            parts = ("propose", "observe", "tick", "slowest_step", "save")
            values = [step, row["cpu_seconds_step"], *(row[f"seconds_{part}"] for part in parts)]
            print(
                f"{name:15}{prompts:9}{''.join(f'{1000 * value:9.2f}' for value in values)}"
                f"{'  over its limit' if over else ''}",
                flush=True,
            )
    write_result(arguments.json, result)


if __name__ == "__main__":
    main()
