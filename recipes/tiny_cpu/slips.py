"""Right and wrong ways to answer, as the warm start teaches them.

A slip is one coherent wrong way per family (a sign lost, a number copied, another thing counted), never noise: the
policy then knows both ways, takes the right one with a known probability, and reinforcement can shift that probability
for all questions of the family at once, also for those it never saw.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

Item = dict[str, Any]


def right_answer(family: str, item: Item) -> str:
    """The answer as the policy is taught to write it: reasoning-gym's, in the shortest form its scorer accepts."""
    if family == "countdown":
        return str(item["answer"]).replace(" ", "")
    if family == "knights_knaves":
        return _assignment(item, item["metadata"]["solution"])
    return str(item["answer"])


def _assignment(item: Item, solution: tuple[bool, ...]) -> str:
    terms = item["metadata"]["knight_knave_terms"]
    roles = [terms["knight"] if truthful else terms["knave"] for truthful in solution]
    return ", ".join(f"{name} {role}" for name, role in zip(item["metadata"]["names"], roles, strict=True))


def _first(item: Item) -> str:
    """Stops after the first number."""
    return str(item["metadata"]["expression"].split(" ")[0])


def _run_together(item: Item) -> str:
    """Drops the signs and reads all digits as one number."""
    return "".join(filter(str.isdigit, item["metadata"]["expression"]))


def _largest(item: Item) -> str:
    """Gives the largest number instead of the largest divisor."""
    return str(max(item["metadata"]["numbers"]))


def _minus(item: Item) -> str:
    """Loses the sign of the solution."""
    return str(-int(item["answer"]))


def _heads(item: Item) -> str:
    """Counts animals, not legs."""
    return str(sum(item["metadata"]["animals"].values()))


def _add_all(item: Item) -> str:
    """Adds all numbers up, whatever the target."""
    return "+".join(map(str, item["metadata"]["numbers"]))


def _swapped(item: Item) -> str:
    """Takes truth-tellers for liars."""
    return _assignment(item, tuple(not truthful for truthful in item["metadata"]["solution"]))


SLIPS: Mapping[str, Callable[[Item], str]] = MappingProxyType(
    {
        "chain_sum": _first,
        "basic_arithmetic": _run_together,
        "gcd": _largest,
        "simple_equations": _minus,
        "leg_counting": _heads,
        "countdown": _add_all,
        "knights_knaves": _swapped,
    }
)


def wrong_answer(family: str, item: Item) -> str:
    """The family's slip on this question. Where the slip happens to be right (a second term of 0), it stays right."""
    return SLIPS[family](item)
