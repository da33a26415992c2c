"""`make recipes-check`: no launch script rots. Needs no GPU and no network.

1. pins: every folder has its pins.toml, equal to the `gpu` extra; every script has its model there.
2. shellcheck: every bash file below recipes/.
3. compose: every folder x every curriculum and baseline, every script, in verl's own configuration and validation.
4. run: one script per folder for two steps of real verl on this CPU. Ends that were reached are kept in --state, and
   a folder whose files have not changed is not run again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from recipes.checks import compose, cpu_run
from recipes.checks.pinned import check_pins
from recipes.checks.record import RECIPES, record, scripts
from recipes.checks.shell import check_shell

CURRICULA = ("sparft", "space", "sparft_target", "sec", "dump", "adarft", "uniform", "stratified")
BASELINES = ("full", "selected", "random", "stratified")
ROOT = RECIPES.parent


def folders() -> dict[str, list[Path]]:
    """Return each benchmark's scripts, the main model's first."""
    found: dict[str, list[Path]] = {}
    for script in sorted(
        scripts(), key=lambda path: (path.parent.name, "qwen3_0_6b" not in path.name, path.name)
    ):
        found.setdefault(script.parent.name, []).append(script)
    return found


def check_compose() -> Iterator[str]:
    """Yield a line per script or curriculum that verl or the plug-in refuses."""
    settings = [{"CURRICULUM": name} for name in CURRICULA]
    settings += [{"BASELINE": name} for name in BASELINES]
    settings += [{"BUDGET": "tokens", "TOKENS": "1000000"}, {"NNODES": "2"}]
    count = 0
    with compose.verl_config():
        for mine in folders().values():
            for script, setting in [(mine[0], one) for one in settings] + [(other, {}) for other in mine[1:]]:
                count += 1
                try:
                    config = compose.check(record(script, setting).overrides)
                    if "curriculum" in config:
                        compose.check_batch(config, script.parent)
                except ValueError as error:
                    said = " ".join(f"{name}={value}" for name, value in setting.items())
                    yield f"{said} {script.relative_to(ROOT)}: {error}"
    print(f"compose: {count} command lines in verl {metadata.version('verl')}")


def _fingerprint(folder: Path) -> str:
    """Return a hash of what a folder's run depends on: its files, what the folders share, and the versions."""
    digest = hashlib.sha256(repr([metadata.version(name) for name in ("verl", "torch", "ray")]).encode())
    shared = [*RECIPES.glob("*.*"), *(RECIPES / "rewards").glob("*.py"), *(RECIPES / "checks").glob("*.py")]
    for path in sorted([*folder.glob("*.*"), *shared, *(ROOT / "sparft_verl").rglob("*.py")]):
        if path.suffix != ".md":
            digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return digest.hexdigest()


def check_runs(state: Path, only: list[str]) -> Iterator[str]:
    """Yield a line per folder whose script does not train."""
    state.mkdir(parents=True, exist_ok=True)
    for recipe, mine in folders().items():
        done, now = state / f"{recipe}.json", _fingerprint(mine[0].parent)
        if only and recipe not in only:
            continue
        if done.is_file() and json.loads(done.read_text())["fingerprint"] == now:
            print(f"run: {recipe} has run already, and nothing it depends on has changed", flush=True)
            continue
        began, work = time.monotonic(), Path(tempfile.mkdtemp(prefix=f"recipes-check-{recipe}-"))
        try:
            cpu_run.make_inputs(recipe, work)
            prepared = time.monotonic()
            cpu_run.train(mine[0], work)
        except (cpu_run.RunError, ValueError) as error:
            yield f"{mine[0].relative_to(ROOT)}: {error}\n  everything it wrote is in {work}"
            continue
        took = {"prepare": round(prepared - began, 1), "train": round(time.monotonic() - prepared, 1)}
        done.write_text(json.dumps({"fingerprint": now, "seconds": took}) + "\n")
        shutil.rmtree(work)
        print(f"run: {recipe}: {cpu_run.STEPS} steps of {mine[0].name}, seconds {took}", flush=True)


def main(argv: list[str] | None = None) -> int:
    """Return 0 when everything passes; every failure is printed."""
    parser = argparse.ArgumentParser(
        prog="python -m recipes.check",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--no-run", action="store_true", help="without part 4: a minute instead of ten")
    parser.add_argument("--only", nargs="+", default=[], metavar="FOLDER", help="folders that part 4 runs")
    parser.add_argument(
        "--state", type=Path, default=ROOT / "build" / "recipes-check", help="(default: %(default)s)"
    )
    asked = parser.parse_args(argv)
    unknown = sorted(set(asked.only) - set(folders()))
    if unknown:
        parser.error(
            f"--only must name folders with launch scripts ({', '.join(folders())}), got {', '.join(unknown)}"
        )

    from sparft_verl.verl_plugin.cpu.overrides import cpu_env

    # before verl is imported, once for all that follows; what is forked later inherits both
    os.environ.update(cpu_env())
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    began, failures = time.monotonic(), []
    parts = [check_pins(), check_shell(), check_compose()]
    parts += [] if asked.no_run else [check_runs(asked.state, asked.only)]
    for part in parts:
        for failure in part:
            failures.append(failure)
            print(f"FAIL {failure}", file=sys.stderr, flush=True)
    print(f"recipes-check: {len(failures)} failures, {time.monotonic() - began:.0f} s")
    return int(bool(failures))


if __name__ == "__main__":
    raise SystemExit(main())
