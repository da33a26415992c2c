"""One run by real verl on the CPU, through recipes/tiny_cpu's launch script, as a record of the store."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.learning.crosscheck import folder as files
from benchmarks.learning.families import of_kind
from benchmarks.learning.mixes import KINDS, Task
from benchmarks.learning.policy import RESPONSE_TOKENS
from benchmarks.learning.spec import Spec
from benchmarks.learning.trace import BLOCK
from benchmarks.learning.update import RECIPE
from recipes.evaluation.scores import read_run, records
from sparft_verl.journal import read
from sparft_verl.report.gather import find_journal, gather, optimiser_step

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "recipes" / "tiny_cpu" / "run.sh"
REWARD = Path(__file__).with_name("reward.py")


def run(spec: Spec, cache: Path, work: Path) -> dict[str, Any]:
    """Return the record of one run, with `engine` verl; what verl wrote stays in `work`.

    Raises RuntimeError with the end of verl's log when it stops.
    """
    if spec.engine != "verl":
        raise ValueError(f"verl runs engine 'verl', got {spec.engine!r}")
    tasks = files.write(spec, cache, work)
    out = work / "run"
    shutil.rmtree(out, ignore_errors=True)
    began = time.perf_counter()
    with (work / "train.log").open("w") as log:
        status = subprocess.call(
            ["bash", str(SCRIPT), *overrides(spec, work)],
            stdout=log, stderr=subprocess.STDOUT, env=_environment(spec, work, out), cwd=work,
        )  # fmt: skip
    if status:
        tail = "\n".join((work / "train.log").read_text(errors="replace").splitlines()[-30:])
        raise RuntimeError(f"verl stopped with status {status}; the end of {work / 'train.log'}:\n{tail}")
    told = summary(spec, tasks, out)
    return {
        "key": spec.key, "spec": spec.as_dict(), "core_seconds": None, "stage_a_core_seconds": None,
        "wall_seconds": round(time.perf_counter() - began, 1), **told,
    }  # fmt: skip


def overrides(spec: Spec, work: Path) -> list[str]:
    """Return what sets this run apart from the recipe's: the loop's policy, data, batch and optimiser."""
    curriculum = [f"++curriculum.{name}={value}" for name, value in spec.settings.items() if name != "method"]
    actor, rollout = "actor_rollout_ref.actor", "actor_rollout_ref.rollout"
    return [
        f"data.train_batch_size={spec.prompts}",
        "data.max_prompt_length=48",
        f"data.max_response_length={RESPONSE_TOKENS}",
        f"{rollout}.n={spec.rollouts}",
        f"actor_rollout_ref.model.path={work / 'policy'}",
        f"{actor}.optim.lr={RECIPE.lr}",
        f"{actor}.optim.weight_decay={RECIPE.weight_decay}",
        f"{actor}.grad_clip={RECIPE.grad_clip}",
        f"{rollout}.val_kwargs.do_sample=True",
        f"{rollout}.val_kwargs.temperature=1.0",
        f"reward.custom_reward_function.path={REWARD}",
        "trainer.save_freq=-1",
        *curriculum,
    ]


def _environment(spec: Spec, work: Path, out: Path) -> dict[str, str]:
    return {
        **os.environ,
        "DATA": str(work), "ARTEFACT": str(work / "artefact"), "OUT": str(out), "STEPS": str(spec.updates),
        "SEED": str(spec.seed), "CURRICULUM": str(spec.settings["method"]), "OMP_NUM_THREADS": "1",
        "PREFLIGHT": "warn",  # it looks for the recipe's own data
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
    }  # fmt: skip


def summary(spec: Spec, tasks: list[Task], out: Path) -> dict[str, Any]:
    """Return `arms`, `curve`, `train` and `final` of a finished run from its journal, metrics and validations."""
    journal = find_journal(out)
    told = gather(journal)
    proposals = read(journal).live("propose")
    kind = np.array([KINDS.index(task.kind) for task in tasks])
    served = np.zeros((len(KINDS), spec.updates), dtype=np.int64)
    seen: list[set[str]] = [set() for _ in range(spec.updates)]
    for record in proposals:
        step = optimiser_step(record) - 1
        if step < spec.updates:  # what verl fetches ahead for a step that never comes
            served[:, step] += np.bincount(kind[record["rows"]], minlength=len(KINDS))
            seen[step] |= {tasks[row].question for row in record["rows"]}
    lengths = [
        line["data"]["response_length/mean"]
        for line in records(out / "metrics.jsonl")
        if "response_length/mean" in line["data"]
    ]
    accuracy = {step: _held_out(spec, out, step) for step in (0, spec.updates)}
    useful = [family.name for family in of_kind(spec.world, "useful")]
    overall = [float(np.mean([accuracy[step][name] for name in useful])) for step in (0, spec.updates)]
    each = spec.prompts * spec.rollouts
    pulls = told.series.pulls[: spec.updates]
    return {
        "arms": {"names": list(told.arm_names), "sizes": list(told.arm_sizes)},
        "curve": {
            "update": [0, spec.updates],
            "rollouts": [0, each * spec.updates],
            "tokens": [0, round(float(np.sum(lengths)) * each)],
            "unique": [0, len(set().union(*seen))],
            "overall": [round(value, 4) for value in overall],
            "accuracy": {name: [round(accuracy[step][name], 3) for step in accuracy] for name in useful},
        },
        "train": {
            "degenerate": [round(float(value), 3) for value in told.series.degenerate[: spec.updates]],
            "reward": [round(float(value), 3) for value in told.series.solve_rate[: spec.updates]],
            "pulls": [blocks(pulls[:, arm]) for arm in range(pulls.shape[1])],
            "served": {name: blocks(served[index]) for index, name in enumerate(KINDS)},
        },
        "final": {
            "overall": round(overall[1], 4),
            "accuracy": {name: round(accuracy[spec.updates][name], 4) for name in useful},
        },
    }  # fmt: skip


def blocks(counts: np.ndarray[Any, Any]) -> list[int]:
    """Return counts by update, [S], as counts by block of BLOCK updates."""
    return [int(value) for value in np.add.reduceat(counts, np.arange(0, len(counts), BLOCK))]


def _held_out(spec: Spec, out: Path, step: int) -> dict[str, float]:
    """Return accuracy by family at one of verl's validations; a question begins with its family's name."""
    scores: dict[str, list[float]] = {}
    for question, found in read_run(str(out), step=step).scores.items():
        scores.setdefault(question.split()[0], []).append(float(np.mean(found)))
    return {name: float(np.mean(found)) for name, found in scores.items()}
