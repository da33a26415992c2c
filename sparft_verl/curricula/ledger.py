"""Outstanding tickets: which slots still wait for feedback, and which pull each slot belongs to.

A *pull* is what an estimator counts once: one slot (`choice=slot`), or all slots of one arm of one ticket
(`choice=batch`). It closes when all its slots are observed or cancelled. Ids rise by one, so that an id below
the next one which is not outstanding is a closed ticket: late duplicates are known without remembering them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparft_verl.curricula.state import array, count, require
from sparft_verl.curricula.types import F64, I32, I64

OPEN, OBSERVED, CANCELLED = 0, 1, 2


@dataclass
class OpenTicket:
    """One ticket with at least one open slot; all vectors are [n]."""

    step: int
    rows: I64
    arms: I32
    pull: I64
    status: I64
    """OPEN, OBSERVED or CANCELLED."""
    total: F64
    """Sum of the statistic over the slot's rollouts."""
    weight: F64
    """Number of rollouts scored."""

    def __post_init__(self) -> None:
        waiting = self.pull[self.status == OPEN]
        self.open_slots = len(waiting)
        self.open_in_pull: list[int] = np.bincount(waiting, minlength=int(self.pull.max()) + 1).tolist()
        self.slots: dict[int, list[int]] = {}
        for slot, row in enumerate(self.rows.tolist()):
            self.slots.setdefault(row, []).append(slot)


@dataclass(frozen=True)
class ClosedPull:
    """A pull whose last slot was just settled."""

    arm: int
    value: float | None
    """Mean of the statistic over all scored rollouts of the pull; None when every slot was cancelled."""


class Ledger:
    """Every ticket that still waits for something."""

    def __init__(self) -> None:
        self.next_id = 0
        self.open: dict[int, OpenTicket] = {}

    def issue(self, step: int, rows: I64, arms: I32, pull: I64) -> int:
        """Return the id of a new ticket."""
        n = len(rows)
        ticket = self.next_id
        self.next_id += 1
        self.open[ticket] = OpenTicket(
            step, rows, arms, pull, np.zeros(n, dtype=np.int64), np.zeros(n), np.zeros(n)
        )
        return ticket

    def slot(self, ticket: int, row: int) -> int | None:
        """Return the open slot of `row` in `ticket`, or None if it is settled already.

        Where a batch holds a row twice (`repeat`), its groups settle its slots in turn. Raises ValueError for a
        ticket never issued, or a row that the ticket does not hold.
        """
        if not 0 <= ticket < self.next_id:
            raise ValueError(
                f"ticket {ticket} was never issued (issued so far: {self.next_id}); feedback must carry the ticket "
                "under which its row was served, of this run"
            )
        entry = self.open.get(ticket)
        if entry is None:
            return None
        slots = entry.slots.get(row)
        if slots is None:
            raise ValueError(
                f"row {row} is not in ticket {ticket}, which holds rows {entry.rows[:8].tolist()} ..."
            )
        return next((slot for slot in slots if entry.status[slot] == OPEN), None)

    def settle(self, ticket: int, slot: int, status: int, total: float, weight: float) -> ClosedPull | None:
        """Close one slot; return its pull if that closed too."""
        entry = self.open[ticket]
        entry.status[slot], entry.total[slot], entry.weight[slot] = status, total, weight
        pull = int(entry.pull[slot])
        entry.open_slots -= 1
        entry.open_in_pull[pull] -= 1
        closed = None
        if entry.open_in_pull[pull] == 0:
            members = np.flatnonzero(entry.pull == pull)
            scored = float(entry.weight[members].sum())
            # summed in slot order, not in order of arrival: the same groups give the same bits
            value = float(entry.total[members].sum()) / scored if scored else None
            closed = ClosedPull(int(entry.arms[slot]), value)
        if entry.open_slots == 0:
            del self.open[ticket]
        return closed

    def waiting(self) -> list[tuple[int, int, int]]:
        """Return (ticket, row, step of the proposal) of every open slot, oldest ticket first."""
        return [
            (ticket, int(row), entry.step)
            for ticket, entry in self.open.items()
            for row in entry.rows[entry.status == OPEN]
        ]

    def waiting_by_arm(self, arms: int) -> I64:
        """int64 [arms]: open slots of each arm."""
        out = np.zeros(arms, dtype=np.int64)
        for entry in self.open.values():
            out += np.bincount(entry.arms[entry.status == OPEN], minlength=arms)
        return out

    def state_dict(self) -> dict[str, Any]:
        """Return the tickets, their vectors laid end to end."""
        entries = list(self.open.values())

        def flat(name: str, dtype: Any) -> Any:
            return np.concatenate([getattr(entry, name) for entry in entries] or [np.zeros(0)]).astype(dtype)

        return {
            "next_id": self.next_id,
            "ticket": np.array(list(self.open), dtype=np.int64),
            "step": np.array([entry.step for entry in entries], dtype=np.int64),
            "size": np.array([len(entry.rows) for entry in entries], dtype=np.int64),
            "rows": flat("rows", np.int64),
            "arms": flat("arms", np.int32),
            "pull": flat("pull", np.int64),
            "status": flat("status", np.int64),
            "total": flat("total", np.float64),
            "weight": flat("weight", np.float64),
        }

    def load(self, state: Mapping[str, Any], arms: int) -> None:
        """Take the state of `state_dict`."""
        tickets = array(state, "ticket", np.int64)
        steps, sizes = (array(state, key, np.int64, len(tickets)) for key in ("step", "size"))
        next_id = count(state, "next_id")
        require(bool((sizes > 0).all()), "a ticket without rows")
        require(bool((np.diff(tickets) > 0).all()), "tickets out of order")
        require(
            not tickets.size or (tickets[0] >= 0 and tickets[-1] < next_id), "a ticket that was never issued"
        )
        total = int(sizes.sum())
        vectors = {
            key: array(state, key, dtype, total)
            for key, dtype in (
                ("rows", np.int64),
                ("arms", np.int32),
                ("pull", np.int64),
                ("status", np.int64),
                ("total", np.float64),
                ("weight", np.float64),
            )
        }
        held = vectors["arms"]
        require(
            not held.size or (held.min() >= 0 and held.max() < arms),
            "a ticket names an arm that is not there",
        )
        require(
            bool(np.isin(vectors["status"], (OPEN, OBSERVED, CANCELLED)).all()), "unknown status of a slot"
        )
        pulls = vectors["pull"]
        require(
            not pulls.size or (pulls.min() >= 0 and pulls.max() < sizes.max()), "a pull that is not there"
        )
        ends = np.cumsum(sizes)
        self.next_id = next_id
        self.open = {
            int(ticket): OpenTicket(
                int(step), **{key: vector[end - size : end].copy() for key, vector in vectors.items()}
            )
            for ticket, step, size, end in zip(tickets, steps, sizes, ends, strict=True)
        }
