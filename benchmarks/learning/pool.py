"""Runs what the store lacks: one process per core, each on one thread, and one line that says how far it is."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

from tqdm import tqdm

from benchmarks.learning.spec import Spec
from benchmarks.learning.store import Record, Store

PACKAGES = ("verl", "torch", "transformers", "numpy", "scikit-learn", "faiss-cpu")
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def fill(store: Store, specs: Sequence[Spec], jobs: int, limit_minutes: float | None = None) -> list[str]:
    """Run those of `specs` that `store` lacks and return what went wrong, one line per run.

    A run is written when it ends, so breaking off loses the runs under way and no other. After `limit_minutes` no
    run is begun.
    """
    todo = store.missing(specs)
    if not todo:
        return []
    cache = store.cache
    deadline = time.monotonic() + 60 * limit_minutes if limit_minutes is not None else float("inf")
    wrong: list[str] = []
    with _one_thread_each(), ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        # the first needs minutes where it has to be made, and all runs need it: not twice at once
        for world in sorted({spec.world for spec in todo}):
            pool.submit(warm, world, cache).result()
        with tqdm(total=len(todo), desc="runs", unit="run", file=sys.stderr, smoothing=0.1) as bar:
            waiting, running = list(todo), {}
            while waiting or running:
                while waiting and len(running) < jobs and time.monotonic() < deadline:
                    spec = waiting.pop(0)
                    running[pool.submit(one, spec, cache)] = spec
                if not running:
                    break
                done: set[Future[Record]] = wait(running, return_when=FIRST_COMPLETED).done
                for future in done:
                    spec = running.pop(future)
                    error = future.exception()
                    if error is None:
                        store.append(future.result())
                    else:
                        wrong.append(f"{spec.label} seed {spec.seed} useless {spec.useless}: {error!r}")
                    bar.update(1)
                    bar.set_postfix_str(f"{spec.label} u={spec.useless} seed {spec.seed}")
    store.close()
    return wrong


def warm(world: str, cache: Path) -> None:
    """Make the warm policy of a world unless it is there."""
    _single()
    from benchmarks.learning.warm_start import warm_policy

    warm_policy(world, cache)


def one(spec: Spec, cache: Path) -> Record:
    """Return the record of one run, made in this process."""
    _single()
    from benchmarks.learning.loop import run
    from benchmarks.machine import commit, machine, versions

    at, where = commit(), machine()
    return {**run(spec, cache), "commit": at, "versions": versions(PACKAGES), "machine": where}


def _single() -> None:
    import torch

    torch.set_num_threads(1)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Let the processes begun meanwhile compute on one thread each."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
