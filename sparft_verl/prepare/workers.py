"""Who does the heavy jobs of stage A. Jobs are formed globally and only then dealt out, so that the number of
workers changes nothing in the result."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

Job = tuple[int, Any]
"""A number that names the job, and what it is given."""


class Workers(Protocol):
    """What the stages ask of an engine."""

    def map(self, build: Callable[[], Callable[[Any], Any]], jobs: Iterable[Job]) -> Iterator[Job]:
        """Yield (number, result) of every job, in any order.

        `build` makes what is called with each job's value; it runs once per worker, in the worker. Both it and
        the values must survive pickling.
        """


class LocalWorkers:
    """This process, one job after another, in order."""

    def map(self, build: Callable[[], Callable[[Any], Any]], jobs: Iterable[Job]) -> Iterator[Job]:
        """Yield (number, result) of every job; `build` runs when the first one is asked for."""
        do: Callable[[Any], Any] | None = None
        for number, value in jobs:
            do = do or build()
            yield number, do(value)
