"""Our k-means beside the libraries called directly, with the same starts, iterations and threads."""

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.kernel.timing import side_by_side
from sparft_verl.prepare.kmeans import fit
from sparft_verl.prepare.threads import limited

ITERATIONS = 25


def compare(rows: int, dim: int, k: int, threads: int, budget: float) -> list[dict[str, Any]]:
    """Return a row for 1 and for 4 starts: seconds and inertia of each, and how many times ours is faster."""
    rng = np.random.Generator(np.random.Philox(1))
    x = (rng.standard_normal((rows, dim)) * 0.95 ** np.arange(dim)).astype(np.float32)
    return [_starts(x, k, starts, threads, budget) for starts in (1, 4)]


def _starts(x: Any, k: int, starts: int, threads: int, budget: float) -> dict[str, Any]:
    inertia: dict[str, float] = {}

    def timed(name: str, run: Callable[[], float]) -> Callable[[], None]:
        def call() -> None:
            inertia[name] = run()

        return call

    calls = {"ours": timed("ours", lambda: _ours(x, k, starts, threads))}
    absent = {}
    try:
        import faiss

        for init in ("RANDOM", "KMEANS_PLUS_PLUS"):
            seeds = getattr(faiss, f"ClusteringInitMethod_{init}")
            name = f"faiss {init.lower()}"
            calls[name] = timed(name, lambda s=seeds: _faiss(x, k, starts, threads, s))
    except ImportError as error:
        absent["faiss"] = str(error)
    for init in ("random", "k-means++"):
        name = f"scikit-learn {init}"
        calls[name] = timed(name, lambda i=init: _sklearn(x, k, starts, threads, i))
    seconds, rounds = side_by_side(calls, budget, most=9)
    return {
        "shape": {"rows": len(x), "dim": x.shape[1], "k": k, "starts": starts, "iterations": ITERATIONS},
        "threads": threads,
        "seconds": seconds,
        "timed_rounds": rounds,
        "inertia": inertia,
        "times_faster_than": {n: s / seconds["ours"] for n, s in seconds.items() if n != "ours"},
        "absent": absent,
    }


def _ours(x: Any, k: int, starts: int, threads: int) -> float:
    from sparft_verl.prepare.kmeans import choose_engine

    engine = choose_engine("auto")
    return fit(x, k, engine=engine, iterations=ITERATIONS, restarts=starts, threads=threads).inertia


def _faiss(x: Any, k: int, starts: int, threads: int, seeds: int) -> float:
    import faiss

    model = faiss.Kmeans(
        x.shape[1],
        k,
        niter=ITERATIONS,
        nredo=starts,
        init_method=seeds,
        min_points_per_centroid=1,
        max_points_per_centroid=len(x),
    )
    with limited(threads):
        model.train(x)
        return float(model.assign(x)[0].sum(dtype=np.float64))


def _sklearn(x: Any, k: int, starts: int, threads: int, init: str) -> float:
    from sklearn.cluster import KMeans

    with limited(threads):
        model = KMeans(k, n_init=starts, max_iter=ITERATIONS, init=init, random_state=1).fit(x)
    return float(model.inertia_)
