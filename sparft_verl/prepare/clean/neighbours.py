"""The nearest vectors by cosine, by FAISS where it can be imported, else by scikit-learn."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from sparft_verl.prepare.kmeans import choose_engine
from sparft_verl.prepare.threads import limited

EXACT = 65_536
"""Up to so many vectors all are compared; beyond, FAISS looks into the nearest of sqrt(N) cells."""
_PROBED = 32
_BLOCK = 2048

Array = np.ndarray[Any, Any]


def unit(vectors: Array) -> Array:
    """Return float32 [n, d] of length 1; a zero vector stays zero and is like nothing."""
    x = np.ascontiguousarray(vectors, dtype=np.float32)
    length = np.sqrt(np.einsum("ij,ij->i", x, x, dtype=np.float64))
    return np.asarray(x / np.where(length > 0, length, 1.0)[:, None], dtype=np.float32)


def nearest(
    base: Array, queries: Array, k: int, threads: int, engine: str | None = None
) -> tuple[Array, Array]:
    """Return for unit queries [m, d] the k nearest of unit base [n, d]: rows int64 [m, k], -1 where there are
    fewer, and cosines float64 [m, k].

    The engine is faiss or sklearn; none given, faiss where it can be imported. The number of threads changes
    nothing: blocks of queries are fixed, and each is done by one thread.
    """
    k = min(k, len(base))
    # the libraries' own pools would split, and round, by the number of threads
    with limited(1):
        search, prepare = _search(base, k, engine or choose_engine("auto"))
        blocks = [queries[i : i + _BLOCK] for i in range(0, len(queries), _BLOCK)]
        with ThreadPoolExecutor(max(threads, 1), initializer=prepare) as pool:
            found = list(pool.map(search, blocks))
    rows = np.concatenate(found) if found else np.zeros((0, k), dtype=np.int64)
    return rows, cosines(queries, base, rows)


def cosines(queries: Array, base: Array, rows: Array) -> Array:
    """Return float64 [m, k]: products of unit queries with the base rows named, -1 for row -1."""
    result = np.full(rows.shape, -1.0)
    for column in range(rows.shape[1]):
        for first in range(0, len(rows), _BLOCK):
            part = slice(first, first + _BLOCK)
            to = base[np.maximum(rows[part, column], 0)]
            # of one formula, so that engines and block sizes agree at a threshold
            value = np.einsum("ij,ij->i", queries[part].astype(np.float64), to.astype(np.float64))
            result[part, column] = np.where(rows[part, column] >= 0, value, -1.0)
    return result


def _search(base: Array, k: int, engine: str) -> tuple[Callable[[Array], Array], Callable[[], None]]:
    """Return what finds the rows of one block, and what each thread does first."""
    if engine == "sklearn":
        from sklearn.neighbors import NearestNeighbors

        model = NearestNeighbors(n_neighbors=k, metric="cosine", algorithm="brute").fit(base)
        return (lambda block: np.asarray(model.kneighbors(block, return_distance=False))), lambda: None
    import faiss

    index: Any = faiss.IndexFlatIP(base.shape[1])
    if len(base) > EXACT:
        cells = int(np.sqrt(len(base)))
        index = faiss.IndexIVFFlat(index, base.shape[1], cells, faiss.METRIC_INNER_PRODUCT)
        index.nprobe = _PROBED
        index.train(base)  # seeded by FAISS
    index.add(base)
    return (lambda block: np.asarray(index.search(block, k)[1])), lambda: faiss.omp_set_num_threads(1)
