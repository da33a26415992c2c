"""Write train and held-out rows of the demo's reasoning tasks as parquet in verl's format.

``python -m recipes.tiny_cpu.tasks --out DIR --seed S --train N --held-out M``
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from reasoning_gym.factory import create_dataset
from tqdm import tqdm

from recipes.rows import write_record
from recipes.tiny_cpu.families import FAMILIES, Family, digest, is_held_out

MAX_TRIES_PER_ROW = 60
GENERATOR_SIZE = 2**31 - 1

_MESSAGE = pa.struct([("role", pa.string()), ("content", pa.string())])
SCHEMA = pa.schema(
    [
        ("data_source", pa.string()),
        ("prompt", pa.list_(_MESSAGE)),
        ("ability", pa.string()),
        ("reward_model", pa.struct([("style", pa.string()), ("ground_truth", pa.string())])),
        (
            "extra_info",
            pa.struct(
                [
                    ("index", pa.int64()),
                    ("split", pa.string()),
                    ("family", pa.string()),
                    ("level", pa.int64()),
                    ("difficulty", pa.float64()),
                    ("entry_json", pa.string()),
                ]
            ),
        ),
    ]
)

Row = dict[str, Any]


def items(family: Family, level: int, seed: int) -> Iterator[dict[str, Any]]:
    """Endless reasoning-gym items (question, answer, metadata) of one family and level; same seed, same items."""
    config = dict(family.levels[level].config)
    # The generators seed item i with seed + i: nearby seeds would repeat each other's items, hashed ones do not.
    dataset = create_dataset(
        family.name, seed=digest("items", seed, family.name, level), size=GENERATOR_SIZE, **config
    )
    index = 0
    while True:
        yield dataset[index]
        index += 1


def quotas(total: int, weights: Sequence[float]) -> list[int]:
    """Whole numbers in proportion to ``weights`` that add up to ``total`` (largest remainder, ties to the first)."""
    exact = np.asarray(weights, dtype=np.float64) / sum(weights) * total
    counts = np.floor(exact + 1e-9).astype(int)
    for winner in np.argsort(-(exact - counts), kind="stable")[: total - int(counts.sum())]:
        counts[winner] += 1
    return [int(c) for c in counts]


def _json_default(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(
        f"reasoning-gym metadata holds a {type(value).__name__}, which JSON cannot carry: {value!r}"
    )


def _row(family: Family, level: int, item: dict[str, Any], split: str) -> Row:
    entry = {"answer": item["answer"], "metadata": item["metadata"]}
    return {
        "data_source": family.name,
        "prompt": [{"role": "user", "content": item["question"]}],
        "ability": family.ability,
        "reward_model": {"style": "rule", "ground_truth": item["answer"]},
        "extra_info": {
            "index": -1,
            "split": split,
            "family": family.name,
            "level": level,
            "difficulty": family.difficulty(level),
            "entry_json": json.dumps(entry, default=_json_default, sort_keys=True),
        },
    }


def _draw(
    family: Family, level: int, seed: int, want: dict[str, int], tick: Callable[[int], object]
) -> dict[str, list[Row]]:
    rows: dict[str, list[Row]] = {split: [] for split in want}
    seen: set[str] = set()
    tries = 0
    for item in items(family, level, seed):
        if all(len(rows[split]) >= want[split] for split in want):
            return rows
        tries += 1
        if tries > MAX_TRIES_PER_ROW * sum(want.values()) + 1000:
            got = {split: len(found) for split, found in rows.items()}
            raise ValueError(
                f"not enough different questions: {family.name} level {level} was asked for {want} and gave {got} "
                f"in {tries} tries; ask for fewer rows"
            )
        split = "held_out" if is_held_out(item["question"]) else "train"
        if item["question"] in seen or len(rows[split]) >= want[split]:
            continue
        seen.add(item["question"])
        rows[split].append(_row(family, level, item, split))
        tick(1)
    raise AssertionError("items() is endless")


def build(train: int, held_out: int, seed: int, progress: bool = True) -> dict[str, list[Row]]:
    """``{"train": rows, "held_out": rows}`` in verl's format, shuffled.

    No question of one split is in the other; within a split, levels whose ranges overlap may share a few.

    Raises ValueError when a count is not positive or a level has too few different questions.
    """
    for name, count in (("train", train), ("held_out", held_out)):
        if count < 1:
            raise ValueError(f"{name} must be at least 1 row, got {count}")
    cells = [(family, level) for family in FAMILIES for level in range(len(family.levels))]
    shares = [family.weight / len(family.levels) for family, _ in cells]
    plan = list(zip(cells, quotas(train, shares), quotas(held_out, shares), strict=True))
    splits: dict[str, list[Row]] = {"train": [], "held_out": []}
    with tqdm(total=train + held_out, desc="tasks", unit="row", disable=not progress) as bar:
        for (family, level), n_train, n_held in plan:
            bar.set_postfix_str(f"{family.name}/{level}")
            drawn = _draw(family, level, seed, {"train": n_train, "held_out": n_held}, bar.update)
            for split, rows in drawn.items():
                splits[split] += rows
    for split, rows in splits.items():
        order = np.random.Generator(np.random.Philox(digest("order", seed, split))).permutation(len(rows))
        splits[split] = [rows[i] for i in order]
        for index, row in enumerate(splits[split]):
            row["extra_info"]["index"] = index
    return splits


def write(out: Path, splits: dict[str, list[Row]]) -> dict[str, Path]:
    """Paths of the parquet files written, by split: ``DIR/train.parquet`` and ``DIR/held_out.parquet``.

    Beside them data.json with the rows' hashes, which recipes.preflight compares before a run.
    """
    out.mkdir(parents=True, exist_ok=True)
    paths = {split: out / f"{split}.parquet" for split in splits}
    for split, rows in splits.items():
        pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), paths[split])
    write_record(out, "tiny_cpu", "made", splits, dict.fromkeys(splits, "of any seed and size"))
    return paths


def main(argv: Sequence[str] | None = None) -> None:
    """Command line entry."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="folder for train.parquet and held_out.parquet"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--train", type=int, default=1500, help="number of training rows")
    parser.add_argument("--held-out", type=int, default=640, help="number of held-out rows")
    args = parser.parse_args(argv)
    try:
        splits = build(args.train, args.held_out, args.seed)
    except ValueError as error:
        parser.error(str(error))
    for split, path in write(args.out, splits).items():
        print(f"{path}: {len(splits[split])} rows")


if __name__ == "__main__":
    main()
