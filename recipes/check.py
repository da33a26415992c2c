"""`make recipes-check`: no launch script rots. Needs no GPU and no network.

1. pins: every folder has its pins.toml, equal to the extra that it needs; every script has its model there.
2. shellcheck: every bash file below recipes/.
3. tables: the table in the top README is that of the scripts; every result in a recipe README has its source.
4. compose: every folder x every curriculum and baseline, every script, in verl's own configuration and validation.
5. run: one script per folder for two steps of real verl on this CPU. Ends that were reached are kept in --state, and
   a folder whose files have not changed is not run again.

It ends with a table: folder x (composed command lines, two steps, seconds).
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from recipes.checks.composed import check_compose
from recipes.checks.lines import folders
from recipes.checks.pinned import check_pins
from recipes.checks.record import RECIPES
from recipes.checks.runs import check_runs
from recipes.checks.shell import check_shell
from recipes.checks.summary import Summary
from recipes.checks.tables import check_tables

ROOT = RECIPES.parent


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m recipes.check",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--no-run", action="store_true", help="without part 5: a minute instead of ten")
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="FOLDER", help="folders that parts 4 and 5 look at"
    )
    parser.add_argument(
        "--state", type=Path, default=ROOT / "build" / "recipes-check", help="(default: %(default)s)"
    )
    return parser


def main(argv: list[str] | None = None) -> int:
    """Return 0 when everything passes; every failure is printed."""
    parser = _parser()
    asked = parser.parse_args(argv)
    unknown = sorted(set(asked.only) - set(folders()))
    if unknown:
        parser.error(
            f"--only must name folders with scripts ({', '.join(folders())}), got {', '.join(unknown)}"
        )

    from sparft_verl.verl_plugin.cpu.overrides import cpu_env

    # before verl is imported, once for all that follows; what is forked later inherits both
    os.environ.update(cpu_env())
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    began, failures, summary = time.monotonic(), [], Summary(asked.only or list(folders()))
    parts = [check_pins(), check_shell(), check_tables(), check_compose(asked.only, summary)]
    parts += [] if asked.no_run else [check_runs(asked.state, asked.only, summary)]
    for part in parts:
        for failure in part:
            failures.append(failure)
            print(f"FAIL {failure}", file=sys.stderr, flush=True)
    print(f"\n{summary}\n\nrecipes-check: {len(failures)} failures, {time.monotonic() - began:.0f} s")
    return int(bool(failures))


if __name__ == "__main__":
    raise SystemExit(main())
