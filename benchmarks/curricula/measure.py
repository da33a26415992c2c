"""Seconds of each part of a step, at a given number of prompts."""

import statistics
import time
from typing import Any

import numpy as np

from sparft_verl.curricula import Arms, Curriculum, CurriculumConfig, Groups, build
from sparft_verl.curricula.compose import ComposedCurriculum
from sparft_verl.curricula.packing import pack

BATCH, ROLLOUTS, ARMS = 1024, 8, 100


def arms_of(prompts: int) -> Arms:
    """Return prompts spread over ARMS arms and four data sources, with difficulties."""
    index = np.arange(prompts)
    return Arms(
        rows=index,
        arm=(index % ARMS).astype(np.int32),
        names=tuple(f"arm{k}" for k in range(ARMS)),
        difficulty=(index * 7919 % prompts) / prompts,
        source=("maths", "code", "logic", "science") * (prompts // 4),
        fingerprint="benchmark",
    )


def step(curriculum: Curriculum, number: int, rates: Any, chance: np.random.Generator) -> list[float]:
    """Run one step; return seconds of propose, observe and tick."""
    start = time.perf_counter()
    ticket = curriculum.propose(BATCH)
    proposed = time.perf_counter()
    wins = chance.random((BATCH, ROLLOUTS)) < rates[ticket.rows][:, None]
    groups = Groups(
        ticket=np.full(BATCH, ticket.id),
        row=ticket.rows,
        successes=wins.reshape(-1).astype(np.float64),
        start=np.arange(BATCH + 1) * ROLLOUTS,
    )
    answered = time.perf_counter()
    curriculum.observe(groups)
    observed = time.perf_counter()
    curriculum.tick(number)
    return [proposed - start, observed - answered, time.perf_counter() - observed]


def measure(settings: dict[str, Any], prompts: int, steps: int) -> dict[str, Any]:
    """Return medians over `steps` steps after 5 more, the slowest of them, and the saving of the state.

    CPU seconds of all threads, the making of the answers included, stand beside those of the clock: on a machine that
    others use too the clock shows their load.
    """
    curriculum = build(CurriculumConfig.of(settings), arms_of(prompts))
    assert isinstance(curriculum, ComposedCurriculum)
    chance = np.random.default_rng(0)
    rates = chance.random(prompts)
    seconds, cpu = [], []
    for number in range(1, steps + 6):
        start = time.process_time()
        seconds.append(step(curriculum, number, rates, chance))
        cpu.append(time.process_time() - start)
    seconds, cpu = seconds[5:], cpu[5:]
    saves = []
    for _ in range(3):
        start = time.perf_counter()
        packed = pack(curriculum.state_dict())
        saves.append(time.perf_counter() - start)
    totals = [sum(parts) for parts in seconds]
    parts = [statistics.median(column) for column in zip(*seconds, strict=True)]
    return {
        "settings": settings,
        "unit": "prompt" if curriculum.ranks_prompts else "arm",
        "prompts": prompts,
        "seconds_propose": parts[0],
        "seconds_observe": parts[1],
        "seconds_tick": parts[2],
        "seconds_step": statistics.median(totals),
        "seconds_slowest_step": max(totals),
        "cpu_seconds_step": statistics.median(cpu),
        "seconds_save": statistics.median(saves),
        "state_bytes": len(packed["arrays"]) + len(packed["json"]),
    }
