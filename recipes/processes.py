"""A process and all it started: what they use, and their end."""

from __future__ import annotations

import time
from contextlib import suppress

import psutil

PATIENCE = 10.0
"""Seconds that the killed have to die: one may hang in the kernel."""


class ProcessTree:
    """A process with its descendants; Ray's daemons are among them, whatever session they have."""

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)
        self._seen: dict[tuple[int, float], float] = {}

    def cpu_seconds(self) -> float:
        """Return the sum so far, those that ended included. Ask often: what is used after the last question is lost."""
        with suppress(psutil.NoSuchProcess):
            for process in self._members():
                with suppress(psutil.NoSuchProcess):
                    times = process.cpu_times()
                    self._seen[process.pid, process.create_time()] = times.user + times.system
        return sum(self._seen.values())

    def kill(self) -> int:
        """SIGKILL all, wait until they are dead, return how many there were; NoSuchProcess when the first is gone."""
        members = self._members()
        for process in members:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        end = time.monotonic() + PATIENCE
        while not all(map(_dead, members)) and time.monotonic() < end:
            time.sleep(0.01)
        return len(members)

    def _members(self) -> list[psutil.Process]:
        return [self._root, *self._root.children(recursive=True)]


def _dead(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
