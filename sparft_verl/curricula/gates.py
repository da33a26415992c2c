"""Gates: which finished groups are worth training on, decided after their rollouts (DAPO, online filtering, VCRL)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sparft_verl.curricula.config import CurriculumConfig
from sparft_verl.curricula.groups import Groups
from sparft_verl.curricula.state import count


class Gate:
    """Decides by a group's solve rate; after `gate_refills` rejections in a step it admits everything."""

    def __init__(self, config: CurriculumConfig) -> None:
        self._config = config
        self._now = 0
        self.groups = 0
        self.rejected = 0
        self.forced = 0

    def admit(self, groups: Groups) -> NDArray[np.bool_]:
        """bool [n]: whether each group may be trained on."""
        good = self._good(groups)
        bad = np.flatnonzero(~good)
        room = max(self._config.gate_refills - self._now, 0)
        good[bad[room:]] = True
        self._now += min(len(bad), room)
        self.groups += len(groups)
        self.rejected += min(len(bad), room)
        self.forced += len(bad[room:])
        return good

    def _good(self, groups: Groups) -> NDArray[np.bool_]:
        config = self._config
        rate = groups.solved / groups.rollouts
        if config.gate == "dapo":
            return ~groups.degenerate
        if config.gate == "band":
            return (rate >= config.gate_low) & (rate <= config.gate_high)
        if config.gate == "variance":
            return 4.0 * rate * (1.0 - rate) >= config.gate_low
        return np.ones(len(groups), dtype=np.bool_)

    def tick(self) -> None:
        """Close a step: the refills of the next one are not used yet."""
        self._now = 0

    def metrics(self) -> dict[str, float]:
        """Return the shares rejected, and admitted only because the refills were used up; nothing without a gate."""
        if not self.groups:
            return {}
        return {
            "sparft/gate/rejected_share": self.rejected / self.groups,
            "sparft/gate/forced_share": self.forced / self.groups,
        }

    def state_dict(self) -> dict[str, Any]:
        """Return the counters."""
        return {"now": self._now, "groups": self.groups, "rejected": self.rejected, "forced": self.forced}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take the state of `state_dict`."""
        self._now, self.groups = count(state, "now"), count(state, "groups")
        self.rejected, self.forced = count(state, "rejected"), count(state, "forced")
