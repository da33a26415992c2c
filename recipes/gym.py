"""Puzzles of reasoning-gym as rows: levels, files, seeds; the same rows on every machine."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from recipes.rows import RecipeError, Row, row

ANSWER = "Think step by step. Then give the final answer between <answer> and </answer>."
Item = dict[str, Any]
AHEAD = 32
"""Most items made at once beyond those still wanted, so that few refused ones do not leave workers idle."""
MOST_TRIES = 20
"""Items tried per row that is wanted, before a level counts as used up."""


@dataclass(frozen=True)
class File:
    """One parquet file: which levels (of `Puzzle.levels`), and how many rows of each."""

    name: str
    levels: tuple[int, ...]
    rows: int


@dataclass(frozen=True)
class Puzzle:
    """One of reasoning-gym's generators with the levels of a recipe."""

    name: str
    """reasoning-gym's name, which is also the data_source."""
    ability: str
    levels: Mapping[int, Mapping[str, Any]]
    """{level: settings of the generator}; the level is also the difficulty."""
    files: tuple[File, ...]
    """In the order in which they may take a question: no question is in two of them."""
    carried: tuple[str, ...] = ()
    """Metadata that the scorer needs, carried in extra_info."""
    make: Callable[[Mapping[str, Any], int, int], Item] | None = field(default=None)
    """(settings, seed, index) -> item, where the recipe has a faster way to the same items."""


def seed_of(*parts: object) -> int:
    """Return a number below 2**31 that depends on nothing but the parts.

    The generators seed item i with seed + i: nearby seeds would repeat each other's items, hashed ones do not.
    """
    text = "\x1f".join(map(str, parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1


def item(name: str, settings: Mapping[str, Any], seed: int, index: int) -> Item:
    """Return reasoning-gym's item of this index."""
    from reasoning_gym.factory import create_dataset

    made: Item = create_dataset(name, seed=seed, size=2**31 - 1, **settings)[index]
    return made


def _try(puzzle: Puzzle, level: int, seed: int, index: int) -> Item | None:
    """Return question, answer and carried metadata of an item, None where the generator finds no puzzle."""
    make = puzzle.make or partial(item, puzzle.name)
    try:
        made = make(puzzle.levels[level], seed, index)
    except ValueError:
        return None  # countdown: no expression met the target within its own tries
    return {
        "question": str(made["question"]),
        "answer": str(made["answer"]),
        "carried": {name: made["metadata"][name] for name in puzzle.carried},
    }


@contextmanager
def _fixed_hashes() -> Iterator[None]:
    """Let processes started meanwhile hash strings alike: the zebra generator goes through sets of them."""
    before = os.environ.get("PYTHONHASHSEED")
    os.environ["PYTHONHASHSEED"] = "0"
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONHASHSEED"]
        else:
            os.environ["PYTHONHASHSEED"] = before


def build(puzzle: Puzzle, limit: int | None, train: int | None, workers: int) -> dict[str, list[Row]]:
    """Return {file: rows}, level by level, no question twice in all.

    `train` rows of each level in the file of that name; elsewhere, and there without `train`, `limit` at most.

    Raises RecipeError when a level has too few different questions.
    """
    seen: set[str] = set()
    files: dict[str, list[Row]] = {}
    context = multiprocessing.get_context("spawn")
    with _fixed_hashes(), context.Pool(workers) as pool:
        for file in puzzle.files:
            rows = files.setdefault(file.name, [])
            want = file.rows if limit is None else min(limit, file.rows)
            want = train if train is not None and file.name == "train" else want
            for level in file.levels:
                for one in _level(puzzle, file.name, level, want, seen, pool, workers):
                    rows.append(_row(puzzle, one, file.name, level, len(rows)))
    # train first: the order in which verl and a reader expect them
    return dict(sorted(files.items(), key=lambda entry: entry[0] != "train"))


def _level(
    puzzle: Puzzle, file: str, level: int, want: int, seen: set[str], pool: Any, workers: int
) -> list[Item]:
    seed, tried = seed_of(puzzle.name, file, level), 0
    found: list[Item] = []
    while len(found) < want:
        if tried > MOST_TRIES * want + AHEAD:
            raise RecipeError(
                f"level {level} of {puzzle.name} must give {want} different questions for {file}, but found "
                f"{len(found)} in {tried} tries; ask for fewer by --limit"
            )
        # which rows come out does not depend on how many are made at once: the first distinct ones, by index
        indices = range(tried, tried + max(min(AHEAD, want), want - len(found)))
        tried = indices.stop
        # a share is small enough that all workers have one, and large enough that handing it on costs little
        share = max(1, min(AHEAD, len(indices) // (2 * workers)))
        for one in pool.imap(partial(_try, puzzle, level, seed), indices, chunksize=share):
            if one is not None and one["question"] not in seen and len(found) < want:
                seen.add(one["question"])
                found.append(one)
    return found


def _row(puzzle: Puzzle, one: Item, split: str, level: int, index: int) -> Row:
    question = one["question"].strip()
    return row(
        puzzle.name,
        puzzle.ability,
        f"{question}\n\n{ANSWER}",
        question,
        one["answer"],
        split,
        index,
        level=level,
        difficulty=float(level),
        **one["carried"],
    )


def questions(rows: Sequence[Row]) -> set[str]:
    """Return the questions of rows, without instructions."""
    return {one["extra_info"]["question"] for one in rows}
