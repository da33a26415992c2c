"""A torch sampler over one curriculum: serves row positions, takes feedback, saves and restores itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch.utils.data

from sparft_verl.arms_file import NAME, write_arms
from sparft_verl.curricula import Curriculum, Feedback, Groups, Ticket
from sparft_verl.curricula.packing import pack, unpack
from sparft_verl.curricula.state import part
from sparft_verl.curricula.types import I32, I64
from sparft_verl.journal import JournalWriter, opening
from sparft_verl.overhead import Stopwatch

SCHEMA = 1


class Served(int):
    """A row position that knows the ticket and the arm it was served under."""

    ticket: int
    arm: int

    def __new__(cls, row: int, ticket: int, arm: int) -> Served:
        self = super().__new__(cls, row)
        self.ticket = ticket
        self.arm = arm
        return self

    def __getnewargs__(self) -> tuple[int, int, int]:  # type: ignore[override]
        return int(self), self.ticket, self.arm


def describe(groups: Groups, arms: I32, new: list[bool], *, advantages: bool) -> list[dict[str, Any]]:
    """Return finished groups as a journal holds them: one dict each.

    Successes that are 0 or 1 become integers. Advantages, where a group has them and `advantages` asks for them, are
    written in full: sums of shortened ones would differ in the last bits, and a replay with them.
    """
    start = groups.start.tolist()
    whole = bool(((groups.successes == 0.0) | (groups.successes == 1.0)).all())
    successes = groups.successes.astype(np.int64).tolist() if whole else groups.successes.tolist()
    kinds = [True] * len(groups) if groups.trained is None else groups.trained.tolist()
    told: list[dict[str, Any]] = [
        {
            "ticket": ticket,
            "row": row,
            "arm": arm,
            "successes": successes[begin:end],
            "kind": "trained" if trained else "discarded",
            "new": is_new,
        }
        for ticket, row, arm, begin, end, trained, is_new in zip(
            groups.ticket.tolist(),
            groups.row.tolist(),
            arms.tolist(),
            start[:-1],
            start[1:],
            kinds,
            new,
            strict=True,
        )
    ]
    if groups.policy_step is not None:
        for group, step in zip(told, groups.policy_step.tolist(), strict=True):
            if step >= 0:
                group["policy_step"] = step
    if advantages and groups.advantages is not None:
        known = ~np.isnan(groups.sums(groups.advantages))
        values = groups.advantages.tolist()
        for index in np.flatnonzero(known).tolist():
            told[index]["advantages"] = values[start[index] : start[index + 1]]
    return told


class CurriculumSampler(torch.utils.data.Sampler[int]):
    """Endless stream of `Served` row positions, proposed `batch_size` at a time, never ahead of their use.

    Use it with a data loader of the same batch size and `num_workers=0`: workers would draw batches before the
    feedback of the ones before. Its state rides in `StatefulDataLoader.state_dict()`.
    """

    def __init__(
        self, curriculum: Curriculum, batch_size: int, length: int, journal: JournalWriter | None = None
    ) -> None:
        """Serve `curriculum` over a data set of `length` rows.

        Args:
            curriculum: what chooses; its rows are positions in the data set.
            batch_size: prompts per proposal: the data loader's batch size, 1 where the trainer asks one at a time.
            length: rows of the *full* data set, which `len()` gives, so that the trainer's epochs and
                learning-rate schedule stay as they are without a curriculum.
            journal: where to write what happens; None for nowhere.

        Raises ValueError if a batch cannot be drawn, or if rows lie outside the data set.
        """
        curriculum.check_batch(batch_size)
        last = int(curriculum.arms.rows.max())
        if last >= length:
            raise ValueError(f"the curriculum serves row {last}, but the data set has {length} rows")
        self.curriculum = curriculum
        self.batch_size = batch_size
        self._length = length
        self._journal = journal
        self._opened = False
        self._pending: list[Served] = []
        self.clock = Stopwatch()
        """What the curriculum and its journal took; a host may time more with it."""

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Served]:
        # All state is the sampler's: a new iterator goes on where the last one stopped.
        while True:
            if not self._pending:
                with self.clock:
                    self._pending = self._propose()
            yield self._pending.pop(0)

    def _propose(self) -> list[Served]:
        self._open()
        ticket: Ticket = self.curriculum.propose(self.batch_size)
        self._write(
            "propose",
            ticket=ticket.id,
            step=ticket.step,
            rows=ticket.rows,
            arms=ticket.arms,
            # null where the method knows no closed form: JSON has no nan
            propensity=[None if p != p else p for p in ticket.propensity.tolist()],
        )
        pairs = zip(ticket.rows.tolist(), ticket.arms.tolist(), strict=True)
        return [Served(row, ticket.id, arm) for row, arm in pairs]

    def observe(self, feedback: Groups | Iterable[Feedback], reason: str | None = None) -> int:
        """Return how many of these finished groups were new; duplicates are recorded, and change nothing.

        `reason` says in the journal why they were discarded.
        """
        groups = Groups.of(feedback)
        if not len(groups):
            return 0
        with self.clock:
            self._open()
            new = self.curriculum.accept(groups)
            if self._journal is not None:
                fields = {} if reason is None else {"reason": reason}
                told = describe(
                    groups, self._arms(groups.row), new, advantages=self.curriculum.uses_advantages
                )
                self._write("observe", step=self.curriculum.step, **fields, groups=told)
            return sum(new)

    def _arms(self, rows: I64) -> I32:
        arms = self.curriculum.arms
        return arms.arm[arms.items(rows)]

    def cancel(self, ticket: int, row: int, reason: str) -> bool:
        """Return whether the slot was still open; close it: its group will never come back."""
        with self.clock:
            self._open()
            new = self.curriculum.cancel(ticket, row, reason)
            self._write(
                "cancel",
                step=self.curriculum.step,
                ticket=ticket,
                row=row,
                arm=int(self._arms(np.array([row]))[0]),
                reason=reason,
                new=new,
            )
            return new

    def tick(self, step: int) -> None:
        """Close optimiser step `step`; the journal is on disk when this returns."""
        with self.clock:
            self._tick(step)

    def _tick(self, step: int) -> None:
        self._open()
        self.curriculum.tick(step)
        table = self.curriculum.arm_table()
        self._write(
            "tick",
            step=step,
            arms_pulls=[arm["pulls"] for arm in table],
            arms_mean=[arm["mean"] or 0.0 for arm in table],
            arms_observed=[arm["observed"] for arm in table],
            arms_sd=[arm["sd"] for arm in table],
        )
        if self._journal is not None:
            self._journal.sync()

    def outstanding(self) -> list[tuple[int, int]]:
        """Return (ticket, row) of every prompt that was served and has not come back, oldest first."""
        unserved = {(served.ticket, int(served)) for served in self._pending}
        slots = [(ticket, row) for ticket, row, _ in self.curriculum.outstanding()]
        return [slot for slot in slots if slot not in unserved]

    def metrics(self) -> dict[str, float]:
        """Return the curriculum's metrics."""
        with self.clock:
            return self.curriculum.metrics()

    def arm_table(self) -> list[dict[str, Any]]:
        """Return the curriculum's table of arms."""
        return self.curriculum.arm_table()

    def state_dict(self) -> dict[str, Any]:
        """Return {"json": str, "arrays": bytes}: the curriculum, what is left of the last proposal, the journal's end.

        Everything the journal holds up to that end is on disk when this returns.
        """
        if self._journal is not None:
            self._journal.sync()
        return pack(
            {
                "sampler_schema": SCHEMA,
                "curriculum": self.curriculum.state_dict(),
                "pending": [[int(served), served.ticket, served.arm] for served in self._pending],
                "journal_seq": -1 if self._journal is None else self._journal.next_seq - 1,
            }
        )

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on exactly where `state_dict` was called; raises ValueError and changes nothing if that cannot be."""
        if not self.is_state(state):
            raise ValueError(
                "this is no state of a CurriculumSampler (needs 'json' and 'arrays'); start anew"
            )
        loaded = unpack(state)
        if loaded.get("sampler_schema") != SCHEMA:
            raise ValueError(
                f"sampler state has schema {loaded.get('sampler_schema')!r}, this version reads {SCHEMA}"
            )
        try:
            pending = [Served(int(row), int(ticket), int(arm)) for row, ticket, arm in loaded["pending"]]
            after = int(loaded["journal_seq"])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"damaged state of a sampler: {error!r}; resume from another checkpoint"
            ) from error
        self.curriculum.load_state_dict(part(loaded, "curriculum"))
        self._pending = pending
        if self._journal is not None:
            self._write_resume(self._journal, after)

    @staticmethod
    def is_state(value: Any) -> bool:
        """Return whether `value` looks like what `state_dict` gives."""
        return (
            isinstance(value, dict)
            and set(value) == {"json", "arrays"}
            and isinstance(value["json"], str)
            and isinstance(value["arrays"], bytes)
        )

    def _open(self) -> None:
        if self._opened or self._journal is None:
            return
        self._opened = True
        if self._journal.continues:
            # an earlier run wrote here and no state was loaded: all of it is history now
            self._write("resume", step=self.curriculum.step, rolled_back_after=-1)
        self._write_open()

    def _write_resume(self, journal: JournalWriter, after: int) -> None:
        journal.skip_to(after + 1)
        if not journal.continues and not self._opened:
            # another file than the one that the state speaks of: it starts here, with nothing to roll back
            after = self._write_open()
        self._opened = True
        if not journal.path.with_name(NAME).exists():
            write_arms(journal.path.with_name(NAME), self.curriculum.arms)
        self._write("resume", step=self.curriculum.step, rolled_back_after=after)
        journal.sync()

    def _write_open(self) -> int:
        config, arms = self.curriculum.config, self.curriculum.arms
        if self._journal is not None:  # what its row numbers mean, first: a journal is never without
            write_arms(self._journal.path.with_name(NAME), arms)
        fields = opening(config.method, config.as_dict(), arms.names, arms.sizes, arms.fingerprint)
        return self._write("open", **fields, layout=arms.layout)

    def _write(self, event: str, **fields: Any) -> int:
        return -1 if self._journal is None else self._journal.write(event, **fields)
