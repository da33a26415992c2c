"""Seconds of each part of the plug-in's step, with the tensors of verl's TransferQueue built beforehand."""

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tensordict import NonTensorStack, TensorDict

from benchmarks.curricula.measure import arms_of
from sparft_verl.curricula import CurriculumConfig, build
from sparft_verl.journal import JournalWriter
from sparft_verl.sampler import CurriculumSampler, Served
from sparft_verl.verl_plugin.feedback import (
    DISCARDED_FIELDS,
    ROW,
    TICKET,
    TRAINED_FIELDS,
    group,
    read_rollouts,
)
from sparft_verl.verl_plugin.loader import ServedDataset

BATCH, ROLLOUTS, ARMS, TOKENS = 1024, 8, 100, 256
WARM = 3


class Rows(torch.utils.data.Dataset):
    """A data set whose rows cost nothing: what is left is our labels."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {}


def queued(
    batch: list[Served], rates: Any, chance: np.random.Generator, fields: list[str], step: int
) -> tuple[dict[str, dict[str, Any]], TensorDict]:
    """Return tags and data as verl's `kv_batch_get` gives them for a step's rollouts, in no order."""
    slots = np.repeat(np.arange(len(batch)), ROLLOUTS)
    shuffle = chance.permutation(len(slots))
    wins = (chance.random(len(slots)) < np.repeat(rates[[int(s) for s in batch]], ROLLOUTS)).astype(
        np.float32
    )
    rate = wins.reshape(-1, ROLLOUTS).mean(axis=1).repeat(ROLLOUTS)
    lengths = chance.integers(TOKENS // 2, TOKENS * 3 // 2, len(slots))
    session = np.tile(np.arange(ROLLOUTS), len(batch))
    offsets = torch.from_numpy(np.concatenate([[0], np.cumsum(lengths[shuffle])]))
    last = offsets[1:] - 1
    scores = torch.zeros(int(offsets[-1]))
    scores[last] = torch.from_numpy(wins[shuffle])
    advantages = torch.from_numpy(np.repeat((wins - rate)[shuffle], lengths[shuffle]))

    def jagged(values: torch.Tensor) -> torch.Tensor:
        return torch.nested.nested_tensor_from_jagged(values, offsets)

    def stack(values: list[Any]) -> NonTensorStack:
        return NonTensorStack(*values)

    columns = {
        ROW: stack([int(batch[slot]) for slot in slots[shuffle]]),
        TICKET: stack([batch[slot].ticket for slot in slots[shuffle]]),
        "data_source": stack(["maths"] * len(slots)),
        "rm_scores": jagged(scores),
        "extra_fields": stack(
            [{"reward_extra_info": {"acc": win, "score": win}} for win in wins[shuffle].tolist()]
        ),
        "advantages": jagged(advantages),
        "response_mask": jagged(torch.ones(int(offsets[-1]), dtype=torch.int64)),
    }
    data = TensorDict({name: columns[name] for name in fields}, batch_size=[len(slots)])
    keys = [
        f"{batch[slot].ticket:08x}{int(batch[slot]):08x}_{one}_0"
        for slot, one in zip(slots, session, strict=True)
    ]
    return {keys[index]: {"min_global_steps": step - 1} for index in shuffle}, data


def measure(settings: dict[str, Any], prompts: int, steps: int) -> dict[str, Any]:
    """Return medians of each part over `steps` steps after WARM more, and the journal's bytes for each prompt."""
    seconds: dict[str, list[float]] = {
        part: [] for part in ("propose", "label", "read", "group", "observe", "tick", "metrics")
    }
    chance = np.random.default_rng(0)
    rates = chance.random(prompts)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.jsonl"
        curriculum = build(CurriculumConfig.of(settings), arms_of(prompts))
        sampler = CurriculumSampler(curriculum, BATCH, prompts, JournalWriter(path))
        rows, stream = ServedDataset(Rows(prompts)), iter(sampler)
        fields = TRAINED_FIELDS if curriculum.uses_advantages else DISCARDED_FIELDS
        totals, sizes, cpu = [], [], []
        for number in range(1, steps + WARM + 1):
            times = [time.perf_counter()]
            before = time.process_time()
            batch = [next(stream) for _ in range(BATCH)]
            times.append(time.perf_counter())
            for served in batch:
                rows[served]
            times.append(time.perf_counter())
            spent = time.process_time() - before
            tags, data = queued(batch, rates, chance, fields, number)
            before = time.process_time()
            start = time.perf_counter()
            rollouts = read_rollouts(tags, data, {})
            read = time.perf_counter()
            groups = group(rollouts, "trained")
            grouped = time.perf_counter()
            sampler.observe(groups)
            observed = time.perf_counter()
            sampler.tick(number)
            ticked = time.perf_counter()
            sampler.metrics()
            end = time.perf_counter()
            cpu.append(spent + time.process_time() - before)
            parts = (
                times[1] - times[0],
                times[2] - times[1],
                read - start,
                grouped - read,
                observed - grouped,
                ticked - observed,
                end - ticked,
            )
            for name, value in zip(seconds, parts, strict=True):
                seconds[name].append(value)
            totals.append(sum(parts))
            sizes.append(path.stat().st_size)
        arms_bytes = path.with_name("arms.npz").stat().st_size
    return {
        "settings": settings,
        "prompts": prompts,
        "seconds": {name: statistics.median(values[WARM:]) for name, values in seconds.items()},
        "seconds_step": statistics.median(totals[WARM:]),
        "seconds_slowest_step": max(totals[WARM:]),
        "seconds_first_step": totals[0],
        "cpu_seconds_step": statistics.median(cpu[WARM:]),
        "journal_bytes_per_prompt": (sizes[-1] - sizes[WARM - 1]) / (steps * BATCH),
        "arms_file_bytes": arms_bytes,
    }
