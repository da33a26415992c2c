"""Small journals and validation dumps, written as a run writes them."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from sparft_verl.journal import JOURNAL, JournalWriter, opening


class RunFolder:
    """A run's trainer.default_local_dir under construction."""

    def __init__(self, path: Path, names: Sequence[str], sizes: Sequence[int]) -> None:
        self.path = path
        self.journal = path / JOURNAL
        self.writer = JournalWriter(self.journal)
        self.seq = self.writer.write(
            "open", **opening("sparft", {"method": "sparft", "seed": 1}, tuple(names), list(sizes), "f00d")
        )

    def step(self, step: int, groups: Sequence[tuple[int, list[float]]], **fields: Any) -> int:
        """Serve one prompt per (arm, successes), observe it and tick `step`; return the journal's last number."""
        rows = list(range(len(groups)))
        arms = [arm for arm, _ in groups]
        propensity = [1.0] * len(rows)
        self.writer.write("propose", ticket=step, step=step - 1, rows=rows, arms=arms, propensity=propensity)
        seen = {"row": rows, "arm": arms, "successes": [successes for _, successes in groups]}
        self.writer.write(
            "observe", step=step - 1, ticket=step, **seen, **{"kind": "trained", "new": True, **fields}
        )
        self.seq = self.writer.write("tick", step=step, arms_pulls=[], arms_mean=[])
        return self.seq

    def resume(self, step: int, after: int) -> None:
        self.writer.write("resume", step=step, rolled_back_after=after)


@pytest.fixture
def run_folder(tmp_path: Path) -> Callable[..., RunFolder]:
    def make(names: Sequence[str] = ("easy", "hard"), sizes: Sequence[int] = (3, 5)) -> RunFolder:
        return RunFolder(tmp_path / "run", names, sizes)

    return make


@pytest.fixture
def dump(tmp_path: Path) -> Callable[..., Path]:
    """Writes one of verl's validation dumps: (input, score) pairs, or whole records."""

    def write(step: int, items: Sequence[tuple[str, float] | dict[str, Any]]) -> Path:
        folder = tmp_path / "run" / "validation"
        folder.mkdir(parents=True, exist_ok=True)
        records = [
            item
            if isinstance(item, dict)
            else {"input": item[0], "output": "", "gts": "", "score": item[1], "step": step, "uid": "u_0_0"}
            for item in items
        ]
        (folder / f"{step}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
        return folder

    return write
