"""Seconds of each part of the plug-in's step, with the tensors of verl's TransferQueue built beforehand."""

import gc
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.curricula.measure import arms_of
from benchmarks.overhead.queue import Queue
from sparft_verl.curricula import Arms, CurriculumConfig, build
from sparft_verl.journal import JournalWriter
from sparft_verl.sampler import CurriculumSampler
from sparft_verl.verl_plugin.feedback import DISCARDED_FIELDS, TRAINED_FIELDS, group, read_rollouts
from sparft_verl.verl_plugin.loader import ServedDataset

WARM = 3
PARTS = ("propose", "label", "read", "group", "observe", "tick", "metrics")


class Rows(torch.utils.data.Dataset):
    """A data set whose rows cost nothing: what is left is our labels."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {}


class Clock:
    """Seconds of the parts of one step, and CPU seconds of all threads over them."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.cpu = 0.0

    @contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        cpu, start = time.process_time(), time.perf_counter()
        yield
        self.seconds[part] = time.perf_counter() - start
        self.cpu += time.process_time() - cpu


@lru_cache(maxsize=1)
def _queue(batch: int) -> Queue:
    return Queue(batch, np.random.default_rng(1))


@lru_cache(maxsize=1)
def _arms(prompts: int) -> Arms:
    return arms_of(prompts)


def measure(settings: dict[str, Any], prompts: int, batch: int, steps: int) -> dict[str, Any]:
    """Return medians of each part over `steps` steps of `batch` prompts, after WARM more, and bytes of the journal.

    The garbage collector runs as it does in a trainer, but looks at nothing that the benchmark itself has built: its
    objects stand for those that verl makes and drops outside of the plug-in's step.
    """
    chance, queue = np.random.default_rng(0), _queue(batch)
    rates = chance.random(prompts)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.jsonl"
        curriculum = build(CurriculumConfig.of(settings), _arms(prompts))
        sampler = CurriculumSampler(curriculum, batch, prompts, JournalWriter(path))
        rows, stream = ServedDataset(Rows(prompts)), iter(sampler)
        fields = TRAINED_FIELDS if curriculum.uses_advantages else DISCARDED_FIELDS
        clocks, sizes = [], []
        for number in range(1, steps + WARM + 1):
            clocks.append(clock := Clock())
            with clock("propose"):
                chosen = [next(stream) for _ in range(batch)]
            with clock("label"):
                for served in chosen:
                    rows[served]
            tags, data = queue.of(chosen, rates, fields, number)
            gc.freeze()
            with clock("read"):
                rollouts = read_rollouts(tags, data, {})
            with clock("group"):
                groups = group(rollouts, "trained")
            with clock("observe"):
                sampler.observe(groups)
            with clock("tick"):
                sampler.tick(number)
            with clock("metrics"):
                sampler.metrics()
            gc.unfreeze()
            sizes.append(path.stat().st_size)
        arms_bytes = path.with_name("arms.npz").stat().st_size
    totals = [sum(clock.seconds.values()) for clock in clocks]
    return {
        "settings": settings,
        "prompts": prompts,
        "prompts_per_step": batch,
        "seconds": {
            part: statistics.median(clock.seconds[part] for clock in clocks[WARM:]) for part in PARTS
        },
        "seconds_step": statistics.median(totals[WARM:]),
        "seconds_slowest_step": max(totals[WARM:]),
        "seconds_first_step": totals[0],
        "cpu_seconds_step": statistics.median(clock.cpu for clock in clocks[WARM:]),
        "journal_bytes_per_prompt": (sizes[-1] - sizes[WARM - 1]) / (steps * batch),
        "arms_file_bytes": arms_bytes,
    }
