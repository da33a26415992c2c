"""The task families of the demo: which reasoning-gym generator, at which levels, how often.

Every question and every scorer is reasoning-gym's own; only the ranges of the numbers are ours, small enough for a
model of less than a million parameters to compute the answers of most levels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

HELD_OUT_ONE_IN = 4
"""One question text in four belongs to the held-out pool, whatever the seed (see :func:`is_held_out`)."""


@dataclass(frozen=True)
class Level:
    """One difficulty level: the generator's settings and the warm start's probability of answering the right way."""

    config: Mapping[str, Any]
    right: float


@dataclass(frozen=True)
class Family:
    """One reasoning-gym data set with its levels, easiest first; ``weight`` is its share of the rows."""

    name: str
    ability: str
    weight: float
    learnable: bool
    levels: tuple[Level, ...]

    def difficulty(self, level: int) -> float:
        """Difficulty in [0, 1]: the level's rank within its family (0 easiest, 1 hardest; 0.5 if there is only one)."""
        return level / (len(self.levels) - 1) if len(self.levels) > 1 else 0.5


def _level(right: float, **config: Any) -> Level:
    return Level(MappingProxyType(config), right)


def _sum(right: float, terms: int, digits: int) -> Level:
    return _level(right, min_terms=terms, max_terms=terms, min_digits=digits, max_digits=digits)


def _calc(right: float, terms: int, *operators: str) -> Level:
    return _level(
        right,
        min_terms=terms,
        max_terms=terms,
        min_digits=1,
        max_digits=1,
        operators=operators,
        allow_parentheses=False,
        allow_negation=False,
    )


def _gcd(right: float, largest: int, numbers: int = 2) -> Level:
    return _level(right, min_numbers=numbers, max_numbers=numbers, min_value=2, max_value=largest)


def _equation(right: float, terms: int, largest: int) -> Level:
    return _level(right, min_terms=terms, max_terms=terms, min_value=1, max_value=largest)


def _legs(right: float, animals: int, most: int) -> Level:
    return _level(right, min_animals=animals, max_animals=animals, min_instances=1, max_instances=most)


def _countdown(right: float, numbers: int, largest: int) -> Level:
    return _level(
        right,
        min_numbers=numbers,
        max_numbers=numbers,
        min_value=1,
        max_value=largest,
        min_target=10,
        max_target=99,
    )


FAMILIES: tuple[Family, ...] = (
    Family("chain_sum", "arithmetic", 0.18, True, (_sum(0.6, 2, 1), _sum(0.4, 3, 1), _sum(0.2, 2, 2))),
    Family(
        "basic_arithmetic",
        "arithmetic",
        0.18,
        True,
        (_calc(0.5, 2, "+", "-", "*"), _calc(0.3, 3, "+", "-"), _calc(0.15, 3, "+", "-", "*")),
    ),
    Family("gcd", "arithmetic", 0.18, True, (_gcd(0.4, 20), _gcd(0.25, 40), _gcd(0.1, 60))),
    Family(
        "simple_equations",
        "algebra",
        0.18,
        True,
        (_equation(0.35, 2, 4), _equation(0.2, 2, 7), _equation(0.1, 3, 5)),
    ),
    Family("leg_counting", "counting", 0.10, False, (_legs(0.93, 1, 6), _legs(0.9, 2, 2))),
    Family("countdown", "search", 0.08, False, (_countdown(0.02, 4, 9), _countdown(0.02, 4, 12))),
    Family(
        "knights_knaves",
        "logic",
        0.10,
        False,
        (_level(0.3, n_people=2, depth_constraint=2, width_constraint=2),),
    ),
)
"""Learnable families first, then the trivial one and the two that a model this small cannot reason out."""

BY_NAME: Mapping[str, Family] = MappingProxyType({family.name: family for family in FAMILIES})


def digest(*parts: object) -> int:
    """A 31-bit number that depends on nothing but ``parts`` (Python's own ``hash`` changes from process to process)."""
    text = "\x1f".join(map(str, parts))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 33


def is_held_out(question: str) -> bool:
    """True if this question text belongs to the held-out pool.

    The split is a property of the text, not of a seed: whoever writes new rows or a new policy, with whatever seed,
    can never train on a question that anybody evaluates on.
    """
    return digest("held-out", question) % HELD_OUT_ONE_IN == 0
