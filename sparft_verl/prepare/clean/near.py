"""Near duplicates: MinHash LSH proposes pairs, the exact Jaccard similarity of their word runs decides.

Runs of words that many texts share are the wording of a template, not the content of a task, and propose nothing;
otherwise all rows of a generator would be near duplicates of each other, and the number of pairs quadratic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sparft_verl.prepare.clean.words import Corpus, runs

RUN = 3
"""Words and signs per run: 3 sees the order of words, and one changed word costs no more than 3 runs."""
RARE = 2 / 3
"""Part of the threshold that rare runs must reach: they are the fewer, and one changed word weighs more."""
PERMUTATIONS = 128
WEIGHTS = (0.02, 0.98)
"""Weights of false proposals and of misses: proposals are checked exactly, so a miss costs more."""


@dataclass(frozen=True)
class Pairs:
    """Pairs of texts, first < second, ascending by second and then first: int64, int64, similarity float64."""

    first: np.ndarray[Any, Any]
    second: np.ndarray[Any, Any]
    similarity: np.ndarray[Any, Any]


def near_pairs(corpus: Corpus, threshold: float, max_rows: int) -> Pairs:
    """Return the pairs of texts that are alike, but for what LSH misses.

    Alike: the Jaccard similarity of all their runs, as bags, is at least `threshold`, and two thirds of it that
    of the sets of their rare runs, which stand in no more than `max_rows` texts. LSH works on the latter: it
    misses 1 % of the pairs at that lower threshold, and soon less above.
    """
    from datasketch import MinHash, MinHashLSH  # type: ignore[import-untyped]

    gram, text = runs(corpus.padded(RUN - 1), RUN)
    kinds, kind = np.unique(gram, return_inverse=True)
    del gram
    bags = _Bags(text, kind, len(corpus), len(kinds), max_rows)
    candidates = bags.candidates(RARE * threshold).tolist()
    # a sketch is made of 32 bits per run; only proposals depend on them
    short = (kinds >> np.uint64(32)).astype(np.int64)
    del kinds
    sets = (short[bags.rare(i)].tolist() for i in candidates)
    index = MinHashLSH(threshold=RARE * threshold, num_perm=PERMUTATIONS, weights=WEIGHTS)
    found = []
    for i, sketch in zip(
        candidates, MinHash.generator(sets, num_perm=PERMUTATIONS, hashfunc=int), strict=True
    ):
        for j in sorted(index.query(sketch)):
            similarity = bags.similarity(j, i)
            if similarity >= threshold and bags.rare_similarity(j, i) >= RARE * threshold:
                found.append((j, i, similarity))
        index.insert(i, sketch, check_duplication=False)
    columns = list(zip(*found, strict=True)) or [(), (), ()]
    return Pairs(
        np.array(columns[0], dtype=np.int64),
        np.array(columns[1], dtype=np.int64),
        np.array(columns[2], dtype=np.float64),
    )


class _Bags:
    """The runs of each text with how often they stand in it, and which of them are rare."""

    def __init__(
        self, text: np.ndarray[Any, Any], kind: np.ndarray[Any, Any], n: int, n_kinds: int, max_rows: int
    ) -> None:
        entry, self.times = np.unique(text * max(n_kinds, 1) + kind, return_counts=True)
        text, self.kind = np.divmod(entry, max(n_kinds, 1))
        self.start = np.searchsorted(text, np.arange(n + 1))
        rare = np.bincount(self.kind, minlength=n_kinds)[self.kind] <= max_rows
        self.rare_text, self.rare_kind = text[rare], self.kind[rare]
        self.rare_start = np.searchsorted(self.rare_text, np.arange(n + 1))
        self.n_kinds = n_kinds

    def rare(self, i: int) -> np.ndarray[Any, Any]:
        """Return the rare runs of text i, ascending."""
        return self.rare_kind[self.rare_start[i] : self.rare_start[i + 1]]

    def candidates(self, threshold: float) -> np.ndarray[Any, Any]:
        """Return the texts that can be like another one: a share `threshold` of their rare runs stands elsewhere.

        Jaccard similarity t needs t of either set in common, so nothing is lost; where texts are different,
        few are left to be sketched.
        """
        size = np.diff(self.rare_start)
        alive = size > 0
        while True:
            live = alive[self.rare_text]
            kind, text = self.rare_kind[live], self.rare_text[live]
            elsewhere = np.bincount(kind, minlength=self.n_kinds)[kind] > 1
            shared = np.bincount(text[elsewhere], minlength=len(size))
            left = alive & (shared >= threshold * size)
            if np.array_equal(left, alive):
                return np.flatnonzero(alive)
            alive = left

    def rare_similarity(self, i: int, j: int) -> float:
        """Return the Jaccard similarity of the rare runs of two texts, as sets."""
        a, b = self.rare(i), self.rare(j)
        common = len(np.intersect1d(a, b, assume_unique=True))
        return common / (len(a) + len(b) - common)

    def similarity(self, i: int, j: int) -> float:
        """Return the Jaccard similarity of all runs of two texts, as bags."""
        in_i, in_j = slice(*self.start[i : i + 2]), slice(*self.start[j : j + 2])
        _, at, to = np.intersect1d(self.kind[in_i], self.kind[in_j], assume_unique=True, return_indices=True)
        times_i, times_j = self.times[in_i], self.times[in_j]
        common = int(np.minimum(times_i[at], times_j[to]).sum())
        return common / int(times_i.sum() + times_j.sum() - common)
