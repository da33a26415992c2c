"""Training sets as real ones are: families of skewed sizes, and a share of prompts that teach nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.learning.families import WORLDS, Family, Item, draw, of_kind
from benchmarks.learning.families.letters import letters
from benchmarks.learning.families.useless import LABEL
from benchmarks.learning.policy import decode, encode_question

ROWS = 1000
"""Prompts of every training set."""
COPIES = 20
"""How often each duplicated prompt stands in the set."""
HELD_OUT_USEFUL, HELD_OUT_MASTERED = 24, 12
"""Held-out questions of each level."""
KINDS = ("useful", "unsolvable", "mastered", "duplicated")
_STREAM = 0x7A5C5
_HELD_OUT_STREAM = 0x4E1D


@dataclass(frozen=True)
class Task:
    """One training prompt."""

    question: str
    answer: str
    """Ground truth; of an unsolvable prompt it does not follow from the question."""
    family: str
    level: int
    kind: str
    """One of KINDS; known to the benchmark alone, never to a curriculum."""
    difficulty: float
    """The label in [0, 1] that the data set gives: the level's rank within its family."""

    @property
    def category(self) -> str:
        """Family and level, as SEC and DUMP are given them."""
        return f"{self.family}/{self.level}"

    @property
    def ids(self) -> list[int]:
        """Token ids of the question."""
        return encode_question(self.question)

    def score(self, answer: Sequence[int]) -> float:
        """Return 1 for the ground truth exactly, else 0."""
        return float(decode(answer) == self.answer)

    def row(self, difficulty: float) -> dict[str, Any]:
        """Return the prompt as a row of a verl data set."""
        return {
            "prompt": [{"role": "user", "content": self.question}],
            "data_source": self.family,
            "reward_model": {"style": "rule", "ground_truth": self.answer},
            "extra_info": {"difficulty": difficulty, "category": self.category},
        }


def training_set(world: str, useless: float, seed: int) -> list[Task]:
    """Return ROWS prompts, shuffled: of the share `useless` a third each unsolvable, mastered and duplicated.

    Useful families have sizes by Zipf's law in an order drawn by seed, shared evenly among their levels. Unsolvable
    are half families of their own, half questions of useful families whose ground truth is wrong.
    """
    chance = np.random.Generator(np.random.Philox(key=[seed, _STREAM]))
    useful = of_kind(world, "useful")
    third = round(ROWS * useless / 3)
    n = {"mastered": third, "duplicated": third, "wrong": third // 2, "own": third - third // 2}
    shares = (1.0 / np.arange(1, len(useful) + 1))[chance.permutation(len(useful))]
    sizes = quotas(ROWS - 3 * third, shares)
    taken: set[str] = set()

    def some(family: Family, level: int, count: int, kind: str) -> list[Task]:
        items = draw(family, level, count, chance, held_out=False, but=taken)
        taken.update(item.question for item in items)
        return [_task(item, family, kind) for item in items]

    def spread(families: tuple[Family, ...], counts: list[int], kind: str) -> list[Task]:
        found = []
        for family, size in zip(families, counts, strict=True):
            for level, count in enumerate(quotas(size, np.ones(family.levels))):
                found += some(family, level, count, kind)
        return found

    tasks = spread(useful, sizes, "useful")
    mastered, own = of_kind(world, "mastered"), of_kind(world, "unsolvable")
    tasks += spread(mastered, quotas(n["mastered"], np.ones(len(mastered))), "mastered")
    tasks += spread(own, quotas(n["own"], np.ones(len(own))), "unsolvable")
    wrong = spread(useful, quotas(n["wrong"], shares), "unsolvable")
    tasks += [Task(**{**vars(task), "answer": letters(chance, LABEL)}) for task in wrong]
    if third:
        family = useful[int(chance.integers(len(useful)))]
        distinct = -(-n["duplicated"] // COPIES)
        once = spread((family,), [distinct], "duplicated")
        tasks += [once[index % distinct] for index in range(n["duplicated"])]
    return [tasks[index] for index in chance.permutation(len(tasks))]


def held_out(world: str) -> dict[str, list[Item]]:
    """Return the held-out questions by family, useful and mastered ones; the same for every seed."""
    chance = np.random.Generator(np.random.Philox(key=[0, _HELD_OUT_STREAM]))
    found: dict[str, list[Item]] = {}
    for family in WORLDS[world]:
        if family.kind != "unsolvable":
            count = HELD_OUT_USEFUL if family.kind == "useful" else HELD_OUT_MASTERED
            found[family.name] = [
                item
                for level in range(family.levels)
                for item in draw(family, level, count, chance, held_out=True)
            ]
    return found


def quotas(total: int, shares: np.ndarray[Any, Any]) -> list[int]:
    """Return whole numbers in proportion to `shares` that sum to `total` (largest remainders)."""
    exact = total * shares / shares.sum()
    counts = np.floor(exact).astype(int)
    rest = np.argsort(counts - exact, kind="stable")[: total - counts.sum()]
    counts[rest] += 1
    return [int(count) for count in counts]


def _task(item: Item, family: Family, kind: str) -> Task:
    return Task(item.question, item.answer, family.name, item.level, kind, family.difficulty(item.level))
