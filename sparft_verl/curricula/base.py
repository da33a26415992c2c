"""The interface of every curriculum."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any

from sparft_verl.curricula.config import CurriculumConfig
from sparft_verl.curricula.types import Arms, Feedback, Ticket


class Curriculum(ABC):
    """Chooses which prompts to train on, from what became of the ones before.

    A curriculum never blocks and never waits for feedback: groups may come back in any order, any number of
    steps late, twice, or not at all.
    """

    config: CurriculumConfig
    arms: Arms
    step: int
    """The last optimiser step told by `tick`, 0 before the first."""

    @abstractmethod
    def propose(self, n: int) -> Ticket:
        """Return a ticket for `n` prompts, which are thereby reserved.

        Raises ValueError if n < 1, or if n different prompts cannot be had and `repeat` is off.
        """

    @abstractmethod
    def accept(self, feedback: Sequence[Feedback]) -> list[bool]:
        """Return, for each group, whether it was new; take in those that were.

        A group whose (ticket, row) was already observed or cancelled is not new and changes nothing. Raises
        ValueError for a ticket never issued or a row not in it, before anything is taken in.
        """

    def observe(self, feedback: Iterable[Feedback]) -> int:
        """Return how many of these finished groups were new; see `accept`."""
        return sum(self.accept(list(feedback)))

    @abstractmethod
    def cancel(self, ticket: int, row: int, reason: str) -> bool:
        """Return whether the slot was still open; close it: its group will never come back."""

    @abstractmethod
    def tick(self, step: int) -> None:
        """Close optimiser step `step`: decay, schedules, controllers. Once a step, `step` strictly rising."""

    @abstractmethod
    def outstanding(self) -> list[tuple[int, int, int]]:
        """Return (ticket, row, step of the proposal) of every open slot, oldest first."""

    @abstractmethod
    def metrics(self) -> dict[str, float]:
        """Return finite floats for a logger, under `sparft/`."""

    @abstractmethod
    def arm_table(self) -> list[dict[str, Any]]:
        """Return one dict per arm for reports: name, size, pulls, observed, mean, sd, ..."""

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Return the complete state: NumPy arrays, str, int, float, bool, lists and dicts of these."""

    @abstractmethod
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take the state of `state_dict`, whole or not at all.

        Raises ValueError naming the first difference if it was saved under another schema, method,
        configuration, set of prompts or order of the data set.
        """

    def check_batch(self, n: int) -> None:
        """Raise ValueError if a batch of `n` prompts can never be proposed."""
        size = len(self.arms.rows)
        if isinstance(n, bool) or not isinstance(n, int) or n < 1:
            raise ValueError(f"a batch has at least one prompt, got n={n!r}")
        if n > size and not self.config.repeat:
            raise ValueError(
                f"a batch of {n} different prompts cannot be drawn from {size} selected rows; lower "
                f"data.train_batch_size to at most {size}, or run `sparft prepare` with select.budget >= {n} "
                "(curriculum.repeat=true allows the same prompt twice in a batch)"
            )
