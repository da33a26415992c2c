"""One run, said completely: what `key` hashes is all that its result depends on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

VERSION = 1
"""Of the world: raised by hand whenever a change to tasks, policy or loop changes results. Part of every key."""

WORLDS = ("train", "confirm")
SHARES = (0.0, 0.3, 0.6, 0.9)
ITEMS = ("full", "selected", "random", "stratified", "useful")
ARMS = ("clusters", "categories", "one")
ENGINES = ("loop", "verl")


@dataclass(frozen=True)
class Spec:
    """A run. Methods of equal seed share training set, held-out set and initial policy, so they compare in pairs.

    Raises ValueError for a value outside its choices. Build it with `Spec.of`, which takes settings as mappings.
    """

    label: str
    """Name of the method in tables; not part of the key."""
    seed: int
    """Seed of training set, held-out set, sampling and curriculum."""
    world: str = "train"
    """Which set of task families: `train` to choose a method on, `confirm` to confirm the choice once."""
    useless: float = 0.0
    """Share of the training prompts that teach nothing: a third each unsolvable, mastered, duplicated."""
    curriculum: str = '{"method": "uniform"}'
    """Settings of CurriculumConfig as JSON with sorted keys, without `seed`, which is the run's."""
    items: str = "full"
    """Which prompts are served: `full` all, `selected` stage A's, `random` or `stratified` draws of `budget`; `useful`
    those that teach something, as only an oracle knows them: no method, a mark for what filtering could reach."""
    budget: int = 0
    """How many prompts `items` keeps; 0 = all, which only `full` and `useful` have."""
    arms: str = "one"
    """`clusters` of stage A, `categories` (family and level), or `one` arm."""
    prepare: str = "{}"
    """Settings of stage A by dotted name, JSON with sorted keys, over those of `arms.PREPARE`."""
    updates: int = 160
    """Optimiser steps."""
    prompts: int = 8
    """Prompts of an update."""
    rollouts: int = 8
    """Answers to each prompt."""
    delay: int = 0
    """Updates by which the curriculum hears late of what became of its prompts."""
    engine: str = "loop"
    """`loop`: this benchmark's own; `verl`: real verl through recipes/tiny_cpu's CPU engine (the cross-check)."""

    def __post_init__(self) -> None:
        for name, known in (("world", WORLDS), ("items", ITEMS), ("arms", ARMS), ("engine", ENGINES)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, got {getattr(self, name)!r}")
        if not 0.0 <= self.useless < 1.0:
            raise ValueError(f"useless must lie in [0, 1), got {self.useless}")
        for name, least in (
            ("seed", 0),
            ("budget", 0),
            ("updates", 1),
            ("prompts", 1),
            ("rollouts", 2),
            ("delay", 0),
        ):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)}")
        if (self.items in ("full", "useful")) != (self.budget == 0):
            raise ValueError(
                f"items={self.items!r} and budget={self.budget} disagree: budget 0 means all of `full` or `useful`"
            )
        for name in ("curriculum", "prepare"):
            if getattr(self, name) != settle(json.loads(getattr(self, name))):
                raise ValueError(f"{name} must be JSON with sorted keys; build the run with Spec.of")
        if "seed" in self.settings:
            raise ValueError("curriculum.seed is the run's seed; leave it out")

    @classmethod
    def of(
        cls,
        label: str,
        seed: int,
        curriculum: Mapping[str, Any],
        prepare: Mapping[str, Any] | None = None,
        **others: Any,
    ) -> Spec:
        """Return the run of these settings."""
        return cls(
            label=label, seed=seed, curriculum=settle(curriculum), prepare=settle(prepare or {}), **others
        )

    @classmethod
    def read(cls, mapping: Mapping[str, Any]) -> Spec:
        """Return the run that `as_dict` wrote."""
        return cls(**{item.name: mapping[item.name] for item in fields(cls)})

    @property
    def settings(self) -> dict[str, Any]:
        """The curriculum's settings, without the seed."""
        return json.loads(self.curriculum)

    @property
    def stage_a(self) -> dict[str, Any]:
        """Stage A's settings by dotted name."""
        return json.loads(self.prepare)

    @property
    def needs_stage_a(self) -> bool:
        """Whether stage A has to be run for it."""
        return self.arms == "clusters" or self.items == "selected"

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by name."""
        return asdict(self)

    @property
    def key(self) -> str:
        """16 hex characters: hash of all that determines the result, the label not among it."""
        told = {"version": VERSION, **self.as_dict()}
        del told["label"]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def settle(settings: Mapping[str, Any]) -> str:
    """Return settings as JSON in the one form that a Spec holds."""
    return json.dumps(dict(settings), sort_keys=True)
