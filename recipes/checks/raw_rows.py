"""Copies of the public sets in small: rows of our own making in the schemas that the data scripts read by --from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 32
_TRAIN = ("pens", "boats", "stamps", "apples", "lamps", "coins", "drums", "kites")
_TEST = ("trees", "maps", "rings", "chairs", "books", "bells", "nets", "jars")


def write_copies(folder: Path) -> Path:
    """Write every file that a recipe's --from may ask for into `folder`, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, things in (("train", _TRAIN), ("test", _TEST)):
        rows = [
            {"question": q, "answer": f"{a - b}+{b}=<<{a - b}+{b}={a}>>{a}\n#### {a}"}
            for q, a, b in _sums(things)
        ]
        (folder / f"gsm8k_{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for name, things in (("math_train", _TRAIN), ("math500", _TEST)):
        _json(folder / f"{name}.json", things, difficulty=3.0, type="Algebra")
    _json(folder / "aime_train.json", _TRAIN, year=1999, problem_number=4)
    _json(folder / "aime24.json", _TEST, year=2024, problem_number=4)
    later = [{"problem": f"In 2025, {question}", "answer": a, "id": "3"} for question, a, _ in _sums(_TEST)]
    (folder / "aime25.jsonl").write_text("".join(json.dumps(row) + "\n" for row in later))
    verl: list[dict[str, Any]] = [
        {
            "prompt": [{"role": "user", "content": question}],
            "reward_model": {"style": "rule", "ground_truth": str(answer)},
            "extra_info": {"index": index, "question": question},
        }
        for index, (question, answer, _) in enumerate(_sums(_TRAIN))
    ]
    pq.write_table(pa.Table.from_pylist(verl), folder / "deepscaler_10k.parquet")
    return folder


def _sums(things: tuple[str, ...]) -> Iterator[tuple[str, int, int]]:
    """Yield question, answer and second number; no thirteen words in a row are in both splits."""
    for index in range(ROWS):
        thing, first, second = things[index % len(things)], 3 + index, 2 + index % 5
        yield f"{thing} number {first}, then {second} {thing} more: how many {thing}?", first + second, second


def _json(path: Path, things: tuple[str, ...], **more: Any) -> None:
    rows = [{"problem": question, "answer": str(answer), **more} for question, answer, _ in _sums(things)]
    path.write_text(json.dumps(rows))
