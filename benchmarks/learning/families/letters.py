"""Rules on short strings: reversed, shifted, rotated, closed, thinned, mixed."""

from __future__ import annotations

from benchmarks.learning.families.base import Family, Generator

ALPHABET = "abcdefghijklmnopqrstuvwxyz"
_CLOSING = {"(": ")", "[": "]", "{": "}", "<": ">"}


def letters(chance: Generator, length: int, alphabet: str = ALPHABET) -> str:
    """Return a random string."""
    return "".join(alphabet[int(index)] for index in chance.integers(len(alphabet), size=length))


def _rev(chance: Generator, level: int) -> tuple[str, str, str]:
    text = letters(chance, level + 3)
    return text, text[::-1], text


def _shift(text: str, by: int) -> str:
    return "".join(ALPHABET[(ALPHABET.index(letter) + by) % 26] for letter in text)


def _next(chance: Generator, level: int) -> tuple[str, str, str]:
    text, by = letters(chance, 2), int(chance.choice(((1,), (2, 3))[level]))
    return f"{text} {by}", _shift(text, by), _shift(text, -by)


def _rot(chance: Generator, level: int) -> tuple[str, str, str]:
    text = letters(chance, level + 4)
    by = int(chance.integers(1, level + 2))
    return f"{text} {by}", text[by:] + text[:by], text[-by:] + text[:-by]


def _close(chance: Generator, level: int) -> tuple[str, str, str]:
    text = letters(chance, level + 4, "([{<")
    closed = "".join(_CLOSING[mark] for mark in text)
    return text, closed[::-1], closed


def _uniq(chance: Generator, level: int) -> tuple[str, str, str]:
    text = "".join(sorted(letters(chance, level + 5, "abcdefgh")))
    kept = "".join(sorted(set(text)))
    return text, kept, "".join(letter for letter in kept if text.count(letter) > 1) or "no"


def _odd(chance: Generator, level: int) -> tuple[str, str, str]:
    text = letters(chance, 2 * level + 5)
    return text, text[::2], text[1::2]


def _zip(chance: Generator, level: int) -> tuple[str, str, str]:
    a, b = letters(chance, level + 2), letters(chance, level + 2)
    mixed = "".join(x + y for x, y in zip(a, b, strict=True))
    return f"{a} {b}", mixed, a + b


def _put(chance: Generator, level: int) -> tuple[str, str, str]:
    text = letters(chance, level + 4, "abcd")
    old, new = chance.permutation(list("abcd"))[:2]
    return f"{old} {new} {text}", text.replace(old, new), text.replace(new, old)


REV = Family("rev", _rev, (0.9, 0.6, 0.3))
NEXT = Family("next", _next, (0.2, 0.05))
ROT = Family("rot", _rot, (0.12, 0.03))
CLOSE = Family("close", _close, (0.35, 0.12, 0.04))
UNIQ = Family("uniq", _uniq, (0.8, 0.4))
ODD = Family("odd", _odd, (0.25, 0.05))
ZIP = Family("zip", _zip, (0.3, 0.1, 0.03))
PUT = Family("put", _put, (0.9, 0.55, 0.2))
