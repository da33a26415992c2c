"""A replay buffer as a user would write one, for `trainer.v1.sampler.custom_sampler`."""

from collections import Counter
from typing import Any

from verl.trainer.ppo.v1.replay_buffer import ReplayBufferAsync


class EveryFifthDropped(ReplayBufferAsync):
    """Throws away about every fifth finished group, which verl replaces, and logs what it sampled."""

    def _terminal_eviction_reasons(
        self, global_steps: int, partition_id: str
    ) -> tuple[set[str], set[str], set[str], Counter]:
        stale, filtered, failed, counts = super()._terminal_eviction_reasons(global_steps, partition_id)
        if partition_id == "train":
            mine = {uid for uid in self.finished_keys[partition_id] if int(uid.replace("-", ""), 16) % 5 == 0}
            failed = failed | mine
        return stale, filtered, failed, counts

    def sample(self, *args: Any, **kwargs: Any) -> tuple[Any, dict[str, Any]]:
        """Return verl's own choice, with a metric of the user's."""
        batch, metrics = super().sample(*args, **kwargs)
        return batch, metrics | {"user/sampled": len(batch.keys)}
