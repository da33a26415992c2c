"""One script of each folder for two real steps on this CPU, the next folder's inputs made meanwhile."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from recipes.checks import cpu_run
from recipes.checks.lines import folders
from recipes.checks.record import RECIPES
from recipes.checks.summary import Summary

ROOT = RECIPES.parent


@dataclass(frozen=True)
class Job:
    """A folder's run, its inputs being made."""

    recipe: str
    script: Path
    work: Path
    preparing: subprocess.Popen[bytes]


def runnable() -> dict[str, Path]:
    """Return folder to the script that is run; smoke_gpu, which starts three runs, has a test of its own."""
    return {recipe: mine[0] for recipe, mine in folders().items() if recipe != "smoke_gpu"}


def check_runs(state: Path, only: list[str], summary: Summary) -> Iterator[str]:
    """Yield a line per folder whose script does not train; note the others in `summary`."""
    state.mkdir(parents=True, exist_ok=True)
    todo = []
    for recipe, script in runnable().items():
        before = _passed(state / f"{recipe}.json", script.parent)
        if only and recipe not in only:
            continue
        if before is None:
            todo.append((recipe, script))
        else:
            summary.rows[recipe].ran, summary.rows[recipe].seconds = "passed before", before
            print(f"run: {recipe} has run already, and nothing it depends on has changed", flush=True)
    for job in _ahead(todo):
        row, began = summary.rows[job.recipe], time.monotonic()
        try:
            cpu_run.prepared(job.preparing, job.work)
            ready = time.monotonic()
            used = cpu_run.train(job.script, job.work)
        except (cpu_run.RunError, ValueError) as error:
            row.ran = "FAIL"
            yield f"{job.script.relative_to(ROOT)}: {error}\n  everything it wrote is in {job.work}"
            continue
        row.ran = "passed"
        took = {"wait": ready - began, "train": time.monotonic() - ready, "cpu": used}
        row.seconds = {part: round(seconds, 1) for part, seconds in took.items()}
        passed = {"fingerprint": _fingerprint(job.script.parent), "seconds": row.seconds}
        (state / f"{job.recipe}.json").write_text(json.dumps(passed) + "\n")
        shutil.rmtree(job.work)
        said = f"{cpu_run.STEPS} steps of {job.script.name}, seconds {row.seconds}"
        print(f"run: {job.recipe}: {said}", flush=True)


def _ahead(todo: Iterable[tuple[str, Path]]) -> Iterator[Job]:
    """Yield the jobs in order, each when the inputs of the one after it are being made, too."""
    started: list[Job] = []
    for recipe, script in todo:
        work = Path(tempfile.mkdtemp(prefix=f"recipes-check-{recipe}-"))
        started.append(Job(recipe, script, work, cpu_run.prepare(recipe, work)))
        if len(started) > 1:
            yield started.pop(0)
    yield from started


def _passed(file: Path, folder: Path) -> dict[str, float] | None:
    """Return the seconds of an earlier run of the same files, None without one."""
    if not file.is_file():
        return None
    before = json.loads(file.read_text())
    return dict(before["seconds"]) if before["fingerprint"] == _fingerprint(folder) else None


def _fingerprint(folder: Path) -> str:
    """Return a hash of what a folder's run depends on: its files, what the folders share, and the versions."""
    digest = hashlib.sha256(repr([metadata.version(name) for name in ("verl", "torch", "ray")]).encode())
    shared = [*RECIPES.glob("*.*"), *(RECIPES / "rewards").glob("*.py"), *(RECIPES / "checks").glob("*.py")]
    for path in sorted([*folder.glob("*.*"), *shared, *(ROOT / "sparft_verl").rglob("*.py")]):
        if path.suffix != ".md":
            digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return digest.hexdigest()
