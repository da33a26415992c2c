"""What the machine allows: words and normals per second of our own generator, and how fast memory is copied."""

import itertools
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sparft_verl import bandit

NORMALS_PER_BETA = 2  # one Philox block: a normal and a uniform for each of the two gammas
_STEPS = itertools.count()


def key() -> dict[str, int]:
    """Return a key never used before, so that no branch predictor learns the draws by heart."""
    return {"seed": 1, "stream": 1, "step": next(_STEPS)}


@dataclass(frozen=True)
class Floor:
    """Seconds for one of each, on one thread. Bytes are those read and those written, from main memory."""

    word: float
    normal: float
    byte: float

    def of(self, normals: int = 0, bytes: int = 0, threads: int = 1) -> tuple[float, str]:
        """Return the least seconds for that much and the part that sets them; memory is not faster by threads."""
        draws, memory = normals * self.normal / threads, bytes * self.byte
        return (draws, "normals") if draws >= memory else (memory, "bytes")


def _per(n: int, call: Callable[[], object], rounds: int) -> float:
    call()
    samples = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        samples.append(time.perf_counter() - start)
    return statistics.median(samples) / n


def measure(n: int, copied: int) -> Floor:
    """Return the floor from `n` draws at a time, few enough to stay in the cache, and `copied` bytes, which do not."""
    source = np.ones(copied // 8)
    target = np.zeros_like(source)
    return Floor(
        word=_per(n, lambda: bandit.uniform_words(n, **key()), 31),
        normal=_per(n, lambda: bandit.normal(n, **key()), 31),
        byte=_per(2 * source.nbytes, lambda: np.copyto(target, source), 7),
    )
