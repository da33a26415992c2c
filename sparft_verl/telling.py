"""Finished groups as a journal's record holds them, and a record told to a curriculum again."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sparft_verl.curricula import Curriculum, Groups
from sparft_verl.curricula.types import F64, I32, I64
from sparft_verl.journal import Record

KINDS = np.array(["discarded", "trained"])


def columns(groups: Groups, arms: I32, new: Sequence[bool], *, advantages: bool) -> dict[str, Any]:
    """Return finished groups, at least one, as the columns of an `observe` record (see sparft_verl.journal).

    Successes that are 0 or 1 become integers. Advantages, where there are any and `advantages` asks for them, are
    written in full: sums of shortened ones would differ in the last bits, and a replay with them.

    Args:
        arms: int32 [n], arm of each group. new: [n], whether each was new to the curriculum.
    """
    successes: NDArray[Any] = groups.successes
    if ((successes == 0.0) | (successes == 1.0)).all():
        successes = successes.astype(np.int8)
    told = {
        "ticket": _once(groups.ticket),
        "row": groups.row,
        "arm": arms,
        "successes": _by_group(successes, groups.start),
        "kind": "trained",
        "new": _once(np.asarray(new)),
    }
    if groups.trained is not None:
        told["kind"] = _once(KINDS[groups.trained.astype(np.int8)])
    if groups.policy_step is not None and (groups.policy_step >= 0).any():
        told["policy_step"] = _once(groups.policy_step)
    if advantages and groups.advantages is not None:
        told["advantages"] = _by_group(groups.advantages, groups.start)
    return told


def _once(values: NDArray[Any]) -> Any:
    """Return the value where all are equal, else the values."""
    return values[0].item() if (values == values[0]).all() else values.tolist()


def _by_group(values: NDArray[Any], start: I64) -> Any:
    """Return `values`, [total], as a list for each group: a matrix where all groups are of one size."""
    groups = len(start) - 1
    if (np.diff(start) == start[1]).all():
        return values.reshape(groups, -1)
    flat, ends = values.tolist(), start.tolist()
    return [flat[begin:end] for begin, end in pairwise(ends)]


def groups_of(record: Record) -> Groups:
    """Return the groups of an `observe` record."""
    sizes = [len(group) for group in record["successes"]]
    there = record.data
    return Groups(
        ticket=np.array(record.column("ticket"), dtype=np.int64),
        row=np.array(record["row"], dtype=np.int64),
        successes=_flat(record["successes"]),
        start=np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]),
        advantages=_flat(record["advantages"]) if "advantages" in there else None,
        trained=np.array(record.column("kind")) == "trained",
        policy_step=np.array(record.column("policy_step"), dtype=np.int64)
        if "policy_step" in there
        else None,
    )


def _flat(groups: list[list[Any]]) -> F64:
    return np.array(list(chain.from_iterable(groups)), dtype=np.float64)  # null is nan


def new_of(record: Record) -> NDArray[np.bool_]:
    """bool [n]: whether each group of an `observe` record was new to the curriculum that was told of it."""
    return np.array(record.column("new"), dtype=np.bool_)


def tell(curriculum: Curriculum, record: Record) -> Any:
    """Tell a curriculum of an `observe`, `cancel` or `tick`; return what it answers, None for a tick."""
    if record.event == "observe":
        return curriculum.accept(groups_of(record))
    if record.event == "cancel":
        return curriculum.cancel(record["ticket"], record["row"], record["reason"])
    if record.event == "tick":
        curriculum.tick(record["step"])
        return None
    raise ValueError(f"a curriculum is told of observe, cancel and tick, got {record.event!r}")
