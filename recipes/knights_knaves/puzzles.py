"""reasoning-gym's Knights & Knaves, the same items two orders of magnitude sooner.

Its own generator tries every one of 2**n assignments on every candidate, seconds per puzzle of 14 people. Here the
candidates are drawn by its own sampler and written by its own formatter; only the search runs on all assignments at
once.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from random import Random
from typing import Any

import numpy as np

MOST_CANDIDATES = 1000
"""Candidates that reasoning-gym draws for one puzzle before it gives up."""


@cache
def _assignments(people: int) -> np.ndarray[Any, Any]:
    """Return bool [2**people, people]: every assignment, knights True, in reasoning-gym's order."""
    numbers = np.arange(2**people)[:, None]
    found: np.ndarray[Any, Any] = (numbers >> np.arange(people - 1, -1, -1)) & 1 == 0
    return found


def truth(statement: tuple[Any, ...], knights: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return bool [A]: whether a statement holds under each assignment, bool [A, people]."""
    kind, *parts = statement
    if kind in ("telling-truth", "lying"):
        return knights[:, parts[0]] == (kind == "telling-truth")
    values = [truth(part, knights) for part in parts]
    if kind == "not":
        return ~values[0]
    if kind == "and":
        return np.logical_and.reduce(values)
    if kind == "or":
        return np.logical_or.reduce(values)
    if kind == "->":
        return ~values[0] | values[1]
    if kind == "<=>":
        return values[0] == values[1]
    raise ValueError(f"a statement must be made of not, and, or, ->, <=>, but found {kind!r}; correct it")


def solutions(statements: tuple[Any, ...]) -> list[tuple[bool, ...]]:
    """Return every assignment under which exactly the knights' statements hold."""
    knights = _assignments(len(statements))
    for person, statement in enumerate(statements):
        # each statement halves what is left, roughly
        knights = knights[truth(statement, knights) == knights[:, person]]
    return [tuple(map(bool, one)) for one in knights]


def item(settings: Mapping[str, Any], seed: int, index: int) -> dict[str, Any]:
    """Return the item that reasoning-gym's knights_knaves gives for this seed and index.

    Raises ValueError where it finds no puzzle with exactly one solution.
    """
    from reasoning_gym.logic.knights_knaves import KKProblemFormatter, KKProblemSampler

    draw = Random(seed + index)
    sampler = KKProblemSampler(rand_seed=draw.randint(0, 2**32), **settings)
    for _ in range(MOST_CANDIDATES):
        statements = sampler.sample()
        found = solutions(statements)
        if len(found) == 1:
            break
    else:
        raise ValueError(
            f"no puzzle with one solution among {MOST_CANDIDATES} candidates of {dict(settings)}"
        )
    problem = {"statements": statements, "solution": found[0]}
    told = KKProblemFormatter(rand_seed=draw.randint(0, 2**32), problem=problem).format_problem()
    return {"question": told["quiz"], "answer": told["solution_text"], "metadata": problem}
