"""What the curriculum itself costs: a stopwatch around everything it does in a step."""

from __future__ import annotations

import time
from types import TracebackType


class Stopwatch:
    """Adds up the seconds spent inside `with` blocks; nested blocks count once. For one thread."""

    def __init__(self) -> None:
        self._depth = 0
        self._start = 0.0
        self._seconds = 0.0

    def __enter__(self) -> Stopwatch:
        if self._depth == 0:
            self._start = time.perf_counter()
        self._depth += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._depth -= 1
        if self._depth == 0:
            self._seconds += time.perf_counter() - self._start

    def take(self) -> float:
        """Return the seconds since the last `take`, and start again at 0."""
        seconds, self._seconds = self._seconds, 0.0
        return seconds
