"""Solve rates of a reference model: k answers to every prompt, scored by the task's own reward function."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sparft_verl.prepare.cache import Cache
from sparft_verl.prepare.errors import require
from sparft_verl.prepare.ledger import Cost
from sparft_verl.prepare.rollouts_config import SETTING, Answers, Plan, Request, RolloutsConfig, Rows
from sparft_verl.prepare.rollouts_model import plan
from sparft_verl.prepare.rollouts_store import Store, part_name
from sparft_verl.prepare.scoring import Reward, wilson
from sparft_verl.prepare.workers import Workers

_CHUNK = 512
_SAMPLING = ("k", "temperature", "top_p", "top_k", "max_tokens", "template_options")


@dataclass(frozen=True)
class Rates:
    """Per row, float64 [N]: solve rate and its 95 % Wilson interval, nan without rollouts; int64 [N]: rollouts."""

    rate: np.ndarray[Any, Any]
    low: np.ndarray[Any, Any]
    high: np.ndarray[Any, Any]
    rollouts: np.ndarray[Any, Any]
    notes: list[str]
    described: dict[str, Any]
    cost: Cost


@dataclass(frozen=True)
class Build:
    """Makes the engine in a worker."""

    config: RolloutsConfig
    plan: Plan
    seed: int
    threads: int

    def __call__(self) -> Callable[[Sequence[Request]], list[Answers]]:
        """Return what answers a job."""
        if self.plan.engine == "vllm":
            from sparft_verl.prepare.rollouts_vllm import VllmRollouts

            return VllmRollouts(self.config, self.plan, self.seed)
        from sparft_verl.prepare.rollouts_transformers import TransformersRollouts

        return TransformersRollouts(self.config, self.plan, self.seed, self.threads)


@dataclass(frozen=True)
class _Work:
    """The different prompts of all rows, in order, and the jobs they are dealt into."""

    digests: list[str]
    first: list[int]
    unit: np.ndarray[Any, Any]
    jobs: list[range] = field(default_factory=list)


def solve_rates(
    prompts: Rows, config: RolloutsConfig, *, cache: Cache, workers: Workers, seed: int, threads: int
) -> Rates:
    """Return the solve rate of every row: the mean success of the model's k answers.

    Rows with equal messages share their answers, each scored against its own reference answer. A row whose
    prompt and longest answer exceed the model's context has no rollouts. Answers are kept in `cache` job by
    job; scores never are, so that a changed reward function is seen. With the transformers engine a row's
    answers depend on its messages, the model, the sampling settings and `seed` alone, not on the other rows,
    the jobs, or what the cache held. Raises PrepareError when the model, the reward function or an answer's
    score is of no use.
    """
    start = time.perf_counter()
    settled = plan(config)
    reward = Reward(config)
    _probe(prompts, reward)
    work = _work(prompts, config.shard)
    names = {part_name(work.digests[i] for i in job) for job in work.jobs}
    key = _key(config, settled, seed)
    store = Store(cache.entry("rollouts", key), None if settled.exact else names)
    cost = Cost(cached=sum(digest in store for digest in work.digests))
    build = Build(config, settled, seed, threads)
    _generate(prompts, work, store, workers, build, cost)
    rate, rollouts, cut = _score(prompts, work, store, reward)
    low, high = wilson(rate, rollouts)
    cost.seconds = time.perf_counter() - start
    described = {
        **key,
        "model": config.model,
        "reward": config.reward,
        "success": config.success,
        "unique_prompts": len(work.digests),
        "cut_share": cut,
        "independent_of_batches": settled.exact,
    }
    return Rates(rate, low, high, rollouts, _notes(rate, cut, config), described, cost)


def rollouts_estimate(prompts: Rows, config: RolloutsConfig, *, cache: Cache, seed: int) -> dict[str, int]:
    """Return what `solve_rates` would do, without doing it: different prompts, how many of them are cached,
    rollouts to make, and the most tokens these may have."""
    settled = plan(config)
    work = _work(prompts, config.shard)
    names = {part_name(work.digests[i] for i in job) for job in work.jobs}
    entry = cache.entry("rollouts", _key(config, settled, seed))
    store = Store(entry, None if settled.exact else names)
    cached = sum(digest in store for digest in work.digests)
    rollouts = (len(work.digests) - cached) * config.k
    return {
        "prompts": len(work.digests),
        "cached": cached,
        "rollouts": rollouts,
        "most_tokens": rollouts * config.max_tokens,
    }


def _key(config: RolloutsConfig, settled: Plan, seed: int) -> dict[str, Any]:
    """Return all that an answer depends on besides its prompt."""
    return {
        "engine": settled.engine,
        "device": settled.device,
        "dtype": settled.dtype,
        "identity": settled.identity,
        "versions": settled.versions,
        "exact": settled.exact,
        "seed": seed,
        "sampling": {name: getattr(config, name) for name in _SAMPLING},
        "vllm": config.vllm if settled.engine == "vllm" else {},
    }


def _work(prompts: Rows, shard: int) -> _Work:
    index: dict[str, int] = {}
    first: list[int] = []
    unit = np.empty(len(prompts), dtype=np.int64)
    for rows in _chunks(len(prompts)):
        for row, messages in zip(rows.tolist(), prompts.messages(rows), strict=True):
            text = json.dumps(messages, sort_keys=True, ensure_ascii=True, default=str)
            digest = hashlib.sha256(text.encode()).hexdigest()
            if digest not in index:
                index[digest] = len(first)
                first.append(row)
            unit[row] = index[digest]
    jobs = [range(i, min(i + shard, len(first))) for i in range(0, len(first), shard)]
    return _Work(list(index), first, unit, jobs)


def _generate(prompts: Rows, work: _Work, store: Store, workers: Workers, build: Build, cost: Cost) -> None:
    from tqdm import tqdm

    todo = [[i for i in job if work.digests[i] not in store] for job in work.jobs]

    def jobs() -> Iterator[tuple[int, list[Request]]]:
        for number, units in enumerate(todo):
            if units:
                chats = prompts.messages(np.array([work.first[i] for i in units], dtype=np.int64))
                yield number, [Request(work.digests[i], chat) for i, chat in zip(units, chats, strict=True)]

    left = sum(map(len, todo))
    with tqdm(total=left, desc="rollouts", unit="prompt", delay=2) as bar:
        for number, answers in workers.map(build, jobs()):
            units = todo[number]
            store.put([work.digests[i] for i in units], answers)
            cost.items += len(units)
            cost.rollouts += sum(len(a.texts) for a in answers)
            cost.tokens += sum(a.tokens + a.prompt_tokens for a in answers if a.texts)
            bar.update(len(units))


def _score(
    prompts: Rows, work: _Work, store: Store, reward: Reward
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], float]:
    """Return solve rate and rollouts per row, and the share of the answers that were cut."""
    from tqdm import tqdm

    n = len(prompts)
    rate, rollouts, cut = np.full(n, np.nan), np.zeros(n, dtype=np.int64), 0
    with tqdm(total=n, desc="score", unit="prompt", delay=2) as bar:
        for rows in _chunks(n):
            truth, extra = prompts.truth(rows), _extra(prompts, rows)
            for i, row in enumerate(rows.tolist()):
                answers = store.get(work.digests[work.unit[row]])
                if answers.texts:
                    about = (truth[i], extra[i], int(prompts.origin[row]))
                    won = [reward(prompts.source[row], text, *about) for text in answers.texts]
                    rate[row], rollouts[row] = np.mean(won), len(won)
                    cut += sum(answers.cut)
            bar.update(len(rows))
    return rate, rollouts, cut / max(1, int(rollouts.sum()))


def _extra(prompts: Rows, rows: np.ndarray[Any, Any]) -> list[dict[str, Any] | None]:
    table = prompts.take(rows)
    if "extra_info" not in table.column_names:
        return [None] * len(rows)
    return [value if isinstance(value, dict) else None for value in table["extra_info"].to_pylist()]


def _probe(prompts: Rows, reward: Reward) -> None:
    """Score an empty answer to one row of each source: what cannot be scored is known before hours of rollouts."""
    firsts: dict[str, int] = {}
    for row, source in enumerate(prompts.source):
        firsts.setdefault(source, row)
    rows = np.array(sorted(firsts.values()), dtype=np.int64)
    truths, extras = prompts.truth(rows), _extra(prompts, rows)
    for row, truth, extra in zip(rows.tolist(), truths, extras, strict=True):
        reward(prompts.source[row], "", truth, extra, int(prompts.origin[row]))


def _notes(rate: np.ndarray[Any, Any], cut: float, config: RolloutsConfig) -> list[str]:
    notes = []
    known = rate[~np.isnan(rate)]
    require(
        len(known) > 0,
        f"prompts must leave {SETTING}.max_tokens={config.max_tokens} tokens of the model's context for the answer",
        "none that does",
        f"lower {SETTING}.max_tokens, or take a model with a longer context",
    )
    if out := len(rate) - len(known):
        notes.append(
            f"{out} of {len(rate)} prompts leave no room for {config.max_tokens} tokens of answer: "
            "they have no solve rate"
        )
    if cut > 0.1:
        notes.append(
            f"{cut:.0%} of the answers were cut at {SETTING}.max_tokens={config.max_tokens} and count as they "
            "stand; raise it if that is shorter than in training"
        )
    extreme = np.mean((known == 0) | (known == 1))
    if extreme > 0.5:
        notes.append(
            f"{extreme:.0%} of the prompts were solved always or never in {config.k} rollouts: the order among "
            f"them is unknown; a reference model nearer to the task, or a higher {SETTING}.k, tells more"
        )
    return notes


def _chunks(n: int) -> Iterator[np.ndarray[Any, Any]]:
    for begin in range(0, n, _CHUNK):
        yield np.arange(begin, min(begin + _CHUNK, n), dtype=np.int64)
