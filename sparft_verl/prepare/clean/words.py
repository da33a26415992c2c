"""Texts as words: one normal form for all steps of cleaning, and runs of words as hashes in bulk."""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

_WORD = re.compile(r"[^\W_]+|\S")
_NUMBER = re.compile(r"\d+")
# Quotes and dashes that editors exchange without being asked.
_TYPOGRAPHY = str.maketrans("‘’‚‛“”„‟‐‑‒–—−", "''''\"\"\"\"------")


def normalise(text: str) -> str:
    """Return the text in one case and one spacing, with composed letters and plain quotes and dashes.

    Composed (NFC), not folded by compatibility (NFKC): the latter makes x2 of x².
    """
    if not text.isascii():
        text = unicodedata.normalize("NFC", text).translate(_TYPOGRAPHY)
    return " ".join(text.casefold().split())


def numbers(text: str) -> list[str]:
    """Return the runs of digits of a text, in order: equal in two wordings of one task."""
    return _NUMBER.findall(text)


@dataclass(frozen=True)
class Corpus:
    """Texts as numbered words, end to end: ids int32 [words], and start int64 [n+1], where each text begins.

    Words are positive, single signs (punctuation, operators, brackets) negative, padding is 0.
    """

    ids: np.ndarray[Any, Any]
    start: np.ndarray[Any, Any]

    def __len__(self) -> int:
        return len(self.start) - 1

    def lengths(self) -> np.ndarray[Any, Any]:
        """Return int64 [n]: words and signs per text."""
        return np.diff(self.start)

    def words(self) -> Corpus:
        """Return the same texts without their signs."""
        word = self.ids > 0
        return Corpus(self.ids[word], np.concatenate([[0], np.cumsum(word)])[self.start])

    def padded(self, n: int) -> Corpus:
        """Return the same texts with `n` zeros after each."""
        ids = np.insert(self.ids, np.repeat(self.start[1:], n), 0)
        return Corpus(ids, self.start + n * np.arange(len(self.start)))

    def part(self, first: int, last: int) -> Corpus:
        """Return the texts first..last-1."""
        start = self.start[first : last + 1]
        return Corpus(self.ids[start[0] : start[-1]], start - start[0])


class Vocabulary:
    """Numbers words in the order of appearance; equal words have equal numbers in all its corpora."""

    def __init__(self) -> None:
        self._number = _Numbers()

    def corpus(self, texts: Iterable[str]) -> Corpus:
        """Return normalised texts as words and signs."""
        ids, end = array("i"), array("q", [0])
        find, number = _WORD.findall, self._number.__getitem__
        for text in texts:
            ids.extend(map(number, find(text)))
            end.append(len(ids))
        return Corpus(np.frombuffer(ids, dtype=np.int32), np.frombuffer(end, dtype=np.int64))


class _Numbers(dict[str, int]):
    def __missing__(self, word: str) -> int:
        self[word] = number = (len(self) + 1) * (1 if word[0].isalnum() else -1)
        return number


def runs(corpus: Corpus, n: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return the hash uint64 of every run of `n` words within one text, and its text int64, in order.

    64 bits: among 1e8 different runs the chance that any two fall together is below 1e-3.
    """
    begin, text = places(corpus, n)
    return runs_at(corpus, n, begin), text


def places(corpus: Corpus, n: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return where every run of `n` words within one text begins, int64, and its text int64."""
    text = np.repeat(np.arange(len(corpus)), corpus.lengths())
    begin = np.arange(len(text))
    begin = begin[begin + n <= corpus.start[1:][text]]
    return begin, text[begin]


def runs_at(corpus: Corpus, n: int, begin: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the hashes uint64 of the runs of `n` words that begin at the given places."""
    value = np.zeros(len(begin), dtype=np.uint64)
    for k in range(n):
        value = _mix(value + corpus.ids[begin + k].astype(np.uint64))
    return value


def _mix(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    # the finaliser of SplitMix64: each bit of x moves every bit
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
