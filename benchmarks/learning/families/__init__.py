"""The task families of each world: useful ones to learn, mastered and unsolvable ones that teach nothing."""

from __future__ import annotations

from benchmarks.learning.families.base import Family, Item, draw, is_held_out
from benchmarks.learning.families.digits import COUNT, EVEN, MAX, SORT, SUM, XOR
from benchmarks.learning.families.letters import CLOSE, NEXT, ODD, PUT, REV, ROT, UNIQ, ZIP
from benchmarks.learning.families.numbers import ADD, MOD, SOLVE, SUB
from benchmarks.learning.families.useless import COPY, DUP, FIRST, HASH, LAST, RECALL, SECRET, TICKET

WORLDS: dict[str, tuple[Family, ...]] = {
    "train": (ADD, SUB, MOD, MAX, SORT, COUNT, REV, NEXT, ROT, CLOSE, COPY, FIRST, HASH, RECALL),
    "confirm": (XOR, SOLVE, UNIQ, ZIP, EVEN, SUM, ODD, PUT, LAST, DUP, TICKET, SECRET),
}
"""No family is in both worlds: what was chosen on one is confirmed on the other."""


def of_kind(world: str, kind: str) -> tuple[Family, ...]:
    """Return a world's families of one kind: `useful`, `mastered` or `unsolvable`."""
    return tuple(family for family in WORLDS[world] if family.kind == kind)


__all__ = ["WORLDS", "Family", "Item", "draw", "is_held_out", "of_kind"]
