"""Decontamination by word runs (Brown et al. 2020, appendix C: 13 words; common runs do not count)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sparft_verl.prepare.clean.words import Corpus, places, runs, runs_at

SHORTEST = 3
"""Items of fewer words and signs are no run to be found within a prompt; they only count as the whole of it."""
_CHUNK = 50_000

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Overlaps:
    """Texts and the eval items they overlap with: text int64, item int64, share float64 of the item's runs."""

    text: Array
    item: Array
    share: Array

    def strongest(self) -> Overlaps:
        """Return one line per text, ascending: the item with the largest share, of equal ones the lowest."""
        order = np.lexsort((self.item, -self.share, self.text))
        text = self.text[order]
        first = order[np.concatenate([[True], text[1:] != text[:-1]])[: len(text)]]
        return Overlaps(self.text[first], self.item[first], self.share[first])


def overlaps(texts: Corpus, items: Corpus, n: int, max_rows: int, share: float) -> Overlaps:
    """Return one line per text that holds an eval item or part of it; both hold different texts, one vocabulary.

    A run of `n` words (signs left out) is wording, not content, if more than `max_rows` texts or items have it.
    A text overlaps if it has at least `share` of an item's other runs (0: one of them), or all runs of the item
    however common. An item of fewer than `n` words must stand in the text as a whole, signs included, and in no
    more than `max_rows` texts.
    """
    shared = _Shared(texts, items, n)
    found = [shared.parts(max_rows, share), shared.wholes(), _short(texts, items, n, max_rows)]
    return Overlaps(
        np.concatenate([one.text for one in found]),
        np.concatenate([one.item for one in found]),
        np.concatenate([one.share for one in found]),
    ).strongest()


class _Shared:
    """The runs of the items, and which of them each text has."""

    def __init__(self, texts: Corpus, items: Corpus, n: int) -> None:
        gram, item = runs(items.words(), n)
        self.kinds, kind = np.unique(gram, return_inverse=True)
        self.n_kinds, self.n_items, self.n_texts = len(self.kinds), len(items), len(texts)
        self.item, self.item_kind = _pairs(item, kind, self.n_kinds)
        chunks = [self._chunk(texts, first, n) for first in range(0, len(texts), _CHUNK)]
        empty = np.zeros(0, dtype=np.int64)
        self.text = np.concatenate([empty, *(text for text, _ in chunks)])
        self.text_kind = np.concatenate([empty, *(kind for _, kind in chunks)])
        self.in_texts = np.bincount(self.text_kind, minlength=self.n_kinds)
        self.in_items = np.bincount(self.item_kind, minlength=self.n_kinds)

    def _chunk(self, texts: Corpus, first: int, n: int) -> tuple[Array, Array]:
        gram, text = runs(texts.part(first, min(first + _CHUNK, len(texts))).words(), n)
        kind, known = _find(self.kinds, gram)
        return _pairs(text[known] + first, kind[known], self.n_kinds)

    def parts(self, max_rows: int, share: float) -> Overlaps:
        """Return the texts that have enough of an item's runs, of those that are not common."""
        special = (self.in_texts <= max_rows) & (self.in_items <= max_rows)
        own = np.bincount(self.item, weights=special[self.item_kind], minlength=self.n_items)
        hit = special[self.text_kind]
        line, item = _Groups(self.item_kind, self.item, self.n_kinds).of(self.text_kind[hit])
        pair, count = np.unique(self.text[hit][line] * max(self.n_items, 1) + item, return_counts=True)
        text, item = np.divmod(pair, max(self.n_items, 1))
        part = count / own[item]
        enough = part >= share
        return Overlaps(text[enough], item[enough], part[enough])

    def wholes(self) -> Overlaps:
        """Return the texts that have all runs of an item. Only holders of its rarest run can have them all."""
        order = np.lexsort((self.in_texts[self.item_kind], self.item))
        items, first = np.unique(self.item[order], return_index=True)
        line, text = _Groups(self.text_kind, self.text, self.n_kinds).of(self.item_kind[order][first])
        item = items[line]
        runs_of, runs_in = (
            _Groups(self.item, self.item_kind, self.n_items),
            _Groups(self.text, self.text_kind, self.n_texts),
        )
        # a text that has not even as many of the known runs needs no closer look
        few = runs_in.sizes()[text] < runs_of.sizes()[item]
        text, item = text[~few], item[~few]
        ok = [bool(np.isin(runs_of[i], runs_in[t]).all()) for t, i in zip(text, item, strict=True)]
        whole = np.array(ok, dtype=bool)
        return Overlaps(text[whole], item[whole], np.ones(int(whole.sum())))


class _Groups:
    """Values int64 by key."""

    def __init__(self, key: Array, value: Array, n_keys: int) -> None:
        order = np.argsort(key, kind="stable")
        self.value, self.start = value[order], np.searchsorted(key[order], np.arange(n_keys + 1))

    def __getitem__(self, key: int) -> Array:
        return self.value[self.start[key] : self.start[key + 1]]

    def sizes(self) -> Array:
        return np.diff(self.start)

    def of(self, keys: Array) -> tuple[Array, Array]:
        """Return for all values of all `keys`: the place in `keys`, and the value."""
        count = self.sizes()[keys]
        line = np.repeat(np.arange(len(keys)), count)
        within = np.arange(len(line)) - np.repeat(np.cumsum(count) - count, count)
        return line, self.value[self.start[keys][line] + within]


def _short(texts: Corpus, items: Corpus, n: int, max_rows: int) -> Overlaps:
    length = items.lengths()
    which = np.flatnonzero((items.words().lengths() < n) & (length >= SHORTEST))
    begin, text = places(texts, SHORTEST)
    heads = np.unique(runs_at(items, SHORTEST, items.start[which]))
    _, known = _find(heads, runs_at(texts, SHORTEST, begin))
    begin, text = begin[known], text[known]
    found = [(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))]
    for size in np.unique(length[which]):
        same = which[length[which] == size]
        whole, first = np.unique(runs_at(items, size, items.start[same]), return_index=True)
        fits = begin + size <= texts.start[1:][text]
        at, known = _find(whole, runs_at(texts, size, begin[fits]))
        found.append(_pairs(text[fits][known], same[first][at[known]], len(items)))
    text, item = (np.concatenate(column) for column in zip(*found, strict=True))
    rare = np.bincount(item, minlength=len(items))[item] <= max_rows
    return Overlaps(text[rare], item[rare], np.ones(int(rare.sum())))


def _find(known: Array, asked: Array) -> tuple[Array, Array]:
    """Return where each value stands in ascending `known`, and whether it does."""
    if not len(known):
        return np.zeros(len(asked), dtype=np.int64), np.zeros(len(asked), dtype=bool)
    at = np.minimum(np.searchsorted(known, asked), len(known) - 1)
    return at, known[at] == asked


def _pairs(a: Array, b: Array, n_b: int) -> tuple[Array, Array]:
    """Return the different pairs, ascending; b lies in 0..n_b-1."""
    both = np.unique(a * max(n_b, 1) + b)
    return np.divmod(both, max(n_b, 1))
