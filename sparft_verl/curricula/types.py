"""What a curriculum is given and gives back: arms, tickets, feedback. Everything is checked at construction."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
I32 = NDArray[np.int32]

KINDS = ("trained", "discarded")


def _frozen(name: str, value: ArrayLike, dtype: Any, size: int | None = None) -> Any:
    """Return a read-only copy of `value` as a vector of `dtype`; integers are never rounded."""
    array = np.asarray(value)
    if np.issubdtype(dtype, np.integer) and array.size and not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"{name} must be integers, got dtype {array.dtype}")
    array = np.array(array, dtype=dtype)
    if array.ndim != 1 or (size is not None and len(array) != size):
        raise ValueError(
            f"{name} must be a vector of {size if size is not None else 'any'} values, got {array.shape}"
        )
    array.flags.writeable = False
    return array


@dataclass(frozen=True)
class Arms:
    """What a curriculum chooses from: selected prompts, each in one arm. An arm may be empty."""

    rows: I64
    """int64 [m]: position of each selected prompt in the trainer's data set, unique."""
    arm: I32
    """int32 [m]: arm of each prompt, 0 .. K-1."""
    names: tuple[str, ...]
    """K different arm names."""
    difficulty: F64
    """float64 [m]: difficulty in [0, 1], nan when unknown."""
    source: tuple[str, ...]
    """m data sources."""
    fingerprint: str
    """Hash of the identity of the selected prompts; a state saved under another one is refused."""

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "rows", _frozen("rows", self.rows, np.int64))
        size = len(self.rows)
        put(self, "arm", _frozen("arm", self.arm, np.int32, size))
        put(self, "difficulty", _frozen("difficulty", self.difficulty, np.float64, size))
        put(self, "names", tuple(self.names))
        put(self, "source", tuple(self.source))
        if size == 0:
            raise ValueError(
                "a curriculum needs at least one selected row, got none; check the join with the data set"
            )
        if len(np.unique(self.rows)) != size or self.rows.min() < 0:
            raise ValueError("rows must be different positions >= 0 in the data set")
        if not self.names or len(set(self.names)) != len(self.names):
            raise ValueError(f"names must be different and at least one, got {self.names}")
        if self.arm.min() < 0 or self.arm.max() >= len(self.names):
            raise ValueError(
                f"arm must lie in 0 .. {len(self.names) - 1}, got {self.arm.min()} .. {self.arm.max()}"
            )
        known = self.difficulty[~np.isnan(self.difficulty)]
        if known.size and not (known.min() >= 0.0 and known.max() <= 1.0):
            raise ValueError(f"difficulty must lie in [0, 1] or be nan, got {known.min()} .. {known.max()}")
        if len(self.source) != size:
            raise ValueError(
                f"source must name one data source per row: {size} rows, {len(self.source)} sources"
            )
        if not self.fingerprint:
            raise ValueError(
                "fingerprint must not be empty: without it a state of other data could be loaded"
            )

    @property
    def sizes(self) -> I64:
        """int64 [K]: number of prompts in each arm."""
        return np.bincount(self.arm, minlength=len(self.names)).astype(np.int64)

    def layout(self) -> str:
        """Return a hash of row positions, arms and names: what a saved state's indices refer to."""
        digest = hashlib.sha256(self.rows.astype("<i8").tobytes())
        digest.update(self.arm.astype("<i4").tobytes())
        digest.update("\0".join(self.names).encode())
        return digest.hexdigest()


@dataclass(frozen=True)
class Ticket:
    """A reserved batch. Its id comes back with the feedback, which may arrive in any order and late."""

    id: int
    rows: I64
    """int64 [n]: row positions to serve, in this order."""
    arms: I32
    """int32 [n]: arm of each slot."""
    propensity: F64
    """float64 [n]: probability that this slot chose this *arm*, given the history up to the proposal and which
    arms had prompts left at this slot. Slots that one choice filled (`choice=batch`) share its probability. It
    says nothing about the prompt within the arm."""
    step: int
    """Optimiser steps that the curriculum had seen (its last tick) when it proposed."""


@dataclass(frozen=True)
class Feedback:
    """One finished group: all scored rollouts of one prompt of one ticket."""

    ticket: int
    row: int
    successes: F64
    """float64 [g], g >= 1: success of each rollout, in [0, 1]."""
    advantages: F64 | None = None
    """float64 [g]: the trainer's advantage of each rollout, where there is one."""
    kind: str = "trained"
    """`trained`, or `discarded` for a group that a filter dropped after its rollouts were scored."""
    split: str = "train"
    """Only `train` is accepted: a curriculum never learns from evaluation data."""

    def __post_init__(self) -> None:
        where = f"feedback for ticket {self.ticket}, row {self.row}"
        if self.split != "train":
            raise ValueError(f"{where}: split={self.split!r} is refused; only 'train' may reach a curriculum")
        if self.kind not in KINDS:
            raise ValueError(f"{where}: kind must be one of {KINDS}, got {self.kind!r}")
        successes = _frozen("successes", self.successes, np.float64)
        if successes.size == 0:
            raise ValueError(
                f"{where}: the group is empty; use cancel() for a group without a scored rollout"
            )
        bad = successes[~((successes >= 0.0) & (successes <= 1.0))]
        if bad.size:
            raise ValueError(
                f"{where}: a success lies in [0, 1], got {bad[0]}; map scores with curriculum.success "
                "(threshold or range) for this data source"
            )
        object.__setattr__(self, "successes", successes)
        if self.advantages is not None:
            advantages = _frozen("advantages", self.advantages, np.float64, len(successes))
            if not np.isfinite(advantages).all():
                raise ValueError(f"{where}: advantages must be finite, got {advantages}")
            object.__setattr__(self, "advantages", advantages)
