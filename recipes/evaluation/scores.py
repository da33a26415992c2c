"""What a run scored on its test items, from what verl wrote into the run's folder."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

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
    steps = sorted(
        int(file.stem) for file in (folder / "validation").glob("*.jsonl") if file.stem.isdecimal()
    )
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
    return Run(method, folder.resolve().name, at, spent.get(at), _dump(folder / "validation" / f"{at}.jsonl"))


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


def _dump(path: Path) -> dict[str, list[float]]:
    scores: dict[str, list[float]] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            item = json.loads(line)
            # a reward function that gives `acc` may give another score beside it, such as -1 for wrong
            score = float(item["score"] if item.get("acc") is None else item["acc"])
            if not isfinite(score):
                raise ValueError("the score must be a finite number")
            scores.setdefault(item["input"], []).append(score)
        except (ValueError, KeyError, TypeError) as error:
            raise CollectError(
                f"{path}, line {number}, must be a validation record of verl, but {error!r}; if the run was killed "
                "while writing it, remove the file"
            ) from error
    return scores
