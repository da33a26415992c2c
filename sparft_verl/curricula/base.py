"""The interface of every curriculum."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sparft_verl.curricula.config import CurriculumConfig
from sparft_verl.curricula.groups import Groups
from sparft_verl.curricula.types import F64, I64, Arms, Feedback, Ticket


class Curriculum(ABC):
    """Chooses which prompts to train on, from what became of the ones before.

    A curriculum never blocks and never waits for feedback: groups may come back in any order, any number of
    steps late, twice, or not at all.
    """

    config: CurriculumConfig
    arms: Arms
    step: int
    """The last optimiser step told by `tick`, 0 before the first."""
    uses_advantages: bool = True
    """Whether the advantages of a group, where given, can change anything: a journal must then hold them."""

    @abstractmethod
    def propose(self, n: int) -> Ticket:
        """Return a ticket for `n` prompts, which are thereby reserved.

        Raises ValueError if n < 1, or if n different prompts cannot be had and `repeat` is off.
        """

    @abstractmethod
    def accept(self, feedback: Groups | Iterable[Feedback]) -> list[bool]:
        """Return, for each group, whether it was new; take in those that were.

        A group whose (ticket, row) was already observed or cancelled is not new and changes nothing. Raises
        ValueError for a ticket never issued or a row not in it, before anything is taken in.
        """

    def observe(self, feedback: Groups | Iterable[Feedback]) -> int:
        """Return how many of these finished groups were new; see `accept`."""
        return sum(self.accept(feedback))

    def admit(self, groups: Groups | Iterable[Feedback]) -> list[bool]:
        """Return, for each finished group, whether it may be trained on; by default all may.

        A trainer asks before it trains, and observes what may not be trained on as discarded: it is evidence too.
        """
        return [True] * len(Groups.of(groups))

    @abstractmethod
    def cancel(self, ticket: int, row: int, reason: str) -> bool:
        """Return whether the slot was still open; close it: its group will never come back."""

    def cancel_many(self, tickets: Sequence[int] | I64, rows: Sequence[int] | I64, reason: str) -> list[bool]:
        """Return, for each (ticket, row), whether the slot was still open; close them all, see `cancel`."""
        pairs = zip(tickets, rows, strict=True)
        return [self.cancel(int(ticket), int(row), reason) for ticket, row in pairs]

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

    def arm_columns(self) -> dict[str, list[Any]]:
        """Return `arm_table` by column, one value for each arm: what a journal takes of it at every step."""
        table = self.arm_table()
        return {name: [arm[name] for arm in table] for name in table[0]}

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Return the complete state: NumPy arrays, str, int, float, bool, lists and dicts of these."""

    @abstractmethod
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take the state of `state_dict`, whole or not at all.

        Raises ValueError naming the first difference if it was saved under another schema, method,
        configuration, set of prompts or order of the data set.
        """

    # Hooks for methods to come, for hosts that can serve them. None is offered by default: a host asks
    # `offers(name)` first.

    def offers(self, hook: str) -> bool:
        """Return whether this curriculum has its own `fit`, `predict`, `probe`, `propagate` or `reward_weights`."""
        return getattr(type(self), hook) is not getattr(Curriculum, hook)

    def fit(self, rows: I64, features: F64, targets: F64) -> None:
        """Train a predictor of success: int64 [n], float64 [n, d], float64 [n] in [0, 1]."""
        raise NotImplementedError(f"{self.config.method} has no predictor to fit")

    def predict(self, rows: I64, features: F64) -> F64:
        """Return the predicted solve rate of each row, float64 [n] in [0, 1], without a rollout."""
        raise NotImplementedError(f"{self.config.method} predicts nothing")

    def probe(self, step: int) -> I64:
        """Return rows that the host should roll out only to measure them; their groups come by `propagate`."""
        raise NotImplementedError(f"{self.config.method} asks for no probe")

    def propagate(self, rows: I64, rates: F64) -> None:
        """Take solve rates, float64 [n], that did not come from a ticket, and carry them to similar prompts."""
        raise NotImplementedError(f"{self.config.method} propagates nothing")

    def reward_weights(self, step: int) -> Mapping[str, float]:
        """Return the weight of each part of the reward at `step`, summing to 1."""
        raise NotImplementedError(f"{self.config.method} has no schedule of rewards")

    def check_tick(self, step: int) -> None:
        """Raise ValueError unless `step` is an integer above the last one."""
        if isinstance(step, bool) or not isinstance(step, int) or step <= self.step:
            raise ValueError(
                f"tick is called once per optimiser step with a rising number, got {step!r} after {self.step}"
            )

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
        budget = self.config.unique_budget
        if 0 < budget < n and not self.config.repeat:
            raise ValueError(
                f"a batch of {n} different prompts cannot be drawn from a budget of {budget}; raise "
                f"curriculum.unique_budget to at least {n}, or lower data.train_batch_size"
            )
