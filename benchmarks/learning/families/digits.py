"""Digits and short numbers taken together: largest, sorted, counted, combined bit by bit."""

from __future__ import annotations

from benchmarks.learning.families.base import Family, Generator


def _digits(chance: Generator, length: int) -> list[int]:
    return [int(digit) for digit in chance.integers(10, size=length)]


def _text(values: list[int]) -> str:
    return "".join(map(str, values))


def _max(chance: Generator, level: int) -> tuple[str, str, str]:
    values = chance.integers(10, 100, size=level + 2).tolist()
    return " ".join(map(str, values)), str(max(values)), str(min(values))


def _sort(chance: Generator, level: int) -> tuple[str, str, str]:
    values = _digits(chance, level + 3)
    return _text(values), _text(sorted(values)), _text(sorted(values, reverse=True))


def _count(chance: Generator, level: int) -> tuple[str, str, str]:
    length = (5, 7)[level]
    text, letter = "".join(chance.choice(list("abc"), size=length)), str(chance.choice(list("abc")))
    return f"{letter} {text}", str(text.count(letter)), str(length - text.count(letter))


def _sum(chance: Generator, level: int) -> tuple[str, str, str]:
    values = _digits(chance, level + 3)
    return _text(values), str(sum(values)), str(max(values))


def _even(chance: Generator, level: int) -> tuple[str, str, str]:
    values = _digits(chance, level + 4)
    even, odd = [v for v in values if v % 2 == 0], [v for v in values if v % 2]
    return _text(values), _text(even) or "no", _text(odd) or "no"


def _xor(chance: Generator, level: int) -> tuple[str, str, str]:
    a, b = chance.integers(2, size=(2, level + 4)).tolist()
    return (
        f"{_text(a)} {_text(b)}",
        _text([x ^ y for x, y in zip(a, b, strict=True)]),
        _text([x | y for x, y in zip(a, b, strict=True)]),
    )


MAX = Family("max", _max, (0.85, 0.5, 0.2))
SORT = Family("sort", _sort, (0.7, 0.3, 0.1))
COUNT = Family("count", _count, (0.5, 0.15))
SUM = Family("sum", _sum, (0.5, 0.12))
EVEN = Family("even", _even, (0.6, 0.3, 0.1))
XOR = Family("xor", _xor, (0.4, 0.15, 0.05))
