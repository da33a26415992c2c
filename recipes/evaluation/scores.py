"""What a run scored on its test items, from what verl wrote into the run's folder."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparft_verl.report.validation import BadSample, dump_steps, read_dump

TOKENS = "perf/total_num_tokens"
_SEED = re.compile(r"(.+)-(\d+)")


class CollectError(ValueError):
    """Runs that cannot be compared; the message names rule, value and fix."""


@dataclass(frozen=True)
class Run:
    """One validation of one run."""

    method: str
    name: str
    step: int
    tokens: int | None
    """Prompt and response tokens trained on up to this step; None without verl's file logger."""
    scores: dict[str, list[float]]
    """Test item (its prompt as the model saw it) to the score of each of its samples."""


def read_run(argument: str, *, step: int | None = None, tokens: int | None = None) -> Run:
    """Return a run's last validation, or that at `step`, or the last one within a budget of `tokens`.

    `argument` is a folder, or METHOD=FOLDER; without METHOD it is the folder's name without its trailing -SEED.
    """
    method, equals, path = argument.rpartition("=")
    folder = Path(path)
    if not equals:
        match = _SEED.fullmatch(folder.resolve().name)
        method = match[1] if match else folder.resolve().name
    validation = folder / "validation"
    steps = dump_steps(validation)
    if not steps:
        raise CollectError(
            f"{folder} must hold validation/STEP.jsonl, but holds none; train with "
            "trainer.validation_data_dir=OUT/validation and a trainer.test_freq"
        )
    spent = trained_tokens(folder / "metrics.jsonl")
    if step is not None and step not in steps:
        raise CollectError(f"--step {step}: {folder} was validated at {steps}; give one of them")
    if tokens is not None:
        affordable = [one for one in steps if one == 0 or spent.get(one, tokens + 1) <= tokens]
        if not affordable or affordable[-1] == 0:
            raise CollectError(
                f"--tokens {tokens}: {folder} has no validation within it (it used {spent}); give more"
            )
        steps = affordable
    at = steps[-1] if step is None else step
    return Run(method, folder.resolve().name, at, spent.get(at), _samples(validation, at))


def trained_tokens(metrics: Path) -> dict[int, int]:
    """Return step to tokens trained on since the start; empty without the file. A step logged twice counts once."""
    by_step: dict[int, int] = {}
    for record in records(metrics):
        if TOKENS in record["data"]:
            by_step[record["step"]] = int(record["data"][TOKENS])
    total, spent = 0, {}
    for step in sorted(by_step):
        total += by_step[step]
        spent[step] = total
    return spent


def records(metrics: Path) -> list[dict[str, Any]]:
    """Return the records of verl's file logger; a line cut short by a kill is left out, no file gives none."""
    found = []
    for line in metrics.read_text(encoding="utf-8").splitlines() if metrics.is_file() else ():
        try:
            record = json.loads(line)
            found.append({"step": int(record["step"]), "data": dict(record["data"])})
        except (ValueError, KeyError, TypeError):
            continue
    return found


def _samples(validation: Path, step: int) -> dict[str, list[float]]:
    scores: dict[str, list[float]] = {}
    try:
        for sample in read_dump(validation, step):
            scores.setdefault(sample.item, []).append(sample.score)
    except BadSample as error:
        raise CollectError(
            f"{error.place} must be a validation record of verl, but {error.reason}; if the run was killed "
            "while writing it, remove the file"
        ) from error
    return scores
