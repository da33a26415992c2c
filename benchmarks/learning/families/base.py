"""What a family of tasks is, and how different items of it are drawn."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np

Generator = np.random.Generator
HELD_OUT_ONE_IN = 4
"""One question text in four belongs to the held-out pool, whatever the seed."""
_TRIES = 400


@dataclass(frozen=True)
class Item:
    """One question, its one right answer, and the answer of a plausible misreading."""

    family: str
    level: int
    question: str
    answer: str
    slip: str


@dataclass(frozen=True)
class Family:
    """One kind of task with its levels, easiest first."""

    name: str
    make: Callable[[Generator, int], tuple[str, str, str]]
    """(random generator, level) -> operands, right answer, slip; the question is name and operands."""
    right: tuple[float, ...]
    """Of each level: with which probability the warm policy is taught the right answer instead of the slip."""
    kind: str = "useful"
    """`useful`, `mastered` (the warm policy solves it), or `unsolvable` (the answer does not follow)."""

    @property
    def levels(self) -> int:
        """Number of levels."""
        return len(self.right)

    def difficulty(self, level: int) -> float:
        """Return the level's label in [0, 1], 0 for the easiest, as a data set's own labels would say."""
        return level / (self.levels - 1) if self.levels > 1 else 0.5


def is_held_out(question: str) -> bool:
    """Return whether a question is kept for evaluation: in no training set, in no warm start."""
    return hashlib.sha256(question.encode()).digest()[0] % HELD_OUT_ONE_IN == 0


def one(family: Family, level: int, chance: Generator) -> Item:
    """Return an item whose slip differs from its answer (unless nobody can solve it)."""
    for _ in range(_TRIES):
        operands, answer, slip = family.make(chance, level)
        if answer != slip or family.kind != "useful":
            return Item(family.name, level, f"{family.name} {operands}", answer, slip)
    raise ValueError(
        f"{family.name}/{level}: {_TRIES} draws in a row have a slip that is right; change its rule"
    )


def draw(
    family: Family, level: int, count: int, chance: Generator, *, held_out: bool, but: Collection[str] = ()
) -> list[Item]:
    """Return `count` items with different questions of one split, none of the questions in `but`.

    Raises ValueError where the level has too few.
    """
    found: dict[str, Item] = {}
    for _ in range(_TRIES + 40 * count):
        if len(found) == count:
            return list(found.values())
        item = one(family, level, chance)
        if is_held_out(item.question) == held_out and item.question not in but:
            found.setdefault(item.question, item)
    raise ValueError(
        f"{family.name}/{level} has {len(found)} different questions of this split, {count} were asked for; "
        "widen its ranges"
    )
