"""One run's policy, data and artefact as files, the way a user of verl has them."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from transformers import GenerationConfig

from benchmarks.learning.arms import PREPARE
from benchmarks.learning.crosscheck.tokenizer import tokenizer
from benchmarks.learning.mixes import Task, held_out, training_set
from benchmarks.learning.policy import END, PAD, RESPONSE_TOKENS
from benchmarks.learning.spec import Spec
from benchmarks.learning.warm_start import warm_policy
from sparft_verl.prepare.pipeline import run as prepare
from sparft_verl.prepare.settings import from_dotlist

ANSWERS = 4
"""Held-out answers to each question; the loop's own evaluation has no sampling noise."""


def write(spec: Spec, cache: Path, folder: Path) -> list[Task]:
    """Write policy/, train.parquet, held_out.parquet and artefact/ below `folder`; return the training tasks.

    `cache` keeps the warm policy. Raises ValueError for a run whose arms are not stage A's: verl's path has others
    only from an artefact.
    """
    if spec.arms != "clusters" or {"rollouts", "noise"} & spec.stage_a.keys():
        raise ValueError(f"only runs on stage A's clusters by labels are run under verl, got {spec.label!r}")
    folder.mkdir(parents=True, exist_ok=True)
    policy, _ = warm_policy(spec.world, cache)
    policy.generation_config = GenerationConfig(
        do_sample=True, temperature=1.0, max_new_tokens=RESPONSE_TOKENS, eos_token_id=END, pad_token_id=PAD
    )
    policy.save_pretrained(folder / "policy")
    tokenizer().save_pretrained(folder / "policy")
    tasks = training_set(spec.world, spec.useless, spec.seed)
    _parquet(folder / "train.parquet", tasks)
    # several rows of one question, not val_kwargs.n: with n > 1 verl bootstraps every question, minutes here
    items = [item for family in held_out(spec.world).values() for item in family for _ in range(ANSWERS)]
    _parquet(
        folder / "held_out.parquet",
        [Task(item.question, item.answer, item.family, item.level, "useful", 0.5) for item in items],
    )
    if not (folder / "artefact").exists():
        _artefact(spec, folder)
    return tasks


def _parquet(path: Path, tasks: list[Task]) -> None:
    pq.write_table(pa.Table.from_pylist([task.row(task.difficulty) for task in tasks]), path)


def _artefact(spec: Spec, folder: Path) -> None:
    """Write the artefact that the loop's own `arms_of` writes for this run: same settings, same rows."""
    settings = {**PREPARE, **spec.stage_a, "seed": spec.seed, "select.budget": spec.budget or "all"}
    settings |= {"data.train_files": folder / "train.parquet", "out": folder / "artefact"}
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        prepare(from_dotlist([f"{key}={value}" for key, value in settings.items()]))
