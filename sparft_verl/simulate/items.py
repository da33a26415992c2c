"""The prompts of a scenario, as columns."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sparft_verl.curricula import Arms
from sparft_verl.simulate.scenarios import Items
from sparft_verl.simulate.streams import ITEMS, generator

OUT_OF_REACH = 60.0
"""Logits between a live arm and one that is dead or mastered: further than any ability goes."""


@dataclass(frozen=True)
class Bank:
    """Columns over N prompts, in K arms that lie one after the other; row position and index are the same."""

    arm: NDArray[np.int32]
    """int32 [N], non-decreasing."""
    start: NDArray[np.int64]
    """int64 [K + 1]: arm k holds prompts start[k] .. start[k + 1] - 1."""
    slope: NDArray[np.float32]
    """float32 [N]: a of 2PL."""
    difficulty: NDArray[np.float32]
    """float32 [N]: b of 2PL, in logits."""
    text: NDArray[np.int64]
    """int64 [N]: the prompt whose text this is; another one's for a duplicate, else its own index."""
    wrong_label: NDArray[np.bool_]
    """bool [N]: the reference answer is wrong."""
    dead: NDArray[np.bool_]
    """bool [K]: nothing in the arm can be solved."""

    @property
    def size(self) -> int:
        """Number of prompts N."""
        return len(self.arm)

    def arms(self) -> Arms:
        """Return what a curriculum is given; its difficulty is the rank of b, as a reference model would rank it."""
        rank = np.empty(self.size)
        rank[np.argsort(self.difficulty, kind="stable")] = np.linspace(0.0, 1.0, self.size)
        names = tuple(f"arm{k}" for k in range(len(self.dead)))
        label = hashlib.sha256(self.difficulty.tobytes() + self.arm.tobytes()).hexdigest()
        source = tuple(np.repeat(np.array(names, dtype=object), np.diff(self.start)).tolist())
        return Arms(np.arange(self.size), self.arm, names, rank, source, label)


def arm_sizes(items: Items) -> NDArray[np.int64]:
    """Return int64 [K]: prompts of each arm, at least one each, in proportion to (k + 1)^-skew."""
    share = (np.arange(items.arms) + 1.0) ** -items.skew
    spare = items.prompts - items.arms
    ends = np.rint(np.cumsum(share) / share.sum() * spare).astype(np.int64)
    return 1 + np.diff(ends, prepend=0)


def make_bank(items: Items, seed: int) -> Bank:
    """Return the prompts of `items`; the same for the same seed."""
    chance = generator(seed, ITEMS)
    # shuffled, so that how large an arm is says nothing about how hard it is
    sizes = chance.permutation(arm_sizes(items))
    start = np.concatenate([[0], np.cumsum(sizes)])
    arm = np.repeat(np.arange(items.arms, dtype=np.int32), sizes)
    live = items.arms - items.dead - items.mastered
    centre = np.empty(items.arms)
    centre[: items.dead] = OUT_OF_REACH
    # dead arms first, so that a rule that breaks ties by the lowest arm is put to the test
    centre[items.dead : items.dead + live] = np.linspace(items.hardest, items.easiest, live)
    centre[items.dead + live :] = -OUT_OF_REACH
    n = len(arm)
    difficulty = (centre[arm] + items.spread * chance.standard_normal(n)).astype(np.float32)
    slope = np.exp(items.discrimination * chance.standard_normal(n)).astype(np.float32)
    text = _texts(arm, items, chance)
    return Bank(
        arm,
        start,
        slope[text],
        difficulty[text],
        text,
        chance.random(n) < items.wrong_labels,
        np.arange(items.arms) < items.dead,
    )


def _texts(arm: NDArray[np.int32], items: Items, chance: np.random.Generator) -> NDArray[np.int64]:
    """int64 [N]: for each prompt the original of its arm that it repeats, or itself."""
    text = np.arange(len(arm))
    repeated = chance.random(len(arm)) < items.duplicates
    originals = np.flatnonzero(~repeated)
    count = np.bincount(arm[originals], minlength=items.arms)
    copies = np.flatnonzero(repeated & (count > 0)[arm])
    first = np.cumsum(count) - count
    pick = (chance.random(len(copies)) * count[arm[copies]]).astype(np.int64)
    text[copies] = originals[first[arm[copies]] + pick]
    return text
