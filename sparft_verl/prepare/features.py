"""Stage 4: the space in which prompts are clustered (design choices of algorithms.md 1.4)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sparft_verl.prepare.errors import require

_CHUNK = 4096
_RANK_TOLERANCE = 1e-10


@dataclass
class FeaturesConfig:
    """How embeddings and difficulty become one feature vector."""

    variance: float = 0.9
    """Smallest share of the embeddings' variance that the principal components must hold."""
    min_dim: int = 16
    """Fewest components, as far as rows and embedding allow."""
    max_dim: int = 64
    """Most components."""
    difficulty_weight: float = 1.0
    """w: standard deviation of the difficulty column, beside an embedding block of total variance 1."""

    def __post_init__(self) -> None:
        fix = "correct it on the command line"
        require(0 < self.variance <= 1, "features.variance must lie in (0, 1]", self.variance, fix)
        dims = f"{self.min_dim} and {self.max_dim}"
        require(1 <= self.min_dim <= self.max_dim, "features need 1 <= min_dim <= max_dim", dims, fix)
        weight = self.difficulty_weight
        require(0 <= weight < float("inf"), "features.difficulty_weight must be 0 or more", weight, fix)


@dataclass(frozen=True)
class Features:
    """matrix float32 [N, dim + 1]: PCA block of total variance 1, then w times z-scored difficulty."""

    matrix: np.ndarray[Any, Any]
    dim: int
    explained: float
    notes: list[str] = field(default_factory=list)


def features(
    embeddings: np.ndarray[Any, Any], level: np.ndarray[Any, Any], config: FeaturesConfig
) -> Features:
    """Return the features of N rows from embeddings [N, d] and difficulty [N]."""
    notes = []
    x = normalise(embeddings)
    mean, values, vectors = principal_axes(x)
    total = float(values.sum())
    rank = int((values > _RANK_TOLERANCE * max(total, 1e-12)).sum())
    if rank == 0:
        notes.append("all embeddings are identical: only difficulty tells prompts apart")
        dim, explained = 1, 0.0
        block = np.zeros((len(x), 1))
    else:
        dim = choose_dim(values, rank, config)
        kept = float(values[:dim].sum())
        explained = kept / total
        block = project(x, mean, vectors[:, :dim]) / np.sqrt(kept)
    spread = float(level.std())
    if spread > 0:
        column = (level - level.mean()) / spread * config.difficulty_weight
    else:
        column = np.zeros(len(x))
        notes.append("difficulty is the same for all prompts: only the embedding tells them apart")
    matrix = np.concatenate([block, column[:, None]], axis=1).astype(np.float32)
    return Features(np.ascontiguousarray(matrix), dim, explained, notes)


def normalise(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return float32 [N, d] with rows of Euclidean length 1; a zero row stays zero."""
    norm = np.linalg.norm(x.astype(np.float64), axis=1, keepdims=True)
    return (x / np.where(norm > 0, norm, 1.0)).astype(np.float32)


def principal_axes(
    x: np.ndarray[Any, Any],
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return mean [d], variances [d] in descending order and axes [d, d] (columns), all float64.

    Covariance (divided by N) in blocks, then eigh: exact, and faster than a randomised solver up to some
    thousand dimensions. The largest entry of every axis is positive, which fixes its sign.
    """
    n, d = x.shape
    mean = x.mean(axis=0, dtype=np.float64)
    covariance = np.zeros((d, d))
    for start in range(0, n, _CHUNK):
        block = x[start : start + _CHUNK].astype(np.float64) - mean
        covariance += block.T @ block
    values, vectors = np.linalg.eigh(covariance / n)
    values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1]
    sign = np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(d)])
    return mean, values, np.ascontiguousarray(vectors * sign)


def choose_dim(values: np.ndarray[Any, Any], rank: int, config: FeaturesConfig) -> int:
    """Return the fewest components with the wanted variance, within [min_dim, max_dim] and the rank."""
    share = np.cumsum(values) / values.sum()
    wanted = int(np.searchsorted(share, config.variance - 1e-12)) + 1
    return min(max(config.min_dim, min(wanted, config.max_dim)), rank)


def project(
    x: np.ndarray[Any, Any], mean: np.ndarray[Any, Any], axes: np.ndarray[Any, Any]
) -> np.ndarray[Any, Any]:
    """Return float64 [N, p]: the centred rows on the axes."""
    blocks = [(x[i : i + _CHUNK].astype(np.float64) - mean) @ axes for i in range(0, len(x), _CHUNK)]
    return np.concatenate(blocks)
