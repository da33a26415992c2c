"""What verl dumps at a validation into `trainer.validation_data_dir`: STEP.jsonl, one object per rollout."""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import isfinite
from pathlib import Path
from typing import NamedTuple

from sparft_verl.report.errors import ReportError


class Sample(NamedTuple):
    """One rollout of one item."""

    item: str
    """The prompt as the model saw it."""
    score: float
    """`acc` where the reward function gives one, which may give another score beside it such as -1 for wrong."""
    source: str | None
    """Data source, where the dump tells it."""


class BadSample(ReportError):
    """A line that is no record of a validation; `place` names file and line, `reason` what is wrong."""

    def __init__(self, path: Path, line: int, reason: Exception) -> None:
        self.place, self.reason = f"{path}, line {line},", repr(reason)
        super().__init__(
            f"{self.place} is not a validation record of verl (an object with input and score): {self.reason}. "
            "If the run was killed while verl wrote it, remove that file."
        )


def dump_steps(folder: Path) -> list[int]:
    """Return the steps for which `folder` holds a dump, ascending."""
    return sorted(int(path.stem) for path in folder.glob("*.jsonl") if path.stem.isdecimal())


def read_dump(folder: Path, step: int) -> Iterator[Sample]:
    """Yield the samples of one step in the order of the dump. Raises BadSample for a line that is none."""
    path = folder / f"{step}.jsonl"
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                record = json.loads(line)
                item, source = record["input"], record.get("data_source")
                score = float(record["score"] if record.get("acc") is None else record["acc"])
                if not isinstance(item, str) or not isfinite(score):
                    raise ValueError("input must be a text and the score a finite number")
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise BadSample(path, number, error) from error
            yield Sample(item, score, None if source is None else str(source))
