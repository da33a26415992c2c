"""verl 0.7.1's own door for a curriculum: `data.sampler`, with `update(batch)` after each step."""

from collections.abc import Iterator
from typing import Any

from omegaconf import DictConfig
from verl.experimental.dataset.sampler import AbstractCurriculumSampler

from sparft_verl.sampler import Served
from sparft_verl.verl_plugin.older.session import Session


class NativeSampler(AbstractCurriculumSampler):
    """Serves the curriculum's choice without end, a batch at a time; verl stops at its last step.

    `len()` is that of the whole data set, so that verl's number of steps stays as it is without a curriculum.
    """

    def __init__(self, data_source: Any, data_config: DictConfig) -> None:
        self._session = Session(data_config, data_source)
        self._length = len(data_source)

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Served]:
        while True:
            yield from self._session.serve(self._session.sampler.batch_size)

    def update(self, batch: Any) -> None:
        """Take the feedback of the batch that the trainer has just finished; verl calls this once a step."""
        self._session.finish(batch)

    def state_dict(self) -> dict[str, int]:
        """Save the curriculum beside verl's checkpoint, which asks for this while it is written."""
        return self._session.save()

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Compare with verl's checkpoint; the curriculum itself was resumed when it was made."""
        self._session.check_resumed(state)
