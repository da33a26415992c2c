"""Stage 4: the space in which prompts are clustered (design choices of algorithms.md 1.4)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sparft_verl.prepare.errors import require
from sparft_verl.prepare.pca import principal_axes, project


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
    """matrix float32 [N, dim + 1]: PCA block of total variance 1, then w times z-scored difficulty.

    explained is the share of the embeddings' variance that the dim components hold.
    """

    matrix: np.ndarray[Any, Any]
    dim: int
    explained: float
    notes: list[str] = field(default_factory=list)


def features(
    embeddings: np.ndarray[Any, Any],
    level: np.ndarray[Any, Any],
    config: FeaturesConfig,
    *,
    threads: int = 1,
) -> Features:
    """Return the features of N rows from embeddings [N, d], finite, and difficulty [N].

    The embeddings are brought to length 1 and read block by block: a memory-mapped file is not loaded whole. The
    same bits come out for any number of threads.
    """
    n = len(embeddings)
    notes = []
    axes = principal_axes(embeddings, config.max_dim, threads=threads)
    rank = len(axes.values)
    dim = choose_dim(axes.values, axes.total, config) if rank else 1
    matrix = np.zeros((n, dim + 1), dtype=np.float32)
    explained = 0.0
    if rank:
        kept = float(axes.values[:dim].sum())
        explained = min(kept / axes.total, 1.0)
        scaled = axes.vectors[:, :dim] / np.sqrt(kept)
        matrix[:, :dim] = project(embeddings, axes.mean, scaled, threads=threads)
    else:
        notes.append("all embeddings are identical: only difficulty tells prompts apart")
    if np.ptp(level) > 0:  # the standard deviation of a constant need not round to 0
        matrix[:, dim] = (level - level.mean()) / level.std() * config.difficulty_weight
    else:
        notes.append("difficulty is the same for all prompts: only the embedding tells them apart")
    return Features(matrix, dim, explained, notes)


def choose_dim(values: np.ndarray[Any, Any], total: float, config: FeaturesConfig) -> int:
    """Return the fewest components with the wanted share of `total`, within [min_dim, max_dim].

    `values` [p] are the largest variances, descending; never more than p.
    """
    share = np.cumsum(values) / total
    wanted = int(np.searchsorted(share, config.variance - 1e-12)) + 1
    return min(max(config.min_dim, min(wanted, config.max_dim)), len(values))
