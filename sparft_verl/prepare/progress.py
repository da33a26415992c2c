"""What a run of stage A says while it works, and the ledger of what its stages cost."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict

from sparft_verl.prepare.ledger import Cost


class Progress:
    """Lines on stderr, notes for the manifest, and one Cost per stage in the order in which they ran."""

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet
        self.costs: dict[str, Cost] = {}
        self.notes: list[str] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[Cost]:
        """Time one stage; the Cost it yields is kept, and its seconds are those of the clock."""
        cost = Cost()
        start = time.perf_counter()
        yield cost
        cost.seconds = time.perf_counter() - start
        self.costs[name] = cost

    def split(self, name: str, steps: Mapping[str, Cost]) -> None:
        """Put the steps of a finished stage in its place; what they do not account for stays under its name."""
        whole = self.costs.pop(name)
        for step, cost in steps.items():
            self.costs[f"{name}: {step}"] = cost
            whole.seconds -= cost.seconds
        if whole.seconds > 0 or not steps:
            self.costs[name] = whole

    def ledger(self) -> dict[str, dict[str, float]]:
        """Return what each stage cost, as JSON."""
        return {
            name: {**asdict(cost), "seconds": round(cost.seconds, 3)} for name, cost in self.costs.items()
        }

    def say(self, text: str) -> None:
        """Print one line."""
        if not self.quiet:
            print(f"prepare: {text}", file=sys.stderr, flush=True)

    def note(self, notes: list[str]) -> None:
        """Print what a reader of the result should know, and keep it for the manifest."""
        for text in notes:
            self.say(f"note: {text}")
        self.notes += notes


def copy_work(into: Cost, work: Cost) -> None:
    """Copy what a stage did, but not its seconds: the stage is timed as a whole."""
    into.items, into.cached = work.items, work.cached
    into.tokens, into.rollouts = work.tokens, work.rollouts
