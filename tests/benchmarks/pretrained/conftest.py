"""Folders as runs leave them, and the model where it is there."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recipes.rows import row
from sparft_verl.arms_file import NAME, write_arms
from sparft_verl.curricula import Arms
from sparft_verl.journal import JournalWriter, opening

MODEL = os.environ.get("SPARFT_SMOLLM2")


@pytest.fixture
def model() -> Path:
    """The folder that `python -m benchmarks.pretrained.weights` wrote."""
    if MODEL is None or not Path(MODEL).is_dir():
        pytest.skip("SPARFT_SMOLLM2 names no folder with the model; benchmarks.pretrained.weights writes one")
    return Path(MODEL)


@pytest.fixture
def copies(tmp_path: Path) -> Path:
    """A folder with GSM8K's files in small: six questions of each of 1 to 5 calculations, one of them too long."""
    folder = tmp_path / "copies"
    folder.mkdir()
    for split in ("train", "test"):
        rows = []
        for steps in range(1, 6):
            for number in range(6):
                filler = "very " * 60 if number == 5 else ""
                question = f"Of {filler}{split} {number}: what are {steps} times {number} apples?"
                answer = (
                    "".join(f"<<{number}*1={number}>>" for _ in range(steps)) + f"\n#### {steps * number}"
                )
                rows.append({"question": question, "answer": answer})
        (folder / f"gsm8k_{split}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    return folder


@pytest.fixture
def held_out(tmp_path: Path) -> Path:
    """held_out.parquet of two sources with two questions each."""
    rows = [
        row(source, "math", f"{question} Think.", question, "1", "test", place, level=1, difficulty=1.0)
        for place, (source, question) in enumerate(
            [
                ("openai/gsm8k", "one?"),
                ("openai/gsm8k", "two?"),
                ("knights_knaves", "A?"),
                ("knights_knaves", "B?"),
            ]
        )
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "held_out.parquet")
    return tmp_path / "held_out.parquet"


@pytest.fixture
def run_folder(tmp_path: Path) -> Callable[[Path], Path]:
    """Returns a function that fills a folder as verl and the plug-in do: 3 steps, killed after 2, resumed from 1."""

    def fill(out: Path) -> Path:
        scores = {0: [0, 0, 0, 1], 2: [1, 0, 0, 1], 3: [1, 1, 0, 1]}
        (out / "validation").mkdir(parents=True)
        for step, found in scores.items():
            lines = [
                json.dumps({"input": f"user\n{question} Think.\nassistant\n", "score": score}) + "\n"
                for question, score in zip(("one?", "two?", "A?", "B?"), found, strict=True)
            ]
            (out / "validation" / f"{step}.jsonl").write_text("".join(lines))
        for name, first, last, seconds in (("metrics-000", 1, 2, 9.0), ("metrics", 2, 3, 4.0)):
            lines = [
                json.dumps({"step": step, "data": metrics(step, seconds)}) + "\n"
                for step in range(first, last + 1)
            ]
            (out / f"{name}.jsonl").write_text('{"step": 0, "data": {"val": 1}}\n' + "".join(lines))
        arms = Arms(
            rows=np.arange(4),
            arm=np.array([0, 0, 0, 1]),
            names=("easy", "hard"),
            difficulty=np.linspace(0, 1, 4),
            source=("a", "a", "a", "b"),
            fingerprint="x",
        )
        (out / "sparft").mkdir()
        write_arms(out / "sparft" / NAME, arms)
        with JournalWriter(out / "sparft" / "journal.jsonl") as journal:
            journal.write("open", **opening("uniform", {}, arms.names, arms.sizes, "x"))
            journal.write("propose", ticket=0, step=0, rows=[0, 1], arms=[0, 0])
            journal.write("tick", step=1)
            after = journal.write("propose", ticket=1, step=1, rows=[1, 2], arms=[0, 0])
            journal.write("resume", step=1, rolled_back_after=after - 1)
            journal.write("propose", ticket=1, step=1, rows=[2, 3], arms=[0, 1])
            journal.write("propose", ticket=2, step=2, rows=[3, 0], arms=[1, 0])
        return out

    return fill


def metrics(step: int, seconds: float) -> dict[str, float]:
    return {
        "timing_s/step": seconds,
        "timing_s/gen": seconds / 2,
        "critic/score/mean": step / 10,
        "perf/total_num_tokens": 100.0,
        "sparft/degenerate_share": 1.0 - step / 10,
        "sparft/overhead_ms": 1.0 + step,
        "sparft/overhead_percent": 0.1 * step,
    }
