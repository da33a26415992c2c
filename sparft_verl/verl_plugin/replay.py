"""verl's replay buffer, seen by the curriculum: groups that verl throws away are evidence too."""

import inspect
from collections.abc import Callable

from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer, ReplayBufferAsync

from sparft_verl.verl_plugin.errors import CurriculumError


class _ReportsDiscarded:
    """Tells `on_discard(keys)` which finished rollouts are about to be deleted, and why is verl's affair."""

    on_discard: Callable[[list[str]], None]

    def _clear_groups(self, partition_id: str, uids: set[str]) -> None:
        if partition_id == "train" and uids:
            keys = [key for key in self.partitions[partition_id] if key.split("_")[0] in uids]  # type: ignore[attr-defined]
            if keys:
                self.on_discard(keys)
        super()._clear_groups(partition_id, uids)  # type: ignore[misc]


class CurriculumReplayBuffer(_ReportsDiscarded, ReplayBuffer):
    """The synchronous buffer."""


class CurriculumReplayBufferAsync(_ReportsDiscarded, ReplayBufferAsync):
    """The asynchronous buffer."""


def reporting(stock: ReplayBuffer, on_discard: Callable[[list[str]], None]) -> ReplayBuffer:
    """Return a buffer with every argument of `stock`, as verl built it, that reports what it discards."""
    kinds = {ReplayBuffer: CurriculumReplayBuffer, ReplayBufferAsync: CurriculumReplayBufferAsync}
    if type(stock) not in kinds:
        raise CurriculumError(
            f"A curriculum needs one of verl's own replay buffers, got {type(stock).__name__}; "
            "remove trainer.v1.sampler.custom_sampler."
        )
    names = list(inspect.signature(ReplayBuffer.__init__).parameters)[1:]
    buffer = kinds[type(stock)](**{name: getattr(stock, name) for name in names})
    buffer.on_discard = on_discard
    return buffer
