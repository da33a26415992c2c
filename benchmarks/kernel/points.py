"""Farthest-point selection: embeddings of one cluster, and of ten at once."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.kernel.case import Case, Size, peer
from benchmarks.kernel.floor import Floor
from sparft_verl import bandit


def gemv(points: Any, take: int) -> Any:
    """Return the picks by one matrix-vector product per pick, the fastest way found in NumPy."""
    norms = np.einsum("ij,ij->i", points, points)
    centre = points.mean(0)
    pick = int(np.argmin(norms - 2.0 * (points @ centre)))
    picks = [pick]
    nearest = np.full(len(points), np.inf, dtype=np.float32)
    for _ in range(take - 1):
        np.minimum(nearest, norms + norms[pick] - 2.0 * (points @ points[pick]), out=nearest)
        pick = int(nearest.argmax())
        picks.append(pick)
    return picks


def cases(size: Size, threads: int, floor: Floor) -> Iterator[Case]:
    """Yield both cases; fpsample takes one cloud at a time and starts where it is told."""
    fpsample = peer("fpsample")
    rows, dims, take = size.points
    rng = np.random.default_rng(1)
    centres = rng.normal(size=(50, dims)) * 2.0
    points = (centres[rng.integers(0, 50, rows)] + rng.normal(size=(rows, dims))).astype(np.float32)
    for clusters in (1, 10):
        cluster = (np.arange(rows) * clusters // rows).astype(np.int32)
        each = max(1, take // clusters)
        takes = np.full(clusters, each, dtype=np.int64)
        clouds = [points[cluster == k] for k in range(clusters)]
        calls = {
            "ours": lambda c=cluster, t=takes: bandit.farthest_points(points, c, t, threads=threads),
            "numpy": lambda c=clouds, n=each: [gemv(cloud, n) for cloud in c],
        }
        if not isinstance(fpsample, str):
            calls["fpsample"] = lambda c=clouds, n=each: [
                fpsample.fps_sampling(cloud, n, start_idx=0) for cloud in c
            ]
        moved = points.nbytes + cluster.nbytes
        seconds, what = floor.of(bytes=moved)
        yield Case(
            f"n={rows} d={dims} picks={each * clusters} clusters={clusters}",
            calls,
            seconds,
            what,
            0,
            moved,
            {"fpsample": fpsample} if isinstance(fpsample, str) else {},
            {"rows": rows, "dims": dims, "picks": each * clusters, "clusters": clusters},
        )
