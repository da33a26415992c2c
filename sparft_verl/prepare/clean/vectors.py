"""Cleaning by embedding: duplicates in meaning (SemDeDup, Abbas et al. 2023), neighbours of evaluation items."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sparft_verl.prepare.cache import Cache
from sparft_verl.prepare.clean.config import CleanConfig
from sparft_verl.prepare.clean.evals import read_items
from sparft_verl.prepare.clean.neighbours import nearest, unit
from sparft_verl.prepare.clean.pairs import SameTask, leaders
from sparft_verl.prepare.clean.removals import Removal, Removals
from sparft_verl.prepare.errors import require
from sparft_verl.prepare.ledger import Cost

if TYPE_CHECKING:
    from sparft_verl.prepare.read import Prompts

NEAREST = 16
"""How many neighbours of a row are looked at in one pass over the rows."""


def clean_vectors(
    prompts: Prompts,
    vectors: np.ndarray[Any, Any],
    config: CleanConfig,
    *,
    embed_texts: Callable[[Sequence[str]], np.ndarray[Any, Any]],
    cache: Cache,
    threads: int,
) -> Removals:
    """Return the rows that go by their vectors float32 [N, d]: eval_neighbour, then semantic_duplicate.

    `embed_texts` gives vectors of evaluation items in the same space; called once, if clean.eval_neighbour. Of
    semantic duplicates the lowest row stays. Raises PrepareError when vectors and rows do not fit together.
    """
    n, dim = vectors.shape
    require(
        n == len(prompts), "there must be one vector per prompt", f"{n} and {len(prompts)}", "pass both cut"
    )
    removed: dict[int, Removal] = {}
    costs: dict[str, Cost] = {}
    notes: list[str] = []
    x = unit(vectors) if config.eval_neighbour or config.semantic else vectors
    if config.eval_neighbour:
        start = time.perf_counter()
        items = read_items(config.evals, cache)
        others = np.asarray(embed_texts(items.text), dtype=np.float32)
        fits = others.shape == (len(items), dim) and bool(np.isfinite(others).all())
        rule = f"embeddings of evaluation items must be finite and of shape {(len(items), dim)}"
        require(
            fits, rule, others.shape, "embed them as the prompts were, or leave clean.eval_neighbour=false"
        )
        best, cosine = nearest(unit(others), x, 1, threads)
        for row in np.flatnonzero(cosine[:, 0] >= config.eval_threshold).tolist():
            label = items.label[best[row, 0]]
            removed[row] = Removal(row, "eval_neighbour", label, similarity=float(cosine[row, 0]))
        costs["eval_neighbour"] = Cost(round(time.perf_counter() - start, 3), n)
    if config.semantic:
        start = time.perf_counter()
        rows = np.array([row for row in range(n) if row not in removed], dtype=np.int64)
        found, notes = _duplicates(prompts, x, rows, config, threads)
        removed.update((one.row, one) for one in found)
        costs["semantic_duplicate"] = Cost(round(time.perf_counter() - start, 3), len(rows))
    return Removals.of(removed.values(), notes, costs)


def _duplicates(
    prompts: Prompts,
    x: np.ndarray[Any, Any],
    rows: np.ndarray[Any, Any],
    config: CleanConfig,
    threads: int,
) -> tuple[list[Removal], list[str]]:
    """Return what goes of `rows`, and notes.

    A row that has more alike than one pass looks at is looked at again among what the pass left.
    """
    cosine: dict[tuple[int, int], float] = {}
    alive, asked, full = rows, rows, rows[:0]
    while True:
        before = len(cosine)
        to, value = nearest(x[alive], x[asked], NEAREST + 1, threads)
        alike = (value >= config.semantic_threshold) & (to >= 0)
        line, _ = np.nonzero(alike)
        for a, b, c in zip(
            asked[line].tolist(), alive[to[alike]].tolist(), value[alike].tolist(), strict=True
        ):
            if a != b:
                cosine[min(a, b), max(a, b)] = c
        pairs = sorted(((a, b, c) for (a, b), c in cosine.items()), key=lambda pair: (pair[1], pair[0]))
        task = SameTask(prompts, np.array([row for pair in cosine for row in pair], dtype=np.int64), config)
        gone = leaders(pairs, task.differ)
        alive = np.array([row for row in rows.tolist() if row not in gone], dtype=np.int64)
        # also those that come back because what they were alike to goes itself
        full = np.union1d(full, asked[alike.all(axis=1)])
        asked = np.intersect1d(full, alive)
        if len(cosine) == before or not len(asked):
            break
    removed = [
        Removal(row, "semantic_duplicate", f"like input row {prompts.origin[other]}", other, similarity)
        for row, (other, similarity) in gone.items()
    ]
    return removed, task.notes("semantic")
