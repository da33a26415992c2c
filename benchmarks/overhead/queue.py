"""A step's rollouts as verl's TransferQueue gives them: the tensors and objects of `kv_batch_get`."""

from typing import Any

import numpy as np
import torch
from tensordict import NonTensorStack, TensorDict

from benchmarks.curricula.measure import ROLLOUTS
from sparft_verl.sampler import Served
from sparft_verl.verl_plugin.feedback import ROW, TICKET, TRAINED_FIELDS

TOKENS = 256
"""Mean tokens of a rollout."""


class Queue:
    """Rollouts of a batch, in no order. Building its objects takes long, so that every step puts new values in them."""

    def __init__(self, batch: int, chance: np.random.Generator) -> None:
        self._chance = chance
        self._size = size = batch * ROLLOUTS
        self._lengths = torch.from_numpy(chance.integers(TOKENS // 2, TOKENS * 3 // 2, size))
        offsets = torch.cat([torch.zeros(1, dtype=torch.int64), self._lengths.cumsum(0)])
        self._last = offsets[1:] - 1
        self._scores, self._advantages = torch.zeros(2, int(offsets[-1])).unbind()
        self._infos: list[dict[str, float]] = [{} for _ in range(size)]
        mask = torch.ones(int(offsets[-1]), dtype=torch.int64)

        def jagged(values: torch.Tensor) -> torch.Tensor:
            return torch.nested.nested_tensor_from_jagged(values, offsets)

        self._columns = {
            ROW: NonTensorStack(*range(size)),
            TICKET: NonTensorStack(*range(size)),
            "data_source": NonTensorStack(*["maths"] * size),
            "rm_scores": jagged(self._scores),
            "extra_fields": NonTensorStack(*({"reward_extra_info": info} for info in self._infos)),
            "advantages": jagged(self._advantages),
            "response_mask": jagged(mask),
        }
        assert list(self._columns) == TRAINED_FIELDS

    def of(
        self, batch: list[Served], rates: Any, fields: list[str], step: int
    ) -> tuple[dict[str, dict[str, Any]], TensorDict]:
        """Return tags and data of what became of `batch`, solved at the `rates` of its rows."""
        slots = np.repeat(np.arange(len(batch)), ROLLOUTS)
        wins = (self._chance.random(self._size) < rates[np.array(batch)][slots]).astype(np.float32)
        surplus = wins - wins.reshape(-1, ROLLOUTS).mean(axis=1).repeat(ROLLOUTS)
        shuffle = self._chance.permutation(self._size)
        self._scores[self._last] = torch.from_numpy(wins[shuffle])
        self._advantages[:] = torch.from_numpy(surplus[shuffle]).repeat_interleave(self._lengths)
        for info, win in zip(self._infos, wins[shuffle].tolist(), strict=True):
            info["acc"] = info["score"] = win
        tags = {}
        for place, index in enumerate(shuffle.tolist()):
            served = batch[index // ROLLOUTS]
            self._columns[ROW].tensordicts[place]._non_tensordict["data"] = int(served)
            self._columns[TICKET].tensordicts[place]._non_tensordict["data"] = served.ticket
            uid = f"{served.ticket:08x}-0000-4000-8000-{int(served):012x}"
            tags[f"{uid}_{index % ROLLOUTS}_0"] = {"min_global_steps": step - 1}
        return tags, TensorDict({name: self._columns[name] for name in fields}, batch_size=[self._size])
