"""Outstanding tickets in columns: which slots still wait for feedback, and which pull each slot belongs to.

A *pull* is what an estimator counts once: one slot, or all slots of one arm of one ticket (`choice=batch`). It
closes when all its slots are observed or cancelled. Ids rise by one, so that an id below the next one which is not
outstanding is a closed ticket: late duplicates are known without remembering them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparft_verl.curricula.columns import distinct, member, mentions, quantised
from sparft_verl.curricula.state import array, count, require
from sparft_verl.curricula.types import F64, I64

OPEN, OBSERVED, CANCELLED = 0, 1, 2

_COLUMNS: dict[str, Any] = {
    "ticket": np.int64,
    "item": np.int64,  # index of the prompt among the selected ones
    "step": np.int64,  # of the proposal
    "pull": np.int64,  # numbered over the whole run
    "status": np.int64,
    "solved": np.float64,  # successes, summed over the slot's rollouts
    "total": np.float64,  # the method's statistic, likewise
    "weight": np.float64,  # rollouts scored
    "policy": np.int64,  # optimiser steps of the policy that generated the group
    "chance": np.float64,  # probability of the slot's arm; 0 where unknown
}


@dataclass(frozen=True)
class ClosedPulls:
    """Pulls whose last slot was just settled, in the order in which they were proposed; [m] each."""

    pull: I64
    """Number of the pull, rising over the run."""
    item: I64
    """Prompt of its first slot; all its slots are of one arm."""
    solved: F64
    """Successes of all scored rollouts, a multiple of QUANTUM."""
    total: F64
    """Sum of the method's statistic over them, likewise."""
    weight: F64
    """Rollouts scored; 0 when every slot was cancelled."""
    proposed: I64
    """Step of the proposal."""
    policy: I64
    """Optimiser steps of the oldest policy that generated one of its groups."""


class Ledger:
    """Every slot of every ticket that still waits for something, in the order (ticket, slot)."""

    def __init__(self, prompts: int) -> None:
        self.next_id = 0
        self._next_pull = 0
        self._prompts = prompts
        self._table: dict[str, Any] = {name: np.zeros(0, dtype=dtype) for name, dtype in _COLUMNS.items()}

    def issue(self, step: int, items: I64, pull: I64, chance: F64) -> int:
        """Return the id of a new ticket; `pull`, int64 [n], numbers its pulls from 0."""
        n, ticket = len(items), self.next_id
        self.next_id += 1
        new = {
            "ticket": np.full(n, ticket),
            "item": items,
            "step": np.full(n, step),
            "pull": pull + self._next_pull,
            "policy": np.full(n, step),
            "chance": chance,
        }
        self._next_pull += int(pull.max()) + 1
        for name, dtype in _COLUMNS.items():
            added = new.get(name, np.zeros(n)).astype(dtype)
            self._table[name] = np.concatenate([self._table[name], added])
        return ticket

    def find(self, ticket: I64, item: I64, row: I64) -> I64:
        """int64 [n]: the open slot of each (ticket, prompt), -1 if it is settled already or settled by this call.

        Where a batch holds a prompt twice (`repeat`), its groups settle its slots in turn. Raises ValueError for a
        ticket never issued, or a prompt that the ticket does not hold; `row` is named in the message.
        """
        strange = np.flatnonzero((ticket < 0) | (ticket >= self.next_id))
        if strange.size:
            raise ValueError(
                f"ticket {ticket[strange[0]]} was never issued (issued so far: {self.next_id}); feedback must carry "
                "the ticket under which its row was served, of this run"
            )
        held = self._table["ticket"]
        key = held * self._prompts + self._table["item"]
        wanted = ticket * self._prompts + item
        alive = member(distinct(held), ticket)
        strange = np.flatnonzero(alive & ((item < 0) | ~member(np.sort(key), wanted)))
        if strange.size:
            raise ValueError(f"row {row[strange[0]]} is not in ticket {ticket[strange[0]]}")
        waiting = np.flatnonzero(self._table["status"] == OPEN)
        waiting = waiting[np.argsort(key[waiting], kind="stable")]
        # the j-th mention of a prompt settles the j-th of its open slots
        open_keys = key[waiting]
        place = np.searchsorted(open_keys, wanted) + mentions(wanted)
        found = alive & (place < np.searchsorted(open_keys, wanted, "right"))
        out = np.full(len(wanted), -1, dtype=np.int64)
        out[found] = waiting[place[found]]
        return out

    def chance(self, slots: I64) -> F64:
        """float64 [n]: probability with which the arm of each slot was chosen; 0 where unknown."""
        return self._table["chance"][slots]

    @property
    def open(self) -> int:
        """Slots that still wait."""
        return int(np.count_nonzero(self._table["status"] == OPEN))

    def policies(self, slots: I64, policy: I64 | None) -> I64:
        """int64 [n]: optimiser steps of the policy of each slot: `policy` where known, else those of the proposal."""
        own = self._table["policy"][slots]
        return own if policy is None else np.where(policy >= 0, policy, own)

    def observe(
        self, slots: I64, solved: F64, total: F64, weight: F64, policy: I64 | None = None
    ) -> ClosedPulls:
        """Close these different open slots; return the pulls that closed with them. Slots are renumbered."""
        table = self._table
        # quantised, so that sums are exact and the order of arrival cannot show
        table["solved"][slots], table["total"][slots] = solved, quantised(total)
        table["weight"][slots] = weight
        table["policy"][slots] = self.policies(slots, policy)
        return self._settle(slots, OBSERVED)

    def cancel(self, slots: I64) -> ClosedPulls:
        """Close these different open slots, whose groups never come; see `observe`."""
        return self._settle(slots, CANCELLED)

    def _settle(self, slots: I64, status: int) -> ClosedPulls:
        table = self._table
        table["status"][slots] = status
        touched = distinct(table["pull"][slots])
        slot = np.flatnonzero(member(touched, table["pull"]))
        number = np.searchsorted(touched, table["pull"][slot])
        done = np.bincount(number, table["status"][slot] == OPEN, len(touched)) == 0
        first = np.full(len(touched), len(table["pull"]))
        np.minimum.at(first, number, slot)
        policies = np.full(len(touched), np.iinfo(np.int64).max)
        np.minimum.at(policies, number, table["policy"][slot])
        solved, total, weight = (
            np.bincount(number, table[name][slot], len(touched))[done]
            for name in ("solved", "total", "weight")
        )
        closed = ClosedPulls(
            pull=touched[done],
            item=table["item"][first[done]],
            solved=solved,
            total=total,
            weight=weight,
            proposed=table["step"][first[done]],
            policy=policies[done],
        )
        self._forget()
        return closed

    def _forget(self) -> None:
        """Drop tickets without an open slot."""
        table = self._table
        if len(table["ticket"]):
            alive = distinct(table["ticket"][table["status"] == OPEN])
            kept = member(alive, table["ticket"])
            if not kept.all():
                self._table = {name: column[kept] for name, column in table.items()}

    def waiting(self) -> tuple[I64, I64, I64]:
        """Return ticket, prompt and step of the proposal of every open slot, oldest ticket first."""
        kept = self._table["status"] == OPEN
        ticket, item, step = (self._table[name][kept] for name in ("ticket", "item", "step"))
        return ticket, item, step

    def state_dict(self) -> dict[str, Any]:
        """Return the columns."""
        columns = {name: column.copy() for name, column in self._table.items()}
        return {"next_id": self.next_id, "next_pull": self._next_pull, **columns}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take the state of `state_dict`."""
        size = len(array(state, "ticket", np.int64))
        table = {name: array(state, name, dtype, size) for name, dtype in _COLUMNS.items()}
        next_id, next_pull = count(state, "next_id"), count(state, "next_pull")
        if size:
            ticket, pull, item = table["ticket"], table["pull"], table["item"]
            require(bool((np.diff(ticket) >= 0).all()), "tickets out of order")
            require(bool(ticket[0] >= 0 and ticket[-1] < next_id), "a ticket that was never issued")
            require(bool((item >= 0).all() and (item < self._prompts).all()), "a prompt that is not there")
            require(bool((pull >= 0).all() and (pull < next_pull).all()), "a pull that is not there")
            known = np.isin(table["status"], (OPEN, OBSERVED, CANCELLED))
            require(bool(known.all()), "unknown status of a slot")
            chance = table["chance"]
            require(bool(((chance >= 0.0) & (chance <= 1.0)).all()), "a probability outside [0, 1]")
        self.next_id, self._next_pull, self._table = next_id, next_pull, table
