"""Arithmetic with small whole numbers."""

from __future__ import annotations

from benchmarks.learning.families.base import Family, Generator

_RANGES = (20, 50, 100)


def _add(chance: Generator, level: int) -> tuple[str, str, str]:
    a, b = chance.integers(_RANGES[level], size=2)
    return f"{a} {b}", f"{a + b}", f"{a + b + 1}"


def _sub(chance: Generator, level: int) -> tuple[str, str, str]:
    b, a = sorted(chance.integers(_RANGES[level + 1], size=2))
    return f"{a} {b}", f"{a - b}", f"{a + b}"


def _mod(chance: Generator, level: int) -> tuple[str, str, str]:
    a, b = chance.integers(100), chance.choice(((2, 5, 10), (3, 4, 9))[level])
    return f"{a} {b}", f"{a % b}", f"{a // b}"


def _solve(chance: Generator, level: int) -> tuple[str, str, str]:
    x, a = chance.integers((20, 40, 40)[level], size=2)
    if level < 2:
        return f"x+{a}={x + a}", f"{x}", f"{x + a + a}"
    return f"x-{a}={x}", f"{x + a}", f"{abs(x - a)}"


ADD = Family("add", _add, (0.6, 0.25, 0.08))
SUB = Family("sub", _sub, (0.4, 0.1))
MOD = Family("mod", _mod, (0.3, 0.06))
SOLVE = Family("solve", _solve, (0.45, 0.2, 0.05))
