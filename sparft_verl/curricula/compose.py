"""A curriculum put together from its axes: statistic, estimator, utility, chooser, order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparft_verl.curricula import state as saved
from sparft_verl.curricula.base import Curriculum
from sparft_verl.curricula.choosers import Chooser
from sparft_verl.curricula.config import CurriculumConfig
from sparft_verl.curricula.estimators import RunningMean
from sparft_verl.curricula.ledger import CANCELLED, OBSERVED, ClosedPull, Ledger
from sparft_verl.curricula.order import ShuffledOrder
from sparft_verl.curricula.statistics import Statistic
from sparft_verl.curricula.telemetry import Telemetry, arm_metrics
from sparft_verl.curricula.types import Arms, Feedback, Ticket
from sparft_verl.curricula.utilities import Utility


@dataclass
class Parts:
    """One choice on each axis; a named method is a function that returns one."""

    statistic: Statistic
    estimator: RunningMean
    utility: Utility
    order: ShuffledOrder
    chooser: Chooser


class ComposedCurriculum(Curriculum):
    """Any combination of parts, with tickets, counters and a complete state around it."""

    def __init__(self, config: CurriculumConfig, arms: Arms, parts: Callable[[], Parts]) -> None:
        self.config = config
        self.arms = arms
        self.step = 0
        self._make = parts
        self._parts = parts()
        self._ledger = Ledger()
        self._telemetry = Telemetry(len(arms.rows))

    def propose(self, n: int) -> Ticket:
        """Return a ticket for `n` prompts; the pulls it makes count from now on."""
        self.check_batch(n)
        estimator = self._parts.estimator
        choice = self._parts.chooser.choose(
            n, self._ledger.next_id, *self._parts.utility(*estimator.belief())
        )
        rows, arms = self.arms.rows[choice.items], self.arms.arm[choice.items]
        estimator.reserve(arms[np.unique(choice.pull, return_index=True)[1]])
        self._telemetry.serve(choice.items)
        ticket = self._ledger.issue(self.step, rows, arms, choice.pull)
        return Ticket(ticket, rows.copy(), arms.copy(), choice.propensity, self.step)

    def accept(self, feedback: Sequence[Feedback]) -> list[bool]:
        """Return which groups were new; a pull moves its arm's mean once all of its groups are in."""
        for group in feedback:
            self._ledger.slot(group.ticket, group.row)  # a stranger anywhere in the list stops all of it
        new: list[bool] = []
        closed: list[ClosedPull | None] = []
        for group in feedback:
            slot = self._ledger.slot(group.ticket, group.row)
            new.append(slot is not None)
            if slot is not None:
                total, weight = self._parts.statistic(group)
                closed.append(self._ledger.settle(group.ticket, slot, OBSERVED, total, weight))
                self._telemetry.group(group)
        self._close(closed)
        return new

    def cancel(self, ticket: int, row: int, reason: str) -> bool:
        """Return whether the slot was open; a pull none of whose groups came is no longer counted."""
        slot = self._ledger.slot(ticket, row)
        if slot is None:
            return False
        self._close([self._ledger.settle(ticket, slot, CANCELLED, 0.0, 0.0)])
        self._telemetry.cancelled += 1
        return True

    def _close(self, pulls: Sequence[ClosedPull | None]) -> None:
        arms, values = [], []
        for pull in pulls:
            if pull is not None and pull.value is None:
                self._parts.estimator.release(pull.arm)
            elif pull is not None and pull.value is not None:
                arms.append(pull.arm)
                values.append(pull.value)
        if arms:
            self._parts.estimator.commit(arms, values)

    def tick(self, step: int) -> None:
        """Close optimiser step `step`."""
        if isinstance(step, bool) or not isinstance(step, int) or step <= self.step:
            raise ValueError(
                f"tick is called once per optimiser step with a rising number, got {step!r} after {self.step}"
            )
        self.step = step
        self._parts.estimator.tick(step)
        self._telemetry.tick()

    def outstanding(self) -> list[tuple[int, int, int]]:
        """Return (ticket, row, step of the proposal) of every open slot, oldest first."""
        return self._ledger.waiting()

    def metrics(self) -> dict[str, float]:
        """Return the run's counters and each arm's pulls, mean and deviation."""
        estimator = self._parts.estimator
        mean, sd = estimator.belief()
        waiting = {"sparft/outstanding": float(len(self._ledger.waiting()))}
        arms = arm_metrics(estimator.pulls, mean, sd, estimator.observed, self.arms.names)
        return {**self._telemetry.metrics(), **waiting, **arms}

    def arm_table(self) -> list[dict[str, Any]]:
        """Return one dict per arm; `mean` is None before its first observed pull, `difficulty` where unknown."""
        estimator = self._parts.estimator
        mean, sd = estimator.belief()
        sizes = self.arms.sizes
        waiting = self._ledger.waiting_by_arm(len(sizes))
        served = self._telemetry.served
        rows = []
        for k, name in enumerate(self.arms.names):
            members = self.arms.arm == k
            known = self.arms.difficulty[members & ~np.isnan(self.arms.difficulty)]
            rows.append(
                {
                    "arm": k,
                    "name": name,
                    "size": int(sizes[k]),
                    "difficulty": float(known.mean()) if known.size else None,
                    "pulls": int(estimator.pulls[k]),
                    "observed": int(estimator.observed[k]),
                    "mean": float(mean[k]) if estimator.observed[k] else None,
                    "sd": float(sd[k]),
                    "served": int(served[members].sum()),
                    "unique": int((served[members] > 0).sum()),
                    "outstanding": int(waiting[k]),
                }
            )
        return rows

    def _header(self) -> dict[str, Any]:
        config = self.config
        return saved.header(
            config.method, config.as_dict(), config.digest(), self.arms.fingerprint, self.arms.layout()
        )

    def state_dict(self) -> dict[str, Any]:
        """Return the complete state; draws need none, they are keyed by the number of the ticket."""
        return {
            **self._header(),
            "step": self.step,
            "estimator": self._parts.estimator.state_dict(),
            "order": self._parts.order.state_dict(),
            "ledger": self._ledger.state_dict(),
            "telemetry": self._telemetry.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take the state of `state_dict`, whole or not at all."""
        saved.check_header(state, self._header())
        step, parts, ledger = saved.count(state, "step"), self._make(), Ledger()
        telemetry = Telemetry(len(self.arms.rows))
        parts.estimator.load(saved.part(state, "estimator"))
        parts.order.load(saved.part(state, "order"))
        ledger.load(saved.part(state, "ledger"), len(self.arms.names))
        telemetry.load(saved.part(state, "telemetry"))
        self.step, self._parts, self._ledger, self._telemetry = step, parts, ledger, telemetry
