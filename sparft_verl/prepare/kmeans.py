"""k-means by FAISS or scikit-learn, with the empty clusters of either repaired in one way."""

from __future__ import annotations

import importlib
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparft_verl.prepare.errors import PrepareError, require
from sparft_verl.prepare.threads import limited

Array = np.ndarray[Any, Any]
ENGINES = ("faiss", "sklearn")
DEVICES = ("auto", "cpu", "gpu")
SMALLEST_GAIN = 1e-4
"""Lloyd iterations end when one makes the sum of squared distances smaller by less than this share."""


@dataclass(frozen=True)
class Fit:
    """centroids float32 [k, p], label int64 [N] of the nearest one, inertia: sum of squared distances to it.

    A label may be missing: k-means leaves clusters empty when rows repeat.
    """

    centroids: Array
    label: Array
    inertia: float


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


def choose_device(asked: str, engine: str) -> str:
    """Return cpu or gpu. `auto` takes a GPU that FAISS sees; gpu stops where it sees none.

    FAISS itself would go on silently on the CPU.
    """
    if asked == "cpu":
        return "cpu"
    if engine != "faiss":
        fix = "install sparft-verl[gpu] and use cluster.engine=faiss, or use cluster.device=cpu"
        require(asked == "auto", "cluster.device=gpu needs FAISS", f"the engine {engine}", fix)
        return "cpu"
    import faiss

    seen = int(faiss.get_num_gpus()) if hasattr(faiss, "get_num_gpus") else 0
    if asked == "auto":
        return "gpu" if seen > 0 else "cpu"
    require(
        seen > 0,
        "cluster.device=gpu needs a GPU that FAISS can use",
        f"{seen} of them with FAISS {faiss.__version__} ({faiss.get_compile_options().strip()})",
        "install sparft-verl[gpu] (faiss-gpu) instead of faiss-cpu, check nvidia-smi, or use cluster.device=cpu",
    )
    return "gpu"


def kmeans(
    x: Array,
    k: int,
    *,
    engine: str,
    device: str = "cpu",
    iterations: int = 25,
    restarts: int = 4,
    seed: int = 0,
    threads: int = 1,
) -> Array:
    """Return labels int64 [N] in 0..k-1 for float32 [N, p], at least k rows distinct; no cluster is empty.

    On the CPU the same bits for any number of threads.
    """
    if k == 1:
        return np.zeros(len(x), dtype=np.int64)
    fitted = fit(
        x,
        k,
        engine=engine,
        device=device,
        iterations=iterations,
        restarts=restarts,
        seed=seed,
        threads=threads,
    )
    return fill_empty(x, fitted.label, k)


def fit(
    x: Array,
    k: int,
    *,
    engine: str,
    device: str = "cpu",
    iterations: int = 25,
    restarts: int = 4,
    seed: int = 0,
    threads: int = 1,
) -> Fit:
    """Return the best of `restarts` starts from k-means++ seeds, trained on all N >= k rows of float32 [N, p].

    With FAISS on the CPU at most `threads` starts run at once.
    """
    x = np.ascontiguousarray(x, dtype=np.float32)
    if engine == "faiss":
        return _faiss(x, k, iterations, restarts, seed % 2**31, threads, device == "gpu")
    return _sklearn(x, k, iterations, restarts, seed % 2**31)


def nearest(x: Array, centroids: Array) -> Array:
    """Return int64 [N]: the nearest of centroids [k, p] to each row of [N, p]."""
    from sklearn.metrics import pairwise_distances_argmin

    return np.asarray(pairwise_distances_argmin(x, centroids), dtype=np.int64)


def _faiss(x: Array, k: int, iterations: int, restarts: int, seed: int, threads: int, gpu: bool) -> Fit:
    """Starts run side by side, one OpenMP thread each. With threads of its own FAISS gives other bits at some
    shapes (40 000 x 64, k=100), and is many times slower where other processes are busy."""
    import faiss

    def start(number: int) -> Fit:
        # OpenMP keeps this number per thread, so that the limit set outside does not reach here.
        faiss.omp_set_num_threads(1)
        model = faiss.Kmeans(
            x.shape[1],
            k,
            niter=iterations,
            seed=(seed + 7919 * number) % 2**31,
            gpu=1 if gpu else False,
            init_method=faiss.ClusteringInitMethod_KMEANS_PLUS_PLUS,
            early_stop_threshold=SMALLEST_GAIN,
            min_points_per_centroid=1,
            # The default trains on 256 points per centroid and does not say so.
            max_points_per_centroid=len(x),
        )
        model.train(x)
        distance, label = model.assign(x)
        inertia = float(distance.sum(dtype=np.float64))
        return Fit(np.asarray(model.centroids), np.asarray(label, dtype=np.int64), inertia)

    with limited(1), ThreadPoolExecutor(1 if gpu else min(threads, restarts)) as pool:
        return min(pool.map(start, range(restarts)), key=lambda found: found.inertia)


def _sklearn(x: Array, k: int, iterations: int, restarts: int, seed: int) -> Fit:
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    # One thread: several would add up the centroids in the order in which they finish.
    with limited(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct rows than k: `fill_empty`
        model = KMeans(k, n_init=restarts, max_iter=iterations, random_state=seed, algorithm="lloyd").fit(x)
    return Fit(model.cluster_centers_, np.asarray(model.labels_, dtype=np.int64), float(model.inertia_))


def fill_empty(x: Array, label: Array, k: int) -> Array:
    """Return labels in which every empty cluster has taken the point farthest from its own centroid.

    With at least k distinct rows such a point with a distance above 0 always exists.
    """
    label = label.copy()
    for empty in np.flatnonzero(np.bincount(label, minlength=k) == 0):
        size = np.bincount(label, minlength=k)
        distance = ((x - centroids(x, label, k)[label]) ** 2).sum(axis=1)
        distance[size[label] == 1] = -1.0
        label[int(distance.argmax())] = empty
    return label


def centroids(x: Array, label: Array, k: int) -> Array:
    """Return float64 [k, p]: the mean of every cluster's rows, 0 where it has none."""
    size = np.bincount(label, minlength=k)
    order = np.argsort(label, kind="stable")
    out = np.zeros((k, x.shape[1]))
    full = np.flatnonzero(size)
    starts = (np.cumsum(size) - size)[full]
    out[full] = np.add.reduceat(x[order].astype(np.float64), starts, axis=0) / size[full, None]
    return out
