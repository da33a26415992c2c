"""A curriculum put together from its axes: statistic, estimator, belief, chooser, order, guard."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparft_verl import bandit
from sparft_verl.curricula.base import Curriculum
from sparft_verl.curricula.choosers.arms import ArmChooser
from sparft_verl.curricula.choosers.base import STREAM_SPLIT, UNLIMITED, Choice, Chooser, Request
from sparft_verl.curricula.config import CurriculumConfig
from sparft_verl.curricula.constraints import Limits
from sparft_verl.curricula.estimators.base import Estimator, Evidence
from sparft_verl.curricula.gates import Gate
from sparft_verl.curricula.groups import Groups
from sparft_verl.curricula.guard import Guard
from sparft_verl.curricula.ledger import ClosedPulls, Ledger
from sparft_verl.curricula.order import Order
from sparft_verl.curricula.quota import Scopes
from sparft_verl.curricula.saving import Saved
from sparft_verl.curricula.statistics import FROM_SUCCESSES, Statistic
from sparft_verl.curricula.telemetry import Telemetry
from sparft_verl.curricula.types import F64, I32, I64, Arms, Feedback, Ticket, vector


@dataclass
class Parts:
    """One choice on each axis; a named method is a function that returns one, in its initial state."""

    statistic: Statistic
    estimator: Estimator
    chooser: Chooser
    belief: Callable[[int], Any]
    """Step -> what the chooser maximises or samples from, read from the estimator or from a schedule."""
    order: Order | None = None
    """What the chooser takes prompts from; None for one that names prompts itself."""
    scopes: Scopes | None = None
    """Data sources with a share of their own; None takes the configuration's quota."""
    guard: Guard | None = None


class ComposedCurriculum(Saved, Curriculum):
    """Any combination of parts, with tickets, limits, counters and a complete state around it."""

    def __init__(self, config: CurriculumConfig, arms: Arms, parts: Callable[[Scopes], Parts]) -> None:
        """Compose; `parts` makes them in their initial state, with pools for the scopes that it is given."""
        if config.floor * len(arms.names) > 1.0:
            raise ValueError(
                f"floor must be at most 1 / number of arms = {1 / len(arms.names):g}, got {config.floor}; lower it"
            )
        self.config = config
        self.arms = arms
        self._make = parts
        self._begin()

    def _begin(self) -> None:
        scopes = Scopes(self.arms, self.config.quota)
        self._parts = self._make(scopes)
        self._scopes = self._parts.scopes or scopes
        self._limits = Limits(self.config, self.arms, self._scopes)
        self._ledger = Ledger(len(self.arms.rows))
        self._telemetry = Telemetry(self.arms, self._scopes.of_item)
        self._gate = Gate(self.config)
        self._in_flight = np.zeros(len(self.arms.rows), dtype=np.int32)
        self._waits = np.zeros(len(self.arms.rows), dtype=np.bool_)
        self.step = 0

    @property
    def ranks_prompts(self) -> bool:
        """Whether single prompts are chosen, not arms; propensities are then unknown."""
        return self._parts.chooser.per_prompt

    @property
    def uses_advantages(self) -> bool:  # type: ignore[override]
        """Whether the statistic may look at the advantages of a group."""
        return self._parts.statistic not in FROM_SUCCESSES

    def propose(self, n: int) -> Ticket:
        """Return a ticket for `n` prompts; the pulls it makes count from now on."""
        self.check_batch(n)
        return self._issue(self._choose(n))

    def retell(self, rows: Sequence[int] | I64) -> tuple[Ticket, F64 | None]:
        """Return what `propose(len(rows))` would give here and each arm's probability at its first slot, float64 [K].

        But it is `rows` that are served, under the ticket's id: the history of another curriculum is told to this
        one. None where probabilities are not known in closed form. Raises ValueError for a row that is not served
        here, or under `unique_budget`, which speaks of prompts of its own.
        """
        items = self.arms.items(vector("rows", rows, np.int64))
        if (items < 0).any():
            raise ValueError(f"row {rows[int(np.argmin(items))]} is none of the curriculum's prompts")
        if self.config.unique_budget:
            raise ValueError(
                "unique_budget bounds what a curriculum serves itself; drop it to retell another's choices"
            )
        self.check_batch(len(items))
        mine = self._choose(len(items))
        arms, odds, chooser = self.arms.arm[mine.items], mine.odds, self._parts.chooser
        if odds is not None and arms.min() < arms.max() and chooser.pulls(arms).max() + 1 < len(arms):
            # a choice for many slots at once, whose arms ran out: an unbiased draw of what a slot gets
            odds = np.bincount(arms, minlength=len(odds)) / len(arms)
        pull = chooser.pulls(self.arms.arm[items])
        told = self._issue(Choice(items, np.full(len(items), np.nan), pull, odds))
        return Ticket(told.id, self.arms.rows[mine.items], arms, mine.propensity, self.step), odds

    def sample_arms(self, n: int) -> I32 | None:
        """Return the arms of `n` slots, int32 [n], drawn independently from the present belief.

        None where no draw from a belief about arms chooses (or in parts, under a quota; or a guard holds arms).
        """
        parts = self._parts
        if not isinstance(parts.chooser, ArmChooser) or self._scopes.count > 1 or parts.guard is not None:
            return None
        capacity = np.where(self._limits.free[0] > 0, UNLIMITED, 0)
        request = Request(n, self._ledger.next_id, self.step, 0, capacity, self._limits.blocked, True)
        return parts.chooser.sample(request, parts.belief(self.step))

    @property
    def belief(self) -> Any:
        """What the next choice is made from."""
        return self._parts.belief(self.step)

    @property
    def scope_of_item(self) -> I32:
        """int32 [m]: which part of the prompts each belongs to; parts have shares of the batch of their own."""
        return self._scopes.of_item

    def _issue(self, choice: Choice) -> Ticket:
        parts = self._parts
        items, arms = choice.items, self.arms.arm[choice.items]
        first = np.unique(choice.pull, return_index=True)[1]
        parts.estimator.reserve((items if parts.estimator.per_prompt else arms)[first].astype(np.int32))
        self._telemetry.serve(items, arms[first], choice.odds)
        self._limits.serve(items, self.step)
        if parts.guard is not None:
            parts.guard.serve(arms)
        self._count_in_flight(items, 1)
        ticket = self._ledger.issue(self.step, items, choice.pull, self._chance(items, choice.propensity))
        return Ticket(ticket, self.arms.rows[items], arms, choice.propensity, self.step)

    def _chance(self, items: I64, propensity: F64) -> F64:
        """float64 [n]: probability of each slot's arm, its scope left to chance too; 0 = unknown, or never in doubt."""
        if self._scopes.count > 1:
            scope = self._scopes.of_item[items]
            propensity = propensity * (np.bincount(scope)[scope] / len(items))
        known = (
            (propensity > 0.0) & (propensity < 1.0 - 1e-9) if len(self.arms.names) > 1 else propensity > 0.0
        )
        return np.where(known, propensity, 0.0)

    def _count_in_flight(self, items: I64, change: int) -> None:
        np.add.at(self._in_flight, items, change)
        self._waits[items] = self._in_flight[items] > 0

    def _choose(self, n: int) -> Choice:
        limits, scopes, parts = self._limits, self._scopes, self._parts
        limits.prepare(n)
        most = np.full(scopes.count, n) if self.config.repeat else None
        wanted = scopes.split(n, self.step)
        need = np.minimum(wanted, 1) if self.config.repeat else wanted
        limits.make_room(need)
        free = limits.free.sum(axis=1)
        given = scopes.fit(wanted, free if most is None else np.where(free > 0, most, 0))
        limits.make_room(np.minimum(given, 1) if self.config.repeat else given)
        belief = parts.belief(self.step)
        held = retest = None
        if parts.guard is not None:
            held, retest = parts.guard.held, parts.guard.due()
        choices = []
        for scope in np.flatnonzero(given).tolist():
            capacity = limits.capacity(scope, int(given[scope]))
            blocked = self._blocked(scope, int(given[scope]))
            request = Request(
                int(given[scope]),
                self._ledger.next_id,
                self.step,
                scope,
                capacity,
                blocked,
                self.config.repeat,
                held,
                retest or (),
            )
            choices.append(choice := parts.chooser.choose(request, belief))
            if blocked is limits.blocked and not self.config.repeat:
                blocked[choice.items] = False
            served = set(self.arms.arm[choice.items].tolist()) if retest else set()
            retest = tuple(arm for arm in retest or () if arm not in served)
        return choices[0] if len(choices) == 1 else self._mixed(choices)

    def _blocked(self, scope: int, n: int) -> Any:
        """Return the marks that a chooser works on: a copy where it ranks single prompts."""
        blocked = self._limits.blocked
        if not self._parts.chooser.per_prompt:
            return blocked
        if self._scopes.count > 1:
            blocked = blocked | (self._scopes.of_item != scope)
        waiting = blocked | self._waits
        return waiting if len(waiting) - np.count_nonzero(waiting) >= n else blocked.copy()

    def _mixed(self, choices: list[Choice]) -> Choice:
        """Return the scopes' choices in one batch, in random order: a mini-batch must not hold one source only."""
        offsets = np.cumsum([0, *(int(choice.pull.max()) + 1 for choice in choices[:-1])])
        pulls = [choice.pull + offset for choice, offset in zip(choices, offsets, strict=True)]
        columns: list[Any] = [
            np.concatenate([choice.items for choice in choices]),
            np.concatenate([choice.propensity for choice in choices]),
            np.concatenate(pulls),
        ]
        n = len(columns[0])
        odds = [len(c.items) / n * c.odds for c in choices if c.odds is not None]
        mixed: F64 | None = np.sum(odds, axis=0) if len(odds) == len(choices) else None
        shuffle = bandit.permutation(n, seed=self.config.seed, stream=STREAM_SPLIT, step=self._ledger.next_id)
        ends = np.cumsum([len(choice.items) for choice in choices])[:-1]
        # within a scope the slots keep their order: each one's probability is given those before it
        slots = np.concatenate([np.sort(part) for part in np.split(shuffle, ends)])
        for number, column in enumerate(columns):
            columns[number] = np.empty_like(column)
            columns[number][slots] = column
        return Choice(columns[0], columns[1], columns[2], mixed)

    def accept(self, feedback: Groups | Iterable[Feedback]) -> list[bool]:
        """Return which groups were new; a pull moves its unit's belief once all of its groups are in."""
        groups = Groups.of(feedback)
        items = self.arms.items(groups.row)
        slots = self._ledger.find(groups.ticket, items, groups.row)  # a stranger anywhere stops all of it
        new = slots >= 0
        if new.any():
            if not new.all():
                groups, items, slots = groups.take(new), items[new], slots[new]
            total, weight = self._parts.statistic(groups), groups.rollouts.astype(np.float64)
            lag = np.maximum(self.step - self._ledger.policies(slots, groups.policy_step), 0)
            self._telemetry.group(groups, items, lag, self._ledger.chance(slots))
            if self._parts.guard is not None:
                self._parts.guard.observe(self.arms.arm[items], groups.solved, groups.rollouts)
            self._count_in_flight(items, -1)
            self._close(self._ledger.observe(slots, groups.solved, total, weight, groups.policy_step))
        return new.tolist()

    def cancel(self, ticket: int, row: int, reason: str) -> bool:
        """Return whether the slot was open; a pull none of whose groups came is no longer counted."""
        return self.cancel_many([ticket], [row], reason)[0]

    def cancel_many(self, tickets: Sequence[int] | I64, rows: Sequence[int] | I64, reason: str) -> list[bool]:
        """Return which slots were open, at once."""
        row = vector("rows", rows, np.int64)
        items = self.arms.items(row)
        slots = self._ledger.find(vector("tickets", tickets, np.int64, len(row)), items, row)
        new = slots >= 0
        if new.any():
            self._count_in_flight(items[new], -1)
            self._close(self._ledger.cancel(slots[new]))
            self._telemetry.cancelled += int(new.sum())
        return new.tolist()

    def _close(self, pulls: ClosedPulls) -> None:
        estimator = self._parts.estimator
        arms = self.arms.arm[pulls.item]
        units = pulls.item.astype(np.int32) if estimator.per_prompt else arms
        came = pulls.weight > 0
        if not came.all():
            estimator.release(units[~came], pulls.proposed[~came])
            self._telemetry.release(arms[~came])
        if came.any():
            lag: I64 = np.maximum(self.step - pulls.policy[came], 0)
            evidence = Evidence(
                units[came],
                pulls.solved[came],
                pulls.total[came],
                pulls.weight[came],
                pulls.proposed[came],
                lag,
                pulls.pull[came],
            )
            estimator.commit(evidence)
            self._telemetry.pull(arms[came], evidence.value)

    def admit(self, groups: Groups | Iterable[Feedback]) -> list[bool]:
        """Return whether each finished group may be trained on; those that may not are observed as discarded."""
        return self._gate.admit(Groups.of(groups)).tolist()

    def tick(self, step: int) -> None:
        """Close optimiser step `step`."""
        self.check_tick(step)
        self.step = step
        self._parts.estimator.tick(step)
        if self._parts.guard is not None:
            self._parts.guard.tick(step)
        self._limits.tick(step)
        self._gate.tick()
        self._telemetry.tick()

    def outstanding(self) -> list[tuple[int, int, int]]:
        """Return (ticket, row, step of the proposal) of every open slot, oldest first."""
        ticket, item, step = self._ledger.waiting()
        return list(zip(ticket.tolist(), self.arms.rows[item].tolist(), step.tolist(), strict=True))

    def _beliefs(self) -> tuple[F64, F64 | None]:
        """Return mean and deviation of each arm; no deviation where nothing is believed about arms but a point."""
        estimator = self._parts.estimator
        if not estimator.per_prompt:
            mean, sd = estimator.summary()
            if len(mean) == len(self.arms.names):
                return mean, sd
        return self._telemetry.mean, None

    def metrics(self) -> dict[str, float]:
        """Return the run's counters, what the estimator shows, and each arm's pulls, mean and deviation."""
        mean, sd = self._beliefs()
        out = {**self._telemetry.metrics(), "sparft/outstanding": float(self._ledger.open)}
        if self._parts.guard is not None:
            out["sparft/held_arms"] = float(self._parts.guard.held.sum())
        by_arm = {}
        for name, value in self._parts.estimator.metrics(self.step).items():
            if isinstance(value, np.ndarray):
                by_arm[name] = value
            else:
                out[f"sparft/{name}"] = value
        return {
            **out,
            **self._gate.metrics(),
            **self._telemetry.arm_metrics(mean, sd, by_arm),
        }

    def arm_columns(self) -> dict[str, list[Any]]:
        """Return a column for each number of an arm; `mean` is None before its first observed pull."""
        mean, sd = self._beliefs()
        counts = self._telemetry
        size = len(self.arms.names)
        difficulty = self.arms.mean_difficulty
        return {
            "arm": list(range(size)),
            "name": list(self.arms.names),
            "size": self.arms.sizes.tolist(),
            "difficulty": [None if value != value else value for value in difficulty.tolist()],
            "pulls": counts.pulls.tolist(),
            "observed": counts.observed.tolist(),
            "mean": [
                value if some else None
                for value, some in zip(mean.tolist(), counts.observed.tolist(), strict=True)
            ],
            "sd": [None] * size if sd is None else sd.tolist(),
            "served": counts.slots.tolist(),
            "unique": counts.unique.tolist(),
            "outstanding": np.bincount(self.arms.arm[self._ledger.waiting()[1]], minlength=size).tolist(),
        }

    def arm_table(self) -> list[dict[str, Any]]:
        """Return one dict per arm; `mean` is None before its first observed pull, `difficulty` where unknown."""
        columns = self.arm_columns()
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
