"""The state of a composed curriculum: complete, and loaded whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sparft_verl.curricula import state as saved
from sparft_verl.curricula.config import CurriculumConfig
from sparft_verl.curricula.constraints import Limits
from sparft_verl.curricula.gates import Gate
from sparft_verl.curricula.ledger import Ledger
from sparft_verl.curricula.quota import Scopes
from sparft_verl.curricula.telemetry import Telemetry
from sparft_verl.curricula.types import Arms


class Saved:
    """What a composed curriculum keeps, and how it goes to a checkpoint and back."""

    config: CurriculumConfig
    arms: Arms
    step: int
    _parts: Any
    _begin: Callable[[], None]
    _scopes: Scopes
    _limits: Limits
    _ledger: Ledger
    _telemetry: Telemetry
    _gate: Gate
    _count_in_flight: Callable[[Any, int], None]

    def _header(self) -> dict[str, Any]:
        config = self.config
        return saved.header(
            config.method, config.as_dict(), config.digest(), self.arms.fingerprint, self.arms.layout
        )

    def _sections(self) -> dict[str, Any]:
        optional = {"order": self._parts.order, "guard": self._parts.guard}
        return {
            "estimator": self._parts.estimator,
            **{name: section for name, section in optional.items() if section is not None},
            "scopes": self._scopes,
            "limits": self._limits,
            "ledger": self._ledger,
            "telemetry": self._telemetry,
            "gate": self._gate,
        }

    def state_dict(self) -> dict[str, Any]:
        """Return the complete state; draws need none, they are keyed by the number of the ticket."""
        sections = {name: section.state_dict() for name, section in self._sections().items()}
        return {**self._header(), "step": self.step, **sections}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take the state of `state_dict`, whole or not at all."""
        saved.check_header(state, self._header())
        before = dict(self.__dict__)
        try:
            self._begin()
            self.step = saved.count(state, "step")
            for name, section in self._sections().items():
                section.load(saved.part(state, name))
            self._count_in_flight(self._ledger.waiting()[1], 1)
        except ValueError:
            self.__dict__.update(before)
            raise
