"""Medians of several calls that do the same work, timed in turn so that a busy machine hits all of them alike."""

import statistics
import time
from collections.abc import Callable, Mapping

Call = Callable[[], object]
SHORTEST_SAMPLE = 300e-6  # below, the clock and the interpreter's own turns would show


def _sample(call: Call, repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - start) / repeats


def side_by_side(calls: Mapping[str, Call], budget: float, most: int = 51) -> tuple[dict[str, float], int]:
    """Return the median seconds of each call and how many rounds were timed.

    Each call is warmed up, then all are timed in turn, first in one order and then in the other, until `budget`
    seconds or `most` rounds are spent; three rounds are always made.
    """
    repeats = {}
    started = time.perf_counter()
    for name, call in calls.items():
        call()
        repeats[name] = max(1, round(SHORTEST_SAMPLE / max(_sample(call, 1), 1e-7)))
    # The warm-up counts, or a slow peer would take twice what the case may cost.
    samples: dict[str, list[float]] = {name: [] for name in calls}
    rounds = 0
    while rounds < 3 or (rounds < most and time.perf_counter() - started < budget):
        order = list(calls) if rounds % 2 == 0 else list(reversed(calls))
        for name in order:
            samples[name].append(_sample(calls[name], repeats[name]))
        rounds += 1
    return {name: statistics.median(values) for name, values in samples.items()}, rounds
