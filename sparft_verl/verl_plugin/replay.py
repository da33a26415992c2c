"""verl's replay buffer, seen by the curriculum: groups that verl throws away are evidence too."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Mapping
from typing import Any, Protocol

from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer, ReplayBufferAsync

from sparft_verl.verl_plugin import GATE_METRIC
from sparft_verl.verl_plugin.errors import CurriculumError
from sparft_verl.verl_plugin.keys import uid_of

Tags = dict[str, dict[str, Any]]
"""verl's tag of every trajectory, by its key `{uid}_{session}_{output}`."""


class Listener(Protocol):
    """Who wants to know what a buffer throws away, and may ask it to."""

    def on_discard(self, reason: str, tags: Tags, lost: set[str]) -> None:
        """Take note of trajectories about to be deleted, and of prompts (`lost`, by uid) that left none."""

    def rejected(self, groups: Mapping[str, Tags]) -> set[str]:
        """Return the uids of the finished `groups` that shall not be trained on; asked once for each group."""


class _Reports:
    """Tells a listener what is about to be deleted and why, and lets it reject finished groups."""

    listener: Listener
    gated: bool
    _why: dict[str, str]
    _verdicts: dict[str, bool]

    def listen(self, listener: Listener, *, gated: bool) -> None:
        """Report to `listener`; with `gated` also ask it which finished groups may be trained on."""
        self.listener, self.gated, self._why, self._verdicts = listener, gated, {}, {}

    def _dapo_filtered_keys(self, partition_id: str) -> tuple[set[str], Counter]:
        own = self.filter_groups_metric != GATE_METRIC  # type: ignore[attr-defined]
        filtered, counts = super()._dapo_filtered_keys(partition_id) if own else (set(), Counter())  # type: ignore[misc]
        if partition_id == "val" or not self.gated:
            return filtered, counts
        finished = self.finished_keys[partition_id]  # type: ignore[attr-defined]
        self._verdicts = {uid: bad for uid, bad in self._verdicts.items() if uid in finished}
        fresh: dict[str, Tags] = {uid: {} for uid in finished - self._verdicts.keys() - filtered}
        for key, tag in self.partitions[partition_id].items():  # type: ignore[attr-defined]
            if (uid := uid_of(key)) in fresh:
                fresh[uid][key] = tag
        rejected = self.listener.rejected({uid: tags for uid, tags in fresh.items() if tags})
        self._verdicts |= {uid: uid in rejected for uid in fresh}
        gated = {uid for uid, bad in self._verdicts.items() if bad}
        self._why |= dict.fromkeys(gated, "gate")
        return filtered | gated, counts

    def _evict_terminal_groups(
        self,
        global_steps: int,
        partition_id: str,
        eviction_reasons: tuple[set[str], set[str], set[str], Counter],
    ) -> tuple[set[str], int, int, dict]:
        stale, filtered, failed, _ = eviction_reasons
        why = {uid: "filter" for uid in filtered} | self._why
        why |= dict.fromkeys(failed, "failed") | dict.fromkeys(stale, "stale")
        self._why = why
        try:
            return super()._evict_terminal_groups(global_steps, partition_id, eviction_reasons)  # type: ignore[misc]
        finally:
            self._why = {}

    def _clear_groups(self, partition_id: str, uids: set[str]) -> None:
        if partition_id == "train" and uids:
            by_reason: dict[str, set[str]] = {}
            for uid in uids:
                by_reason.setdefault(self._why.get(uid, "surplus"), set()).add(uid)
            for reason, members in sorted(by_reason.items()):
                tags = {
                    key: tag
                    for key, tag in self.partitions[partition_id].items()  # type: ignore[attr-defined]
                    if uid_of(key) in members
                }
                self.listener.on_discard(reason, tags, members - {uid_of(key) for key in tags})
        super()._clear_groups(partition_id, uids)  # type: ignore[misc]


def reporting(stock: ReplayBuffer, listener: Listener, *, gated: bool) -> Any:
    """Return a buffer like `stock`, as verl built it, that reports to `listener` what it discards.

    A buffer of the user's own (`trainer.v1.sampler.custom_sampler`) is taken when it derives from verl's and can be
    built from the arguments that verl gives to such classes; CurriculumError otherwise.
    """
    kind = type(stock)
    if not isinstance(stock, ReplayBuffer):
        raise CurriculumError(
            f"A curriculum needs a replay buffer that derives from verl's ReplayBuffer, but {kind.__name__} "
            "(trainer.v1.sampler.custom_sampler) does not. Derive it from "
            "verl.trainer.ppo.v1.replay_buffer.ReplayBufferAsync, or remove the setting."
        )
    own = kind in (ReplayBuffer, ReplayBufferAsync)
    if gated and not own:
        raise CurriculumError(
            "curriculum.gate needs verl's own replay buffer, but trainer.v1.sampler.custom_sampler gives "
            f"{kind.__name__}, which filters by rules of its own. Remove one of the two."
        )
    names = list(inspect.signature(ReplayBuffer.__init__).parameters)[1:] if own else list(_CUSTOM)
    try:
        arguments = {name: getattr(stock, name) for name in names}
        buffer = type(f"Curriculum{kind.__name__}", (_Reports, kind), {})(**arguments)
    except (AttributeError, TypeError) as error:
        raise CurriculumError(
            f"The replay buffer {kind.__name__} of trainer.v1.sampler.custom_sampler cannot be built again from the "
            f"arguments that verl gives it, {', '.join(_CUSTOM)} ({error}). Hand them to super().__init__, or "
            "remove the setting."
        ) from error
    buffer.listen(listener, gated=gated)
    return buffer


_CUSTOM = (
    "trainer_mode",
    "trainer_config",
    "max_off_policy_threshold",
    "max_off_policy_strategy",
    "sampler_kwargs",
    "refill_fn",
)
"""What verl gives to a custom sampler's constructor."""
