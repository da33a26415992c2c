"""Stage 5: arms, by k-means over the features or given by a column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sparft_verl.prepare.auto_k import AutoKConfig, Engine, choose, possible, stability
from sparft_verl.prepare.errors import PrepareError, require
from sparft_verl.prepare.kmeans import DEVICES, ENGINES, centroids, choose_device, choose_engine, kmeans
from sparft_verl.prepare.quality import eta_squared

Array = np.ndarray[Any, Any]


@dataclass
class ClusterConfig:
    """How prompts are grouped into arms."""

    k: int | str = 10
    """Number of arms, 1 .. the number of prompts with different features, or auto (see cluster.auto)."""
    column: str | None = None
    """A column (or dotted path) whose values are the arms, instead of k-means; k is then not used."""
    engine: str = "auto"
    """faiss, sklearn, or auto: faiss if it can be imported, else sklearn. The manifest records which."""
    device: str = "auto"
    """cpu, gpu (stops unless FAISS sees one), or auto: a GPU if FAISS sees one. The manifest records which."""
    iterations: int = 25
    """Most Lloyd iterations per start; one that gains less than a ten-thousandth is the last."""
    restarts: int = 4
    """Starts from k-means++ seeds; the best is kept."""
    assess: bool = False
    """Measure silhouette and stability of cluster.auto.candidates also when k is given."""
    auto: AutoKConfig = field(default_factory=AutoKConfig)
    """How cluster.k=auto chooses."""

    def __post_init__(self) -> None:
        fix = "correct it on the command line"
        k_ok = self.k == "auto" or (isinstance(self.k, int) and self.k >= 1)
        require(k_ok, "cluster.k must be at least 1, or auto", repr(self.k), fix)
        require(self.iterations >= 1, "cluster.iterations must be at least 1", self.iterations, fix)
        require(self.restarts >= 1, "cluster.restarts must be at least 1", self.restarts, fix)
        for name, value, known in (
            ("engine", self.engine, ("auto", *ENGINES)),
            ("device", self.device, DEVICES),
        ):
            require(value in known, f"cluster.{name} must be one of {', '.join(known)}", repr(value), fix)


@dataclass(frozen=True)
class Arms:
    """label int32 [N] in 0..K-1, K names, the engine and device really used, and how good the arms are.

    quality: `eta_squared` (share of difficulty's variance between arms); from k-means also `inertia` (mean squared
    distance to the own centroid) and, where measured, `stability`, `rows`, `resamples` (see auto_k) and `chosen`.
    """

    label: Array
    names: tuple[str, ...]
    engine: str
    device: str = "none"
    quality: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def cluster(
    x: Array, level: Array, config: ClusterConfig, *, seed: int, threads: int, most: int | None = None
) -> Arms:
    """Return K arms over features float32 [N, p+1], easiest first; no arm is empty.

    k=1 puts all rows into one arm; k=N, all rows different, gives every row its own. `most` is the largest K that
    cluster.k=auto may choose. On the CPU the same bits for any number of threads. Raises PrepareError when fewer
    rows than arms differ, and when engine or device cannot be had.
    """
    engine = choose_engine(config.engine)
    device = choose_device(config.device, engine)
    runner = Engine(engine, device, config.iterations, config.restarts, seed, threads)
    quality: dict[str, Any] = {}
    notes: list[str] = []
    k = config.k
    if isinstance(k, str) or config.assess:
        auto = config.auto
        tried = [*auto.candidates, k] if isinstance(k, int) and k > 1 else list(auto.candidates)
        enough = 2 * max(tried)
        tried = possible(tried, count_distinct(x, enough), most if isinstance(k, str) else None)
        require(
            bool(tried) or isinstance(k, int),
            f"cluster.k=auto needs twice as many different prompts as arms, and a budget of one for each arm, "
            f"to try any of {sorted(auto.candidates)}",
            f"{count_distinct(x, enough)} different ones in {len(x)} rows and a budget of {most or len(x)}",
            "give cluster.k a number or cluster.auto.candidates smaller ones",
        )
        quality = stability(x, tried, auto, runner)
        if isinstance(k, str):
            k, notes = choose(quality["stability"], auto)
            quality["chosen"] = k
    distinct = count_distinct(x, k)
    require(
        k <= distinct,
        f"cluster.k={k} needs as many prompts with different features",
        f"{distinct} different ones in {len(x)} rows",
        f"use cluster.k={distinct} or less, or more data",
    )
    found = kmeans(
        x,
        k,
        engine=engine,
        device=device,
        iterations=config.iterations,
        restarts=config.restarts,
        seed=seed,
        threads=threads,
    )
    label, _ = easiest_first(found, level)
    gap = x - centroids(x, label, k).astype(np.float32)[label]
    quality["inertia"] = float(np.einsum("ij,ij->i", gap, gap).mean(dtype=np.float64))
    quality["eta_squared"] = eta_squared(label, level)
    return Arms(label, tuple(f"c{i}" for i in range(k)), engine, device, quality, notes)


def given_arms(values: Sequence[Any], level: Array, column: str) -> Arms:
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
    quality = {"eta_squared": eta_squared(label, level)}
    return Arms(label, tuple(names[k] for k in order), f"column:{column}", quality=quality)


def count_distinct(x: Array, enough: int) -> int:
    """Return how many rows of [N, p] differ; counting ends at `enough`."""
    seen: set[bytes] = set()
    for start in range(0, len(x), 1024):
        # 0.0 is added, for -0.0 and 0.0 are equal but have other bytes
        seen.update(row.tobytes() for row in x[start : start + 1024] + 0.0)
        if len(seen) >= enough:
            return enough
    return len(seen)


def easiest_first(label: Array, level: Array) -> tuple[Array, list[int]]:
    """Return labels int32 [N] by mean difficulty, then lowest row; and the old label of each new one."""
    k = int(label.max()) + 1
    mean = np.bincount(label, weights=level, minlength=k) / np.bincount(label, minlength=k)
    first = np.unique(label, return_index=True)[1]
    # Rounded, for a sum over rows in another order must not turn a tie into an order.
    order = sorted(range(k), key=lambda i: (round(float(mean[i]), 12), int(first[i])))
    rename = np.empty(k, dtype=np.int32)
    rename[order] = np.arange(k, dtype=np.int32)
    return rename[label], order
