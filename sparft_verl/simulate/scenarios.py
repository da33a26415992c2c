"""What is simulated: the prompts, how the learner learns, what comes back and when. Named scenarios at the end."""

from __future__ import annotations

from dataclasses import dataclass, field

from sparft_verl.simulate.checks import number, whole

LAWS = ("irt", "toy")


@dataclass(frozen=True)
class Items:
    """The prompts: difficulties in logits, grouped in arms. The first arms are dead, the last are mastered."""

    arms: int = 10
    """Number of arms K."""
    prompts: int = 2000
    """Number of prompts over all arms."""
    skew: float = 0.0
    """Arm k holds a share of the prompts in proportion to (k + 1)^-skew; 0 makes arms of equal size."""
    dead: int = 1
    """Arms that can never be solved."""
    mastered: int = 1
    """Arms that are solved from the start."""
    easiest: float = -1.5
    """Mean difficulty of the easiest live arm, in logits; live arms are evenly spaced up to `hardest`."""
    hardest: float = 2.5
    """Mean difficulty of the hardest live arm, in logits."""
    spread: float = 0.7
    """Standard deviation of difficulty within an arm, in logits."""
    discrimination: float = 0.2
    """Standard deviation of the logarithm of a prompt's slope (the `a` of 2PL; its median is 1)."""
    duplicates: float = 0.0
    """Share of prompts that repeat another prompt of their arm."""
    wrong_labels: float = 0.0
    """Share of prompts whose reference answer is wrong: never scored as solved, whatever the ability."""

    def __post_init__(self) -> None:
        whole("items.arms", self.arms, 1, 100_000)
        whole("items.prompts", self.prompts, self.arms, 10**8)
        number("items.skew", self.skew, 0.0, 3.0)
        whole("items.dead", self.dead, 0, self.arms)
        whole("items.mastered", self.mastered, 0, self.arms)
        if self.dead + self.mastered >= self.arms:
            raise ValueError(
                f"items.dead + items.mastered must leave an arm to learn on: {self.dead} + {self.mastered} of "
                f"items.arms={self.arms}; raise items.arms or lower one of the two"
            )
        number("items.easiest", self.easiest, -20.0, 20.0)
        number("items.hardest", self.hardest, self.easiest, 20.0)
        for key in ("spread", "discrimination"):
            number(f"items.{key}", getattr(self, key), 0.0, 5.0)
        for key in ("duplicates", "wrong_labels"):
            number(f"items.{key}", getattr(self, key), 0.0, 0.9)


@dataclass(frozen=True)
class Learning:
    """How ability changes with what was trained on."""

    law: str = "irt"
    """`irt`: an ability per arm, in logits. `toy`: one solve rate per arm, moved by `gain` p (1 - p) a pull."""
    ability: float = 0.0
    """Ability in every arm at the start, in logits."""
    gain: float = 0.05
    """What a whole batch of one arm adds to its ability when every group carries the most signal it can."""
    transfer: float = 0.1
    """Share of an arm's gain that every other arm gains too."""
    forgetting: float = 0.001
    """Share of what an arm has gained that it loses in each step."""
    novelty: float = 0.95
    """Factor on the gain of a prompt for each time it (or a duplicate of it) was trained on before."""

    def __post_init__(self) -> None:
        if self.law not in LAWS:
            raise ValueError(f"learning.law must be one of {', '.join(LAWS)}, got {self.law!r}")
        number("learning.ability", self.ability, -20.0, 20.0)
        number("learning.gain", self.gain, 0.0, 10.0)
        for key in ("transfer", "forgetting", "novelty"):
            number(f"learning.{key}", getattr(self, key), 0.0, 1.0)


@dataclass(frozen=True)
class Returns:
    """What comes back of the proposed groups, and when."""

    lag: int = 0
    """Optimiser steps between a proposal and the arrival of its groups."""
    jitter: int = 0
    """Each group is late by a further 0 .. jitter steps, all equally likely, so that groups overtake others."""
    lost: float = 0.0
    """Share of groups that never come back; the curriculum is told (`cancel`) when they were due."""
    flips: float = 0.0
    """Probability that the verdict on a rollout is the wrong one."""

    def __post_init__(self) -> None:
        whole("returns.lag", self.lag, 0, 10_000)
        whole("returns.jitter", self.jitter, 0, 10_000)
        number("returns.lost", self.lost, 0.0, 0.99)
        number("returns.flips", self.flips, 0.0, 0.5)


@dataclass(frozen=True)
class Scenario:
    """A world to run a curriculum in."""

    name: str
    summary: str
    """One line: what it is for."""
    items: Items = field(default_factory=Items)
    learning: Learning = field(default_factory=Learning)
    returns: Returns = field(default_factory=Returns)
    batch: int = 64
    """Prompts in a step."""
    rollouts: int = 8
    """Rollouts of a prompt, G."""
    steps: int = 200
    """Optimiser steps, unless the command says otherwise."""

    def __post_init__(self) -> None:
        whole("batch", self.batch, 1, 10**6)
        whole("rollouts", self.rollouts, 1, 1024)
        whole("steps", self.steps, 1, 10**7)


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario(
            "trap",
            "ten arms at solve rates .3 to .9, one of them dead: which rules are caught by it",
            Items(prompts=160, mastered=0),
            Learning(law="toy", gain=0.02, transfer=0.0, forgetting=0.0, novelty=1.0),
            batch=8,
        ),
        Scenario(
            "mixed",
            "a bit of everything: dead and mastered arms, duplicates, wrong labels, late and lost groups",
            Items(duplicates=0.1, wrong_labels=0.05),
            returns=Returns(lag=1, jitter=2, lost=0.02, flips=0.02),
        ),
        Scenario(
            "skewed",
            "thirty arms of very different size, six of them without a signal",
            Items(arms=30, prompts=6000, skew=1.0, dead=3, mastered=3),
        ),
        Scenario(
            "large",
            "a million prompts in a hundred arms, batches of 1024: what a step costs",
            Items(arms=100, prompts=1_000_000, skew=0.5, dead=10, mastered=10, duplicates=0.05),
            returns=Returns(lag=1, jitter=1, lost=0.01),
            batch=1024,
            steps=10_000,
        ),
    )
}
