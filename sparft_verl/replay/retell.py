"""The same method told the same history: does it choose the same again?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sparft_verl.curricula import Curriculum, build
from sparft_verl.journal import Record
from sparft_verl.replay.history import History
from sparft_verl.telling import tell


@dataclass(frozen=True)
class Retold:
    """What came of it."""

    curriculum: Curriculum
    """As it stands after the last event that agreed."""
    proposals: int
    """How many were reproduced."""
    difference: str | None
    """The first thing that was not the same; None = all was."""


def retell(history: History) -> Retold:
    """Return whether a new curriculum of the logged method, told the journal, makes every proposal of it again.

    Compared are tickets, rows, arms and probabilities of each proposal, which groups were new, and at each tick the
    pulls and means of all arms. It stops at the first difference.
    """
    curriculum = build(history.config, history.arms)
    done = 0
    for record in history.events:
        difference = _differs(curriculum, record)
        if difference:
            return Retold(curriculum, done, f"record {record.seq}, step {record['step']}: {difference}")
        done += record.event == "propose"
    return Retold(curriculum, done, None)


def _differs(curriculum: Curriculum, record: Record) -> str | None:
    if record.event == "propose":
        ticket = curriculum.propose(len(record["rows"]))
        if ticket.id != record["ticket"]:
            return f"ticket {ticket.id} instead of {record['ticket']}"
        logged = np.array(record["propensity"], dtype=np.float64)  # null is nan
        for name, mine, theirs in (
            ("row", ticket.rows, record["rows"]),
            ("arm", ticket.arms, record["arms"]),
            ("probability", ticket.propensity, logged),
        ):
            theirs = np.asarray(theirs)
            # quadrature may differ in its last bits from one machine to another
            same = np.isclose(mine, theirs, rtol=1e-9, atol=1e-12, equal_nan=True)
            if not same.all():
                slot = int(np.argmin(same))
                return f"ticket {ticket.id}, slot {slot}: {name} {mine[slot]} instead of {theirs[slot]}"
        return None
    answer = tell(curriculum, record)
    if record.event == "observe":
        new = record.column("new")
        if answer != new:
            index = next(i for i, pair in enumerate(zip(answer, new, strict=True)) if pair[0] != pair[1])
            return (
                f"the group of ticket {record.column('ticket')[index]}, row {record['row'][index]} was "
                f"{'new' if new[index] else 'known'} and is not so here"
            )
    elif record.event == "cancel" and answer != record["new"]:
        return (
            f"cancelling ticket {record['ticket']}, row {record['row']} gave {record['new']}, here {answer}"
        )
    elif record.event == "tick":
        for k, arm in enumerate(curriculum.arm_table()):
            here = (arm["pulls"], arm["mean"] or 0.0)
            there = (record["arms_pulls"][k], record["arms_mean"][k])
            if here != there:
                return f"arm {arm['name']} has pulls, mean = {here} instead of {there}"
    return None
