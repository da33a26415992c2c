"""The learner: what it solves now, and what training on a group changes. O(groups + arms) a step."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sparft_verl.simulate.items import Bank
from sparft_verl.simulate.scenarios import Learning

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

PANEL = 64
"""Prompts of an arm that stand for all of it when the arm's signal is asked for."""


def signal(p: F64) -> F64:
    """Return 4 p (1 - p) in [0, 1]: the variance of a verdict, as a share of the largest there is."""
    return 4.0 * p * (1.0 - p)


class Learner(Protocol):
    """What a simulation asks of a learner."""

    ability: F64
    """float64 [K], the unit is the law's."""

    def solve_rate(self, items: I64) -> F64:
        """float64 [n]: probability that one rollout of each prompt is right."""

    def train(self, items: I64, learnt: F64) -> None:
        """Take one optimiser step on groups: prompt and, in [-1, 1], how well its verdicts followed the truth."""

    def arm_signal(self) -> F64:
        """float64 [K]: expected signal of a prompt drawn from each arm."""

    def mean_solve_rate(self) -> float:
        """Return the mean over all prompts; the only call that is O(prompts)."""


class ItemResponse:
    """2PL: p = sigmoid(a (ability of the arm - b)), zero where the reference answer is wrong.

    A group moves its arm's ability by gain / batch x the covariance of verdict and truth over its rollouts (as a
    share of the largest there is), less for a prompt trained on before; other arms gain a share of that.
    """

    def __init__(self, bank: Bank, learning: Learning, batch: int) -> None:
        self.ability = np.full(len(bank.dead), learning.ability)
        self._bank, self._learning, self._batch = bank, learning, batch
        self._visits = np.zeros(bank.size, dtype=np.int32)
        sizes = np.diff(bank.start)
        # evenly spaced prompts of each arm; an arm smaller than the panel shows some of its prompts twice
        place = (np.arange(PANEL) + 0.5) / PANEL
        self._panel = bank.start[:-1, None] + (place * sizes[:, None]).astype(np.int64)

    def solve_rate(self, items: I64) -> F64:
        """float64, shape of `items`: probability that one rollout is right."""
        bank = self._bank
        logit = bank.slope[items] * (self.ability[bank.arm[items]] - bank.difficulty[items])
        return 1.0 / (1.0 + np.exp(-np.clip(logit, -50.0, 50.0)))

    def train(self, items: I64, learnt: F64) -> None:
        """Move ability by what the groups taught; O(n + K)."""
        law, bank = self._learning, self._bank
        self.ability -= law.forgetting * (self.ability - law.ability)
        texts = bank.text[items]
        gained = learnt * law.novelty ** self._visits[texts]
        np.add.at(self._visits, texts, 1)
        gained *= law.gain / self._batch
        direct = np.bincount(bank.arm[items], gained, minlength=len(self.ability))
        self.ability += direct + law.transfer * (direct.sum() - direct)

    def arm_signal(self) -> F64:
        """float64 [K]: mean of 4 p (1 - p) over a panel of each arm's prompts, zero for wrong labels."""
        seen = signal(self.solve_rate(self._panel)) * ~self._bank.wrong_label[self._panel]
        return np.asarray(seen.mean(axis=1))

    def mean_solve_rate(self) -> float:
        """Return the mean over all prompts, in pieces that stay in the cache."""
        n = self._bank.size
        pieces = [self.solve_rate(np.arange(at, min(at + 65_536, n))).sum() for at in range(0, n, 65_536)]
        return float(sum(pieces) / n)


class Toy:
    """One solve rate per arm: .3 to .9 evenly spaced, 0 in the dead ones; a pull adds gain p (1 - p).

    The toy of the all-zero trap, exactly: a batch from one arm is one pull of it, a slot a batch-th of one.
    """

    def __init__(self, bank: Bank, learning: Learning, batch: int) -> None:
        self.ability = np.linspace(0.3, 0.9, len(bank.dead))
        self.ability[bank.dead] = 0.0
        self._arm, self._rate = bank.arm, learning.gain / batch

    def solve_rate(self, items: I64) -> F64:
        """float64 [n]: the solve rate of each prompt's arm."""
        return self.ability[self._arm[items]]

    def train(self, items: I64, learnt: F64) -> None:
        """Move the arms that were pulled by the law's expectation; `learnt` is not looked at."""
        p = self.solve_rate(items)
        self.ability += np.bincount(self._arm[items], self._rate * p * (1.0 - p), minlength=len(self.ability))

    def arm_signal(self) -> F64:
        """float64 [K]: 4 p (1 - p) of each arm."""
        return signal(self.ability)

    def mean_solve_rate(self) -> float:
        """Return the mean over the arms."""
        return float(self.ability.mean())


def make_learner(bank: Bank, learning: Learning, batch: int) -> Learner:
    """Return the learner that `learning.law` names, before its first step."""
    return (Toy if learning.law == "toy" else ItemResponse)(bank, learning, batch)
