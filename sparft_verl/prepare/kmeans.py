"""k-means by FAISS or scikit-learn, with the empty clusters of either repaired in one way."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from sparft_verl.prepare.errors import PrepareError
from sparft_verl.prepare.threads import limited

ENGINES = ("faiss", "sklearn")


def choose_engine(asked: str) -> str:
    """Return faiss or sklearn. `auto` takes faiss when importable; faiss asked for and absent is an error."""
    if asked == "sklearn":
        return asked
    try:
        importlib.import_module("faiss")
    except ImportError as e:
        if asked == "auto":
            return "sklearn"
        raise PrepareError(
            f"cluster.engine=faiss needs the package faiss, but it cannot be imported ({e}); "
            "install sparft-verl[cpu] (faiss-cpu) or [gpu] (faiss-gpu), or use cluster.engine=sklearn"
        ) from e
    return "faiss"


def kmeans(
    x: np.ndarray[Any, Any],
    k: int,
    *,
    engine: str,
    iterations: int = 25,
    restarts: int = 4,
    seed: int = 0,
    threads: int = 1,
) -> np.ndarray[Any, Any]:
    """Return labels int64 [N] in 0..k-1 for float32 [N, p], at least k rows distinct; no cluster is empty."""
    if k == 1:
        return np.zeros(len(x), dtype=np.int64)
    x = np.ascontiguousarray(x, dtype=np.float32)
    run = _faiss if engine == "faiss" else _sklearn
    return fill_empty(x, run(x, k, iterations, restarts, seed % 2**31, threads), k)


def _faiss(
    x: np.ndarray[Any, Any], k: int, iterations: int, restarts: int, seed: int, threads: int
) -> np.ndarray[Any, Any]:
    import faiss

    model = faiss.Kmeans(
        x.shape[1],
        k,
        niter=iterations,
        nredo=restarts,
        seed=seed,
        init_method=faiss.ClusteringInitMethod_KMEANS_PLUS_PLUS,
        min_points_per_centroid=1,
        # The default trains on 256 points per centroid and does not say so.
        max_points_per_centroid=len(x),
    )
    with limited(threads):
        model.train(x)
        _, label = model.assign(x)
    return np.asarray(label, dtype=np.int64)


def _sklearn(
    x: np.ndarray[Any, Any], k: int, iterations: int, restarts: int, seed: int, threads: int
) -> np.ndarray[Any, Any]:
    from sklearn.cluster import KMeans

    with limited(threads):
        model = KMeans(k, n_init=restarts, max_iter=iterations, random_state=seed, algorithm="lloyd").fit(x)
    return np.asarray(model.labels_, dtype=np.int64)


def fill_empty(x: np.ndarray[Any, Any], label: np.ndarray[Any, Any], k: int) -> np.ndarray[Any, Any]:
    """Return labels in which every empty cluster has taken the point farthest from its own centroid.

    With at least k distinct rows such a point with a distance above 0 always exists.
    """
    label = label.copy()
    for empty in np.flatnonzero(np.bincount(label, minlength=k) == 0):
        size = np.bincount(label, minlength=k)
        centroid = np.zeros((k, x.shape[1]))
        np.add.at(centroid, label, x)
        centroid /= np.maximum(size, 1)[:, None]
        distance = ((x - centroid[label]) ** 2).sum(axis=1)
        distance[size[label] == 1] = -1.0
        label[int(distance.argmax())] = empty
    return label
