"""The command `sparft simulate`."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from sparft_verl.curricula import METHODS
from sparft_verl.simulate.compare import CLAIM, compare
from sparft_verl.simulate.scenarios import SCENARIOS
from sparft_verl.simulate.table import format_comparison
from sparft_verl.simulate.variants import adjust, parse_variants, split_settings


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sparft simulate",
        description=f"Compare curricula on a simulated learner. {CLAIM}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="scenarios:\n"
        + "\n".join(f"  {name:10}{scenario.summary}" for name, scenario in SCENARIOS.items())
        + "\n\nexample: sparft simulate --methods uniform,sparft:choice=batch --scenario trap --seeds 8",
    )
    parser.add_argument(
        "--methods",
        default="sparft,uniform",
        help="`all`, or methods, comma-separated, each METHOD or METHOD:key=value:key=value "
        f"(default: %(default)s; known: {', '.join(sorted(METHODS))})",
    )
    parser.add_argument("--scenario", default="mixed", help=f"{' | '.join(SCENARIOS)} (default: %(default)s)")
    parser.add_argument("--steps", type=int, help="optimiser steps (default: the scenario's)")
    parser.add_argument("--seeds", type=int, default=8, help="number of seeds (default: %(default)s)")
    parser.add_argument("--first-seed", type=int, default=0, help="the first of them (default: %(default)s)")
    parser.add_argument(
        "--evaluate-every",
        type=int,
        help="steps between two looks at all prompts (default: a tenth of the run)",
    )
    parser.add_argument(
        "--set",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help="curriculum.KEY for every method, or a field of the scenario (items.dead, returns.lag, batch, ...)",
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write everything there too, runs and curves"
    )
    return parser


def main(argv: list[str]) -> int:
    """Print the table and return 0; print what is wrong with the arguments and return 2."""
    arguments = _parser().parse_args(argv)
    try:
        if arguments.scenario not in SCENARIOS:
            raise ValueError(
                f"--scenario: {arguments.scenario!r} is not a scenario; choose from {', '.join(SCENARIOS)}"
            )
        for name, low in (("seeds", 1), ("first_seed", 0), ("evaluate_every", 1), ("steps", 1)):
            value = getattr(arguments, name)
            if value is not None and not low <= value < 2**31:
                raise ValueError(f"--{name.replace('_', '-')} must be at least {low}, got {value}")
        if arguments.json is not None and not arguments.json.parent.is_dir():
            raise ValueError(f"--json: the folder {arguments.json.parent} does not exist; create it first")
        common, changes = split_settings(arguments.set)
        scenario = adjust(SCENARIOS[arguments.scenario], changes)
        if arguments.steps is not None:
            scenario = replace(scenario, steps=arguments.steps)
        variants = parse_variants(arguments.methods, common)
        seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
        total = len(variants) * len(seeds) * scenario.steps
        # off where nobody looks at it: stderr into a file
        with tqdm(total=total, unit="step", leave=False, disable=None) as bar:
            comparison = compare(
                scenario, variants, seeds, evaluate_every=arguments.evaluate_every, progress=bar.update
            )
    except ValueError as error:
        print(f"sparft simulate: {error}", file=sys.stderr)
        return 2
    print(format_comparison(comparison))
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(comparison.as_dict(), indent=1, allow_nan=False) + "\n")
    return 0
