"""Stage 5: arms, by k-means over the features or given by a column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparft_verl.prepare.errors import PrepareError, require
from sparft_verl.prepare.kmeans import ENGINES, choose_engine, kmeans


@dataclass
class ClusterConfig:
    """How prompts are grouped into arms."""

    k: int = 10
    """Number of arms."""
    column: str | None = None
    """A column (or dotted path) whose values are the arms, instead of k-means; k is then not used."""
    engine: str = "auto"
    """faiss, sklearn, or auto: faiss if it can be imported, else sklearn. The manifest records which."""
    iterations: int = 25
    """Lloyd iterations per start."""
    restarts: int = 4
    """Starts from k-means++ seeds; the best is kept."""

    def __post_init__(self) -> None:
        fix = "correct it on the command line"
        require(self.k >= 1, "cluster.k must be at least 1", self.k, fix)
        require(self.iterations >= 1, "cluster.iterations must be at least 1", self.iterations, fix)
        require(self.restarts >= 1, "cluster.restarts must be at least 1", self.restarts, fix)
        known = ("auto", *ENGINES)
        require(
            self.engine in known, f"cluster.engine must be one of {', '.join(known)}", repr(self.engine), fix
        )


@dataclass(frozen=True)
class Arms:
    """label int32 [N] in 0..K-1, K names, and the engine that was really used."""

    label: np.ndarray[Any, Any]
    names: tuple[str, ...]
    engine: str


def cluster(
    x: np.ndarray[Any, Any], level: np.ndarray[Any, Any], config: ClusterConfig, *, seed: int, threads: int
) -> Arms:
    """Return K arms over features [N, p+1], easiest first. No arm is empty."""
    distinct = len(np.unique(x, axis=0))
    require(
        config.k <= distinct,
        f"cluster.k={config.k} needs as many prompts with different features",
        f"{distinct} different ones in {len(x)} rows",
        f"use cluster.k={distinct} or less, or more data",
    )
    engine = choose_engine(config.engine)
    label = kmeans(
        x,
        config.k,
        engine=engine,
        iterations=config.iterations,
        restarts=config.restarts,
        seed=seed,
        threads=threads,
    )
    return Arms(easiest_first(label, level)[0], tuple(f"c{i}" for i in range(config.k)), engine)


def given_arms(values: Sequence[Any], level: np.ndarray[Any, Any], column: str) -> Arms:
    """Return one arm per value of a column, easiest first. Raises PrepareError on nulls and nested values."""
    for row, value in enumerate(values):
        if value is None or isinstance(value, list | dict):
            raise PrepareError(
                f"cluster.column={column} must hold a plain value in every row, "
                f"but row {row} holds {value!r:.80}; "
                "fill it, or use another column"
            )
    code = {name: i for i, name in enumerate(dict.fromkeys(str(v) for v in values))}
    label, order = easiest_first(np.array([code[str(v)] for v in values], dtype=np.int64), level)
    names = list(code)
    return Arms(label, tuple(names[k] for k in order), f"column:{column}")


def easiest_first(
    label: np.ndarray[Any, Any], level: np.ndarray[Any, Any]
) -> tuple[np.ndarray[Any, Any], list[int]]:
    """Return labels int32 [N] by mean difficulty, then lowest row; and the old label of each new one."""
    k = int(label.max()) + 1
    mean = np.bincount(label, weights=level, minlength=k) / np.bincount(label, minlength=k)
    first = [int(np.flatnonzero(label == i)[0]) for i in range(k)]
    # Rounded, for a sum over rows in another order must not turn a tie into an order.
    order = sorted(range(k), key=lambda i: (round(float(mean[i]), 12), first[i]))
    rename = np.empty(k, dtype=np.int32)
    rename[order] = np.arange(k, dtype=np.int32)
    return rename[label], order
