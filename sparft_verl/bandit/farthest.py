"""Farthest-point selection inside clusters, all clusters in one call."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sparft_verl.bandit import _kernel
from sparft_verl.bandit._arrays import Array
from sparft_verl.bandit._checks import check_integer


def farthest_points(points: Array, cluster: Array, take: Array, *, threads: int = 1) -> NDArray[np.int64]:
    """int64 [sum(take)]: rows, cluster by cluster, each cluster's in the order picked.

    A cluster's first pick is its medoid, the row nearest to the mean of the cluster; each next one is the row whose
    least distance to all picks so far is greatest (Gonzalez, "Clustering to minimize the maximum intercluster
    distance", 1985). Ties go to the lowest row, so copies of picked rows come last. Distances are float32 sums of
    squared differences in a fixed order, so the result is the same for any number of threads.

    Args:
        points: float32 [n, d], finite, within +-1e15. cluster: int32 [n], each 0 .. K-1.
        take: int64 [K], how many rows of each cluster, 0 .. its size; on the CPU also when the points are not.
        threads: 1 .. 64, for the CPU op.
    """
    return _kernel.farthest_points(points, cluster, take, check_integer("threads", threads, 1, 65))
