"""Cleaning by text: empty and too long prompts, copies, near copies, and overlap with evaluation sets."""

from __future__ import annotations

import importlib.metadata
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from sparft_verl.prepare.cache import Cache, digest_texts
from sparft_verl.prepare.clean.config import CleanConfig
from sparft_verl.prepare.clean.evals import read_items
from sparft_verl.prepare.clean.length import token_counts
from sparft_verl.prepare.clean.near import PERMUTATIONS, RARE, RUN, WEIGHTS, Pairs, near_pairs
from sparft_verl.prepare.clean.ngrams import Overlaps, overlaps
from sparft_verl.prepare.clean.pairs import SameTask, leaders, other_truth, truth_key
from sparft_verl.prepare.clean.removals import Removal, Removals
from sparft_verl.prepare.clean.words import Vocabulary, normalise, numbers
from sparft_verl.prepare.ledger import Cost

if TYPE_CHECKING:
    from sparft_verl.prepare.read import Prompts

_VERSION = 1
"""Part of every cache key: to be raised when the same input gives another result."""


def clean_text(prompts: Prompts, config: CleanConfig, *, cache: Cache, threads: int) -> Removals:
    """Return the rows that go by their text, each for the first reason that holds.

    The order: empty, too_long, eval_ngram, duplicate, eval_near_duplicate, near_duplicate; of alike rows the
    lowest stays. All work is done by one thread, whatever `threads`. Raises PrepareError for evaluation sets and
    tokenizers that cannot be read.
    """
    work = _Work(prompts, config, cache)
    if config.empty:
        work.empty()
    if config.max_tokens is not None:
        work.too_long()
    if config.evals:
        work.eval_ngrams()
    if config.exact:
        work.duplicates()
    if config.near:
        work.near_duplicates()
    return Removals.of(work.removed.values(), work.notes, work.costs)


class _Work:
    def __init__(self, prompts: Prompts, config: CleanConfig, cache: Cache) -> None:
        self.prompts, self.config, self.cache = prompts, config, cache
        self.removed: dict[int, Removal] = {}
        self.notes: list[str] = []
        self.costs: dict[str, Cost] = {}
        self.normal = [normalise(text) for text in prompts.text]
        self.items = read_items(config.evals, cache)

    def empty(self) -> None:
        for row, text in enumerate(self.normal):
            if not text:
                self._remove(row, "empty", "no text")

    def too_long(self) -> None:
        limit = int(self.config.max_tokens or 0)
        rows = self._left()
        with self._step("length") as cost:
            counts = token_counts(self.prompts, rows, self.config, self.cache, cost)
        for row, count in zip(rows.tolist(), counts.tolist(), strict=True):
            if count > limit:
                self._remove(row, "too_long", f"{count} tokens of at most {limit}")

    def eval_ngrams(self) -> None:
        copies = self._by_text()
        texts = list(copies)
        with self._step("eval_ngram") as cost:
            found = self._overlaps(texts, cost)
        label, normal = self.items.label, self.items.normal
        for text, item, share in zip(
            found.text.tolist(), found.item.tolist(), found.share.tolist(), strict=True
        ):
            for row in copies[texts[text]]:
                self._remove(row, "eval_ngram", label[item], similarity=share)
        same = {text: item for item, text in enumerate(normal)}
        # whatever its length and however often it is there
        for text, rows in copies.items():
            if text in same:
                for row in rows:
                    self._remove(row, "eval_ngram", label[same[text]], similarity=1.0)

    def duplicates(self) -> None:
        with self._step("duplicate") as cost:
            groups = [rows for rows in self._by_text().values() if len(rows) > 1]
            cost.items = len(self.normal)
            flat = np.array([row for rows in groups for row in rows], dtype=np.int64)
            key = dict(zip(flat.tolist(), map(truth_key, self.prompts.truth(flat)), strict=True))
        conflicts = 0
        for first, *others in groups:
            for row in others:
                conflict = other_truth(key[first], key[row])
                conflicts += conflict
                origin = self.prompts.origin[first]
                detail = f"copy of input row {origin}" + (" with another ground truth" if conflict else "")
                self._remove(row, "duplicate", detail, first, 1.0)
        if conflicts:
            self.notes.append(
                f"{conflicts} of the {len(flat) - len(groups)} duplicates removed have another ground truth than "
                "the row that stays in their place"
            )

    def near_duplicates(self) -> None:
        rows = self._left()
        n_items = len(self.items)
        with self._step("near_duplicate") as cost:
            pairs = self._near_pairs(rows, cost)
        # evaluation items stand first, so that of an item and a row the row goes
        row_of = np.concatenate([np.full(n_items, -1, dtype=np.int64), rows])
        asked = row_of[np.concatenate([pairs.first, pairs.second])]
        task = SameTask(self.prompts, asked[asked >= 0], self.config)

        def refuse(first: int, second: int) -> bool:
            if first >= n_items:
                return task.differ(int(row_of[first]), int(row_of[second]))
            if second < n_items:
                return True
            item, text = self.items.normal[first], self.normal[row_of[second]]
            return self.config.same_numbers and numbers(item) != numbers(text)

        columns = (pairs.first.tolist(), pairs.second.tolist(), pairs.similarity.tolist())
        for second, (first, similarity) in leaders(zip(*columns, strict=True), refuse).items():
            row, other = int(row_of[second]), int(row_of[first])
            if other < 0:
                self._remove(row, "eval_near_duplicate", self.items.label[first], similarity=similarity)
            else:
                detail = f"like input row {self.prompts.origin[other]}"
                self._remove(row, "near_duplicate", detail, other, similarity)
        self.notes += task.notes("near")

    def _overlaps(self, texts: list[str], cost: Cost) -> Overlaps:
        config, cost.items = self.config, len(texts)
        key = {
            "texts": digest_texts(texts),
            "items": digest_texts(self.items.normal),
            "settings": [config.ngram, config.ngram_max_rows, config.ngram_share],
            "version": _VERSION,
        }

        def find() -> Overlaps:
            words = Vocabulary()
            items = words.corpus(self.items.normal)
            return overlaps(
                words.corpus(texts), items, config.ngram, config.ngram_max_rows, config.ngram_share
            )

        found, cached = self.cache.entry("clean-ngrams", key).recall(Overlaps, find)
        if cached:
            cost.items, cost.cached = 0, cost.items
        return found

    def _near_pairs(self, rows: np.ndarray[Any, Any], cost: Cost) -> Pairs:
        config, cost.items = self.config, len(rows)
        texts = self.items.normal + [self.normal[row] for row in rows.tolist()]
        key = {
            "texts": digest_texts(texts),
            "settings": [config.near_threshold, config.near_max_rows, RUN, RARE, PERMUTATIONS, *WEIGHTS],
            "datasketch": importlib.metadata.version("datasketch"),
            "version": _VERSION,
        }

        def find() -> Pairs:
            return near_pairs(Vocabulary().corpus(texts), config.near_threshold, config.near_max_rows)

        found, cached = self.cache.entry("clean-near", key).recall(Pairs, find)
        if cached:
            cost.items, cost.cached = 0, cost.items
        return found

    def _left(self) -> np.ndarray[Any, Any]:
        return np.array([row for row in range(len(self.normal)) if row not in self.removed], dtype=np.int64)

    def _by_text(self) -> dict[str, list[int]]:
        """Return the rows of each different text among what is left, in order."""
        groups: dict[str, list[int]] = {}
        for row in self._left().tolist():
            groups.setdefault(self.normal[row], []).append(row)
        return groups

    def _remove(
        self, row: int, reason: str, detail: str, other: int = -1, similarity: float = math.nan
    ) -> None:
        self.removed[row] = Removal(row, reason, detail, other, similarity)

    @contextmanager
    def _step(self, name: str) -> Iterator[Cost]:
        start = time.perf_counter()
        self.costs[name] = cost = Cost()
        yield cost
        cost.seconds = round(time.perf_counter() - start, 3)
