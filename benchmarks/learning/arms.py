"""From a training set to the arms of a curriculum: stage A's clusters, the data set's categories, or one arm."""

from __future__ import annotations

import hashlib
import io
import json
import os
import time
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from transformers import PreTrainedModel

from benchmarks.learning.mixes import Task
from benchmarks.learning.rollouts import roll
from benchmarks.learning.spec import VERSION, Spec
from sparft_verl.artefact import join, read_artefact, row_hash
from sparft_verl.atomic import written_aside
from sparft_verl.curricula import Arms
from sparft_verl.prepare.pipeline import run as prepare
from sparft_verl.prepare.settings import from_dotlist

PREPARE = {
    "cache": "null",
    "report": "false",
    "threads": 1,
    "embed.engine": "lexical",
    "difficulty.column": "extra_info.difficulty",
    "difficulty.scale": "raw",
}
"""Settings of stage A unless a run says otherwise."""
OWN = ("rollouts", "noise")
"""Keys of a run's `prepare` that are not stage A's: difficulty from so many rollouts of the warm policy in place of
the level's label, and the standard deviation of noise added to it."""
_STREAM = 0xA2B5


@dataclass(frozen=True)
class Prepared:
    """Arms with what they took."""

    arms: Arms
    core_seconds: float
    rollouts: int = 0
    """Answers of the warm policy that the difficulty rests on."""


def arms_of(spec: Spec, tasks: Sequence[Task], policy: PreTrainedModel, folder: Path) -> Prepared:
    """Return the arms of a run over positions in `tasks`.

    Stage A's artefacts are kept in `folder` for the runs that share them, with the core-seconds it once took.
    """
    if spec.needs_stage_a:
        return _stage_a(spec, tasks, policy, folder)
    rows = _items(spec, tasks)
    names = [tasks[row].category if spec.arms == "categories" else "all" for row in rows]
    return Prepared(
        _arms(tasks, rows, names, sorted(set(names)), [tasks[row].difficulty for row in rows]), 0.0
    )


def _items(spec: Spec, tasks: Sequence[Task]) -> list[int]:
    """Return the rows that are served: all, or `budget` drawn at random or evenly over the categories."""
    chance = np.random.Generator(np.random.Philox(key=[spec.seed, _STREAM]))
    order = chance.permutation(len(tasks)).tolist()
    if spec.items == "full":
        return sorted(order)
    if spec.items == "useful":
        return [row for row, task in enumerate(tasks) if task.kind == "useful"]
    if spec.items == "stratified":
        place: dict[str, int] = {}
        rank = {}
        for row in order:
            rank[row] = place[tasks[row].category] = place.get(tasks[row].category, -1) + 1
        order.sort(key=lambda row: rank[row])
    return sorted(order[: spec.budget])


def _arms(
    tasks: Sequence[Task],
    rows: Sequence[int],
    names: Sequence[str],
    known: Sequence[str],
    difficulty: Sequence[float],
) -> Arms:
    """Return the arms `known`, in that order; rows, the name of the arm of each and its difficulty have one length."""
    number = {name: index for index, name in enumerate(known)}
    told = json.dumps(
        [[tasks[row].question, tasks[row].answer, name] for row, name in zip(rows, names, strict=True)]
    )
    return Arms(
        rows=np.array(rows),
        arm=np.array([number[name] for name in names], dtype=np.int32),
        names=tuple(known),
        difficulty=np.array(difficulty),
        source=tuple(tasks[row].family for row in rows),
        fingerprint=hashlib.sha256(told.encode()).hexdigest(),
    )


def _stage_a(spec: Spec, tasks: Sequence[Task], policy: PreTrainedModel, folder: Path) -> Prepared:
    settings = {**PREPARE, **spec.stage_a, "seed": spec.seed}
    settings["select.budget"] = spec.budget or "all"
    told = {
        "version": VERSION,
        "world": spec.world,
        "useless": spec.useless,
        "seed": spec.seed,
        "settings": settings,
    }
    place = folder / f"artefact-{hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]}"
    cost = place.with_suffix(".json")
    if not cost.exists():
        began = time.process_time()
        rollouts = _run_stage_a(settings, tasks, policy, place)
        with written_aside(cost) as aside:
            aside.write_text(json.dumps({"core_seconds": time.process_time() - began, "rollouts": rollouts}))
    took = json.loads(cost.read_text())
    artefact = read_artefact(place)
    rows = join(artefact.keys, artefact.occurrence, [row_hash(task.row(0.0)) for task in tasks])
    # the order of the data set, so that equal arms are equal whatever the artefact's order
    order = np.argsort(rows)
    names = [artefact.arm_names[arm] for arm in artefact.arm[order]]
    arms = _arms(tasks, rows[order].tolist(), names, artefact.arm_names, artefact.difficulty[order].tolist())
    return Prepared(arms, took["core_seconds"], took["rollouts"])


def _run_stage_a(
    settings: dict[str, Any], tasks: Sequence[Task], policy: PreTrainedModel, place: Path
) -> int:
    """Write the artefact; return how many answers of the warm policy its difficulty took."""
    seed, group = settings["seed"], settings.get("rollouts", 0)
    difficulty = np.array([task.difficulty for task in tasks])
    rollouts = 0
    if group:
        distinct = list(dict.fromkeys(tasks))
        scores = roll(policy, distinct, group, torch.Generator().manual_seed(seed)).scores
        rate = dict(zip(distinct, scores.view(-1, group).mean(1).tolist(), strict=True))
        difficulty = np.array([1.0 - rate[task] for task in tasks])
        rollouts = group * len(distinct)
    if noise := settings.get("noise", 0.0):
        chance = np.random.Generator(np.random.Philox(key=[seed, _STREAM + 1]))
        difficulty = (difficulty + noise * chance.standard_normal(len(tasks))).clip(0.0, 1.0)
    place.parent.mkdir(parents=True, exist_ok=True)
    parquet = place.with_suffix(f".{os.getpid()}.parquet")
    rows = [task.row(float(level)) for task, level in zip(tasks, difficulty, strict=True)]
    pq.write_table(pa.Table.from_pylist(rows), parquet)
    given = {key: value for key, value in settings.items() if key not in OWN}
    given |= {"data.train_files": str(parquet), "out": str(place)}
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            prepare(from_dotlist([f"{key}={value}" for key, value in given.items()]))
    finally:
        parquet.unlink(missing_ok=True)
    return rollouts
