"""One row of the benchmark: calls that do the same work, and what that work needs at least."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from benchmarks.kernel.floor import Floor
from benchmarks.kernel.timing import Call, side_by_side


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    name: str
    draws: int
    """At most so many per call: above, fewer rounds are timed and the row says how many."""
    seconds: float
    """Budget of a row."""
    prompts: tuple[int, ...]
    arms: tuple[int, ...]
    batches: tuple[int, ...]
    observe_arms: tuple[int, ...]
    points: tuple[int, int, int]
    """Rows, dimensions and picks of the farthest-point case."""


SIZES = {
    "full": Size(
        "full",
        draws=2**25,
        seconds=4.0,
        prompts=(10**4, 10**5, 10**6, 10**7),
        arms=(10, 256, 4096, 10**6),
        batches=(128, 1024, 8192),
        observe_arms=(10, 1000, 10**5, 10**6),
        points=(40_000, 64, 100),
    ),
    "quick": Size(
        "quick",
        draws=2**21,
        seconds=0.4,
        prompts=(10**4, 10**5, 10**6),
        arms=(10, 256, 4096, 10**6),
        batches=(1024,),
        observe_arms=(10, 10**6),
        points=(10_000, 64, 50),
    ),
    "tiny": Size(
        "tiny",
        draws=2**12,
        seconds=0.0,
        prompts=(2000,),
        arms=(10,),
        batches=(128,),
        observe_arms=(10,),
        points=(200, 8, 5),
    ),
}


@dataclass(frozen=True)
class Case:
    """`calls["ours"]` against the others. What is `absent` is named with the reason."""

    name: str
    calls: dict[str, Call]
    floor_seconds: float
    floor_is: str
    draws: int
    bytes: int
    absent: dict[str, str] = field(default_factory=dict)
    shape: dict[str, int] = field(default_factory=dict)

    def measure(self, family: str, threads: int, budget: float) -> dict[str, Any]:
        """Return the row as it stands in the JSON."""
        seconds, rounds = side_by_side(self.calls, budget)
        ours = seconds["ours"]
        return {
            "family": family,
            "case": self.name,
            "threads": threads,
            "shape": self.shape,
            "seconds": seconds,
            "timed_rounds": rounds,
            "times_faster_than": {n: s / ours for n, s in seconds.items() if n != "ours"},
            "absent": self.absent,
            "draws": self.draws,
            "bytes": self.bytes,
            "floor_seconds": self.floor_seconds,
            "floor_is": self.floor_is,
            "times_the_floor": ours / self.floor_seconds,
        }


Cases = Callable[[Size, int, Floor], Iterator[Case]]


def peer(module: str) -> ModuleType | str:
    """Return the module, or why it is absent."""
    from importlib import import_module

    try:
        return import_module(module)
    except ImportError as error:
        return f"{error}; pip install 'sparft-verl[bench]'"
