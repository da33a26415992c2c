"""How many CPU threads the numeric libraries of stage A use."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def available() -> int:
    """Return how many threads to use when nothing was asked: OMP_NUM_THREADS, else the CPUs we may run on."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return int(asked) if asked.isdigit() and int(asked) > 0 else len(os.sched_getaffinity(0))


@contextmanager
def limited(threads: int) -> Iterator[None]:
    """Limit the BLAS and OpenMP pools of the libraries loaded so far, and torch; restored at the end.

    To be entered after the library in question was imported. Nothing global is left changed, since stage A
    may be called from a process that does other work.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch is not None else 0
    with threadpool_limits(threads):
        if torch is not None:
            torch.set_num_threads(threads)
        try:
            yield
        finally:
            if torch is not None:
                torch.set_num_threads(before)
