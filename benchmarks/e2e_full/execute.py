"""One case, run and checked."""

import hashlib
import shutil
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.e2e_full import checks, journals
from benchmarks.e2e_full.cases import Case
from benchmarks.e2e_full.runs import Run, RunFailed, launch

MAX_STEPS = 3
"""Steps that a launch may close before it is killed."""
MAX_SECONDS = 4.0
"""How long after that."""


def instants(case: Case, seed: int) -> list[tuple[int, float]]:
    """Return for each kill how many steps its launch closes before, and how many seconds later it comes.

    The same case and seed give the same instants.
    """
    key = int.from_bytes(hashlib.blake2b(f"{case.name}/{seed}".encode(), digest_size=16).digest(), "big")
    random = np.random.Generator(np.random.Philox(key=key))
    steps = random.integers(0, MAX_STEPS + 1, case.kills)
    seconds = random.uniform(0.0, MAX_SECONDS, case.kills)
    return [(int(n), round(float(s), 3)) for n, s in zip(steps, seconds, strict=True)]


def execute(case: Case, task: Path, work: Path, seed: int) -> dict[str, Any]:
    """Return what the case took and proved. Raises RunFailed or CheckFailed, leaving everything in `work`."""
    folder = work / case.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    run = folder / "run"
    started = time.monotonic()
    kills = [_kill(case, task, run, instant, n) for n, instant in enumerate(instants(case, seed))]
    launched_at = _resumed_from(run)
    _start(case, task, run, folder / "log.txt", *case.resumed).finish(_patience(case))
    seconds = time.monotonic() - started

    records, metrics = journals.events(run), checks.logged(run)
    compared = checks.checkpoints(run, task)
    passed = [
        checks.steps_closed(records, case.steps),
        checks.trained_each_step(records),
        checks.counted_once(records, case.mode),
        f"saved state equal to the journal's records replayed, at steps {', '.join(map(str, compared))}",
        checks.metrics_logged(case, metrics, launched_at),
        checks.filtered(records, case.filtered),
    ]
    checks.require(case.steps in compared, f"no checkpoint of the last step among {compared}")
    if case.kills:
        passed.append(_resumes(records, kills))
    passed += _of_the_case(case, task, folder, metrics)
    return {
        "case": case.name,
        "mode": case.mode,
        "overrides": [str(part).replace(str(Path.cwd()), ".") for part in case.command],
        "overrides_of_the_resume": list(case.resumed),
        "reward": case.reward,
        "steps": case.steps,
        "seconds": round(seconds, 1),
        "seconds_per_step_median": round(statistics.median(m["timing_s/step"] for m in metrics), 3),
        "overhead_ms": _spread(metrics, "sparft/overhead_ms"),
        "overhead_percent": _spread(metrics, "sparft/overhead_percent"),
        "groups": checks.by_kind(journals.live(records)),
        "groups_rolled_back": checks.by_kind([record for record in records if record.rolled_back]),
        "kills": kills,
        "checks": passed,
    }


def _of_the_case(case: Case, task: Path, folder: Path, metrics: list[dict[str, Any]]) -> list[str]:
    """Return what was proven that only this case can prove."""
    run = folder / "run"
    records, passed = journals.events(run), list[str]()
    if case.reward == "graded_by_prompt":
        return [checks.known_reward(records, task, metrics)]
    if case.name == "custom-sampler":
        dropped = checks.by_kind(journals.live(records)).get("discarded: failed", 0)
        checks.require(dropped > 0, "the user's buffer dropped nothing")
        return [f"{dropped} groups that the user's buffer dropped were observed as discarded"]
    if "trainer.n_gpus_per_node=2" in (*case.overrides, *case.resumed):
        passed.append(_two_shards(run, case.steps))
    if case.kills and case.reward == "by_prompt":
        reference = folder / "uninterrupted"
        _start(case, task, reference, folder / "log-uninterrupted.txt").finish(_patience(case))
        passed.append(checks.same_as_uninterrupted(run, reference, case.steps))
    return passed


def _two_shards(run: Path, step: int) -> str:
    shards = sorted(path.name for path in (run / f"global_step_{step}" / "actor").glob("model_*.pt"))
    wanted = [f"model_world_size_2_rank_{rank}.pt" for rank in (0, 1)]
    checks.require(shards == wanted, f"shards {shards}, not {wanted}")
    return "both ranks saved their shard of the actor"


def _kill(case: Case, task: Path, run: Path, instant: tuple[int, float], number: int) -> dict[str, Any]:
    """Start or resume the run, kill it at the instant, look at all its checkpoints; return what happened."""
    steps, seconds = instant
    before, resumed_from = _count(run, "tick"), _resumed_from(run)
    proposals = _count(run, "propose")
    process = _start(case, task, run, run.parent / f"log{number}.txt")
    process.wait_for(
        lambda: _count(run, "tick") >= before + steps and _count(run, "propose") > proposals, timeout=400
    )
    time.sleep(seconds)
    if process.process.poll() is not None:
        raise RunFailed(f"the run ended before kill {number + 1}:\n{process.tail()}")
    killed = process.kill()
    metrics = run / "metrics.jsonl"
    if metrics.exists():  # verl's logger begins its file anew
        metrics.rename(run / f"metrics-{number}.jsonl")
    compared = checks.checkpoints(run, task)
    print(
        f"  kill {number + 1}: {steps} steps and {seconds} s after the first prompt; resumes from {_resumed_from(run)}",
        file=sys.stderr,
        flush=True,
    )
    return {
        "steps_closed_by_the_launch": steps,
        "seconds_after": seconds,
        "launched_from_step": resumed_from,
        "last_step_closed": max(
            (r["step"] for r in journals.live(journals.events(run)) if r.event == "tick"), default=0
        ),
        "resumed_from_step": _resumed_from(run),
        "processes": killed,
        "checkpoints_equal_to_the_journal": compared,
    }


def _start(case: Case, task: Path, run: Path, log: Path, *more: str) -> Run:
    return launch(task, run, log, *case.command, *more, steps=case.steps, reward=case.reward)


def _patience(case: Case) -> float:
    """Return how many seconds a launch may take on a busy machine."""
    return 300.0 + 40.0 * case.steps


def _resumed_from(run: Path) -> int:
    tracker = run / "latest_checkpointed_iteration.txt"
    return int(tracker.read_text()) if tracker.exists() else 0


def _count(run: Path, event: str) -> int:
    return sum(record.event == event for record in journals.events(run))


def _resumes(records: list[Any], kills: list[dict[str, Any]]) -> str:
    """The run resumed once after each kill, each time from the step of verl's last checkpoint."""
    resumed = [record["step"] for record in records if record.event == "resume"]
    wanted = [kill["resumed_from_step"] for kill in kills]
    checks.require(resumed == wanted, f"resumed from {resumed}, verl's checkpoints were of {wanted}")
    return f"resumed after each of {len(kills)} kills, from steps {', '.join(map(str, wanted))}"


def _spread(metrics: list[dict[str, Any]], name: str) -> dict[str, float]:
    values = [step[name] for step in metrics]
    return {"median": round(statistics.median(values), 3), "max": round(max(values), 3)}
