"""The interface of every chooser."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparft_verl.curricula.order import Mask
from sparft_verl.curricula.types import F64, I32, I64

STREAM_CHOICE = 1
"""Stream of the draws of scope 0; scope g uses STREAM_CHOICE + g."""
STREAM_HELD = 1 << 24
"""Stream of the draws that send a slot to an arm held by the guard, plus the scope."""
STREAM_SPLIT = 1 << 25
"""Stream of the shuffle that mixes the slots of different data sources."""
STREAM_MIX = 1 << 26
"""Stream of the shuffle within one scope, for choosers that rank prompts, plus the scope."""
STREAM_SAMPLE = 1 << 27
"""Stream of the draws that only estimate a probability, plus the scope."""
UNLIMITED = 1 << 40
"""Capacity of an arm whose prompts may be repeated within a batch."""
THREADS = min(2, os.cpu_count() or 1)
"""Threads of a draw over very many units; the number never changes a result."""


@dataclass(frozen=True)
class Request:
    """What a chooser is asked for: prompts of one scope, which is everything where no quota is set."""

    n: int
    ticket: int
    """Number of the proposal: it keys the draws."""
    step: int
    scope: int
    """Which part of the prompts; a chooser's pools are numbered scope * K + arm."""
    capacity: I64
    """int64 [K]: how many prompts of each arm the batch may take; their sum is at least n."""
    blocked: Mask
    """bool over all prompts: may not be served now, other scopes' prompts included where there is a quota. A chooser
    marks what it takes, unless `repeat`; the caller takes the marks back."""
    repeat: bool
    """Whether the batch may hold a prompt twice."""
    held: Mask | None = None
    """bool [K]: arms that the guard keeps at the floor probability; None = none."""
    retest: tuple[int, ...] = ()
    """Held arms that are due for one slot each."""


@dataclass(frozen=True)
class Choice:
    """What a chooser gives; [n] each."""

    items: I64
    """Index of each prompt among the selected ones."""
    propensity: F64
    """Probability of the slot's arm, given what was left; nan where it is not known in closed form."""
    pull: I64
    """Which pull of this choice the slot belongs to, from 0 without gaps; slots of one pull share one arm."""
    odds: F64 | None = None
    """float64 [K]: probability of each arm at the first slot, re-tests apart; shares of the batch where these are
    settled beforehand (in turn, evenly); None where not known in closed form."""


class Chooser(ABC):
    """Fills a batch."""

    per_prompt: bool = False
    """Whether it ranks single prompts: those in flight then wait for their feedback, while there are others."""

    def pulls(self, arms: I32) -> I64:
        """int64 like `arms`, those of one batch: number of each slot's pull; by default each slot is one."""
        return np.arange(len(arms))

    @abstractmethod
    def choose(self, request: Request, belief: Any) -> Choice:
        """Return the prompts; `belief` is what the method made of its estimator, e.g. a posterior of `bandit`."""
