"""How many arms: mean silhouette among the numbers that a bootstrap finds stable (algorithms.md 1.4)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sparft_verl.prepare.errors import require
from sparft_verl.prepare.kmeans import fit, nearest
from sparft_verl.prepare.quality import agreement
from sparft_verl.prepare.threads import limited

Array = np.ndarray[Any, Any]
_STREAM = 0xA0707  # second key word of Philox, so that no other stage draws the same numbers


@dataclass
class AutoKConfig:
    """What cluster.k=auto tries, and what it asks of a number of arms."""

    candidates: list[int] = field(default_factory=lambda: [4, 6, 8, 10, 12, 16, 20])
    """Numbers of arms that are tried."""
    min_ari: float = 0.6
    """Smallest mean adjusted Rand index between the arms of all rows and those found from a resample."""
    resamples: int = 10
    """Bootstrap resamples per number of arms."""
    rows: int = 5000
    """All this is measured on at most so many rows, drawn by seed; the arms themselves are made from all rows."""
    silhouette_rows: int = 4096
    """Silhouettes, which need all distances, are measured on at most so many of them."""

    def __post_init__(self) -> None:
        fix = "correct it on the command line"
        tried = list(self.candidates)
        require(bool(tried) and min(tried) >= 2, "cluster.auto.candidates must be 2 or more", tried, fix)
        require(0 <= self.min_ari <= 1, "cluster.auto.min_ari must lie in [0, 1]", self.min_ari, fix)
        require(self.resamples >= 1, "cluster.auto.resamples must be at least 1", self.resamples, fix)
        sizes = f"{self.rows} and {self.silhouette_rows}"
        require(
            2 <= self.silhouette_rows <= self.rows,
            "cluster.auto needs 2 <= silhouette_rows <= rows",
            sizes,
            fix,
        )


@dataclass(frozen=True)
class Engine:
    """How k-means is run for every number tried: as for the arms themselves."""

    name: str
    device: str
    iterations: int
    restarts: int
    seed: int
    threads: int

    def run(self, x: Array, k: int) -> Any:
        """Return the fit of k clusters."""
        return fit(
            x,
            k,
            engine=self.name,
            device=self.device,
            iterations=self.iterations,
            restarts=self.restarts,
            seed=self.seed,
            threads=self.threads,
        )


def possible(candidates: list[int], distinct: int, most: int | None) -> list[int]:
    """Return the candidates, ascending, that leave two distinct rows to every arm on average, and at most `most`."""
    largest = distinct // 2 if most is None else min(distinct // 2, most)
    return [k for k in sorted(set(candidates)) if k <= largest]


def stability(x: Array, tried: list[int], config: AutoKConfig, engine: Engine) -> dict[str, Any]:
    """Return `stability`: per k its silhouette, ari, inertia and whether it is stable; `rows`, `resamples`.

    On S, at most config.rows rows of float32 [N, p] without replacement: ari is the mean over the resamples (as many
    rows of S with replacement) of the adjusted Rand index between the clusters of S and the rows of S put to the
    nearest centroid found from the resample; inertia the mean squared distance in S; silhouette the mean over at
    most config.silhouette_rows rows of S (Rousseeuw 1987), 0 where they all lie in one cluster.
    """
    draw = np.random.Generator(np.random.Philox(key=[engine.seed, _STREAM]))
    sample = draw.permutation(len(x))[: config.rows]
    points = np.ascontiguousarray(x[sample], dtype=np.float32)
    n = len(points)
    resamples = [np.sort(draw.integers(0, n, size=n)) for _ in range(config.resamples)]
    table = []
    with limited(1):
        far = _distances(points[: config.silhouette_rows])
        for k in tried:
            whole = engine.run(points, k)
            found = [nearest(points, engine.run(points[rows], k).centroids) for rows in resamples]
            ari = float(np.mean([agreement(label, whole.label) for label in found]))
            table.append(
                {
                    "k": k,
                    "silhouette": _silhouette(far, whole.label[: len(far)]),
                    "ari": ari,
                    "inertia": whole.inertia / n,
                    "stable": ari >= config.min_ari,
                }
            )
    return {"stability": table, "rows": n, "resamples": config.resamples}


def choose(table: list[dict[str, Any]], config: AutoKConfig) -> tuple[int, list[str]]:
    """Return k and what a reader should know of it: the greatest silhouette among the stable ones.

    When none is stable, the most stable; equal ones: the smallest k.
    """
    stable = [row for row in table if row["stable"]]
    if stable:
        return int(max(stable, key=lambda row: (row["silhouette"], -row["k"]))["k"]), []
    best = max(table, key=lambda row: (row["ari"], -row["k"]))
    return int(best["k"]), [
        f"cluster.k=auto: no number of arms among {[row['k'] for row in table]} is stable (adjusted Rand index under "
        f"resampling at least {config.min_ari}); k={best['k']} was taken as the most stable ({best['ari']:.2f})"
    ]


def _distances(points: Array) -> Array:
    from sklearn.metrics import pairwise_distances

    return np.asarray(pairwise_distances(points), dtype=np.float32)


def _silhouette(far: Array, label: Array) -> float:
    from sklearn.metrics import silhouette_score

    seen = len(np.unique(label))
    if not 2 <= seen < len(label):
        return 0.0
    return float(silhouette_score(far, label, metric="precomputed"))
