"""A torch sampler over one curriculum: serves row positions, takes feedback, saves and restores itself."""

from __future__ import annotations

from collections import deque
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
from sparft_verl.telling import columns

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

    @classmethod
    def many(cls, rows: list[int], ticket: int, arms: list[int]) -> Iterator[Served]:
        """Yield one for each of `rows`, at a third of the cost of as many calls."""
        make = int.__new__
        for row, arm in zip(rows, arms, strict=True):
            served = make(cls, row)
            served.ticket = ticket
            served.arm = arm
            yield served

    def __getnewargs__(self) -> tuple[int, int, int]:  # type: ignore[override]
        return int(self), self.ticket, self.arm


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
        self._pending: deque[Served] = deque()
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
            yield self._pending.popleft()

    def _propose(self) -> deque[Served]:
        self._open()
        ticket: Ticket = self.curriculum.propose(self.batch_size)
        self._write(
            "propose",
            ticket=ticket.id,
            step=ticket.step,
            rows=ticket.rows,
            arms=ticket.arms,
            propensity=ticket.propensity,
        )
        return deque(Served.many(ticket.rows.tolist(), ticket.id, ticket.arms.tolist()))

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
                told = columns(
                    groups, self._arms(groups.row), new, advantages=self.curriculum.uses_advantages
                )
                self._write("observe", step=self.curriculum.step, **fields, **told)
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
        arms = self.curriculum.arm_columns()
        self._write(
            "tick",
            step=step,
            arms_pulls=np.array(arms["pulls"]),
            arms_mean=np.array([mean or 0.0 for mean in arms["mean"]]),
            arms_observed=np.array(arms["observed"]),
            arms_sd=np.array(arms["sd"], dtype=np.float64),
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
        self._pending = deque(pending)
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
