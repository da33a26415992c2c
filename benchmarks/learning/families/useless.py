"""Families that teach nothing: the warm policy solves them, or nothing in the question says the answer."""

from __future__ import annotations

from benchmarks.learning.families.base import Family, Generator
from benchmarks.learning.families.letters import letters

LABEL = 6
"""Letters of an answer that does not follow: one in 26 ** 6 guesses is right."""


def _copy(chance: Generator, level: int) -> tuple[str, str, str]:
    text = letters(chance, level + 3)
    return text, text, text


def _first(chance: Generator, level: int) -> tuple[str, str, str]:
    text = letters(chance, level + 4)
    return text, text[0], text[0]


def _last(chance: Generator, level: int) -> tuple[str, str, str]:
    text = letters(chance, level + 3)
    return text, text[-1], text[-1]


def _dup(chance: Generator, level: int) -> tuple[str, str, str]:
    text = letters(chance, level + 2)
    doubled = "".join(letter * 2 for letter in text)
    return text, doubled, doubled


def _label(chance: Generator, level: int) -> tuple[str, str, str]:
    return letters(chance, level + 3), letters(chance, LABEL), letters(chance, LABEL)


COPY = Family("copy", _copy, (1.0, 1.0), "mastered")
FIRST = Family("first", _first, (1.0, 1.0), "mastered")
LAST = Family("last", _last, (1.0, 1.0), "mastered")
DUP = Family("dup", _dup, (1.0, 1.0), "mastered")
HASH = Family("hash", _label, (0.0, 0.0), "unsolvable")
RECALL = Family("recall", _label, (0.0, 0.0), "unsolvable")
TICKET = Family("ticket", _label, (0.0, 0.0), "unsolvable")
SECRET = Family("secret", _label, (0.0, 0.0), "unsolvable")
