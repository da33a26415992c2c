"""What a curriculum is given and gives back: arms, tickets, feedback. Everything is checked at construction."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
I32 = NDArray[np.int32]

KINDS = ("trained", "discarded")


def vector(name: str, value: ArrayLike, dtype: Any, size: int | None = None) -> Any:
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


def out_of_range(success: float) -> str:
    """Return what is wrong with a success outside [0, 1], and what to do."""
    return (
        f"a success lies in [0, 1], got {success}; map scores with curriculum.success (threshold or range) for this "
        "data source"
    )


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
    references: NDArray[np.float64] | None = None
    """float64 [m, 2]: pass rates in [0, 1] of a weak and a strong reference model; None where there are none."""

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "rows", vector("rows", self.rows, np.int64))
        size = len(self.rows)
        put(self, "arm", vector("arm", self.arm, np.int32, size))
        put(self, "difficulty", vector("difficulty", self.difficulty, np.float64, size))
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
        if self.references is not None:
            rates = np.array(self.references, dtype=np.float64)
            if rates.shape != (size, 2) or not ((rates >= 0.0) & (rates <= 1.0)).all():
                raise ValueError(
                    f"references must be two pass rates in [0, 1] for each of {size} rows, got shape {rates.shape}; "
                    "fill what is missing, or leave them out"
                )
            rates.flags.writeable = False
            put(self, "references", rates)
        if len(self.source) != size:
            raise ValueError(
                f"source must name one data source per row: {size} rows, {len(self.source)} sources"
            )
        if not self.fingerprint:
            raise ValueError(
                "fingerprint must not be empty: without it a state of other data could be loaded"
            )

    @cached_property
    def sizes(self) -> I64:
        """int64 [K]: number of prompts in each arm."""
        return vector("sizes", np.bincount(self.arm, minlength=len(self.names)), np.int64)

    @cached_property
    def mean_difficulty(self) -> F64:
        """float64 [K]: mean of the known difficulties of each arm, nan where none is known."""
        known = ~np.isnan(self.difficulty)
        total = np.bincount(self.arm[known], self.difficulty[known], len(self.names))
        count = np.bincount(self.arm[known], minlength=len(self.names))
        return np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)

    @cached_property
    def sources(self) -> tuple[str, ...]:
        """The different data sources, sorted."""
        return tuple(sorted(set(self.source)))

    @cached_property
    def source_of_item(self) -> I32:
        """int32 [m]: number of each prompt's data source in `sources`."""
        number = {name: index for index, name in enumerate(self.sources)}
        return np.fromiter((number[name] for name in self.source), np.int32, len(self.source))

    @cached_property
    def _item_of_row(self) -> I64:
        table = np.full(int(self.rows.max()) + 1, -1, dtype=np.int64)
        table[self.rows] = np.arange(len(self.rows))
        return table

    def items(self, rows: I64) -> I64:
        """int64 like `rows`: index of each among the selected prompts, -1 where it is not one of them."""
        table = self._item_of_row
        inside = (rows >= 0) & (rows < len(table))
        return np.where(inside, table[np.where(inside, rows, 0)], -1)

    @cached_property
    def layout(self) -> str:
        """A hash of row positions, arms, names and references: what a saved state's indices and sums refer to."""
        digest = hashlib.sha256(self.rows.astype("<i8").tobytes())
        digest.update(self.arm.astype("<i4").tobytes())
        digest.update("\0".join(self.names).encode())
        if self.references is not None:
            digest.update(self.references.astype("<f8").tobytes())
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
    """float64 [n]: probability that this slot chose this *arm*, given the history up to the proposal, which arms had
    prompts left at this slot and, under a quota, the slot's data source. Slots that one choice filled
    (`choice=batch`) share its probability. It says nothing about the prompt within the arm. nan where there is no
    closed form: methods that rank single prompts."""
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
    policy_step: int | None = None
    """Optimiser steps of the policy that generated the group; None = those of the proposal."""

    def __post_init__(self) -> None:
        where = f"feedback for ticket {self.ticket}, row {self.row}"
        if self.split != "train":
            raise ValueError(f"{where}: split={self.split!r} is refused; only 'train' may reach a curriculum")
        if self.kind not in KINDS:
            raise ValueError(f"{where}: kind must be one of {KINDS}, got {self.kind!r}")
        successes = vector("successes", self.successes, np.float64)
        if successes.size == 0:
            raise ValueError(
                f"{where}: the group is empty; use cancel() for a group without a scored rollout"
            )
        bad = successes[~((successes >= 0.0) & (successes <= 1.0))]
        if bad.size:
            raise ValueError(f"{where}: {out_of_range(bad[0])}")
        object.__setattr__(self, "successes", successes)
        if self.advantages is not None:
            advantages = vector("advantages", self.advantages, np.float64, len(successes))
            if not np.isfinite(advantages).all():
                raise ValueError(f"{where}: advantages must be finite, got {advantages}")
            object.__setattr__(self, "advantages", advantages)
