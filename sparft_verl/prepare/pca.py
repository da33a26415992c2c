"""Principal components of embeddings that need not fit in memory: rows are read block by block, three times.

Every block is one task with one BLAS thread, and the blocks' sums are added in the order of the rows, so that
the bits do not depend on how many tasks run at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import eigh

from sparft_verl.prepare.threads import limited

Array = np.ndarray[Any, Any]
BLOCK = 2048
RANK_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Axes:
    """mean float64 [d]; values float64 [p], variances in descending order; vectors float64 [d, p], one axis per
    column, its largest entry positive; total, the variance over all d axes.

    p is at most the rank: axes with less than a millionth of the variance are rounding, and left out.
    """

    mean: Array
    values: Array
    vectors: Array
    total: float


def normalise(x: Array) -> Array:
    """Return float32 [n, d] with rows of Euclidean length 1; a zero row stays zero."""
    wide = x.astype(np.float64)
    norm = np.sqrt(np.einsum("ij,ij->i", wide, wide))
    return np.asarray(wide / np.where(norm > 0, norm, 1.0)[:, None], dtype=np.float32)


def principal_axes(x: Array, most: int, *, threads: int = 1) -> Axes:
    """Return the `most` first axes of the rows of [N, d], each brought to length 1 before.

    Covariance (divided by N), then eigh: exact, and faster than a randomised solver up to some thousand
    dimensions. Products are float32 within a block, sums over the blocks float64.
    """
    n, d = x.shape
    mean = np.zeros(d)
    for part in _blocks(x, lambda block: normalise(block).sum(axis=0, dtype=np.float64), threads):
        mean += part
    mean /= n
    covariance = np.zeros((d, d))
    for part in _blocks(x, lambda block: _product(block, mean), threads):
        covariance += part
    covariance /= n
    total = float(np.trace(covariance))
    with limited(1):
        values, vectors = eigh(covariance, subset_by_index=[max(d - most, 0), d - 1])
    values, vectors = values[::-1], vectors[:, ::-1]
    rank = int((values > RANK_TOLERANCE * total).sum()) if total > 0 else 0
    vectors = vectors[:, :rank]
    sign = np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(rank)])
    return Axes(mean, values[:rank].copy(), np.ascontiguousarray(vectors * sign), total)


def project(x: Array, mean: Array, vectors: Array, *, threads: int = 1) -> Array:
    """Return float32 [N, p]: the rows of [N, d], brought to length 1 and centred, on the axes [d, p]."""
    narrow = vectors.astype(np.float32)
    out = np.empty((len(x), vectors.shape[1]), dtype=np.float32)
    start = 0
    for part in _blocks(x, lambda block: _centred(block, mean) @ narrow, threads):
        out[start : start + len(part)] = part
        start += len(part)
    return out


def _centred(block: Array, mean: Array) -> Array:
    return normalise(block) - mean.astype(np.float32)


def _product(block: Array, mean: Array) -> Array:
    rows = _centred(block, mean)
    return np.asarray(rows.T @ rows)


def _blocks(x: Array, task: Callable[[Array], Array], threads: int) -> Iterator[Array]:
    """Yield the task's result for every block of rows, in order; at most 2 * threads of them are in memory."""
    starts = range(0, len(x), BLOCK)
    with limited(1), ThreadPoolExecutor(threads) as pool:
        for first in range(0, len(starts), 2 * threads):
            yield from pool.map(lambda i: task(x[i : i + BLOCK]), starts[first : first + 2 * threads])
