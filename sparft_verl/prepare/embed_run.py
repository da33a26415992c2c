"""Embedding by a model: what the cache holds is taken, the rest is dealt to workers and kept as it comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from sparft_verl.prepare.cache import Cache, Entry, digest_texts
from sparft_verl.prepare.embed_config import EmbedConfig
from sparft_verl.prepare.embed_model import identify, require_same
from sparft_verl.prepare.embed_shards import Shard, distinct, shards
from sparft_verl.prepare.embed_store import Store
from sparft_verl.prepare.ledger import Cost
from sparft_verl.prepare.workers import Workers

Vectors = np.ndarray[Any, Any]


def by_model(
    config: EmbedConfig, texts: Sequence[str], *, cache: Cache, workers: Workers, threads: int, cost: Cost
) -> tuple[Vectors, dict[str, Any]]:
    """Return float32 [N, d] and what the manifest says of the engine; work done is added to `cost`.

    A run that was killed goes on after the last shard it had finished.
    """
    from tqdm import tqdm

    unique, index = distinct(texts)
    identity = _identity(config, workers)
    store = Store(len(unique), index, cache.folder)
    missing: dict[int, tuple[Shard, Entry]] = {}
    for number, (shard, entry, found) in enumerate(_look_up(config, unique, identity, cache)):
        if found is None:
            missing[number] = shard, entry
        else:
            store.put(shard, found)
            cost.cached += len(shard.texts)
    jobs = ((number, shard.texts) for number, (shard, _) in missing.items())
    build = partial(_load, config, identity, threads)
    with tqdm(total=len(unique), initial=cost.cached, desc="embed", unit="prompt", delay=2) as bar:
        for number, (vectors, tokens) in workers.map(build, jobs):
            shard, entry = missing[number]
            store.put(shard, vectors)
            entry.save("vectors", vectors)
            cost.items += len(shard.texts)
            cost.tokens += tokens
            bar.update(len(shard.texts))
    return store.rows(), {**identity, "shard_size": config.shard_size}


def count_kept(config: EmbedConfig, unique: Sequence[str], *, cache: Cache, workers: Workers) -> int:
    """Return of how many of these distinct texts the cache holds the vectors."""
    found = _look_up(config, unique, _identity(config, workers), cache)
    return sum(len(shard.texts) for shard, _, vectors in found if vectors is not None)


def _look_up(
    config: EmbedConfig, unique: Sequence[str], identity: dict[str, Any], cache: Cache
) -> Iterator[tuple[Shard, Entry, Vectors | None]]:
    """Yield every shard with its place in the cache, and the vectors that lie there whole."""
    for shard in shards(unique, config.shard_size):
        entry = cache.entry("embed", {**identity, "texts": digest_texts(shard.texts)})
        vectors = entry.load("vectors")
        whole = vectors is not None and vectors.ndim == 2 and len(vectors) == len(shard.texts)
        yield shard, entry, vectors if whole else None


def _identity(config: EmbedConfig, workers: Workers) -> dict[str, Any]:
    """Return what a worker says it would embed with: this process may lack its GPU, packages and model."""
    return dict(next(iter(workers.map(_identifier, [(0, config)])))[1])


def _identifier() -> Callable[[EmbedConfig], dict[str, Any]]:
    return identify


def _load(config: EmbedConfig, identity: dict[str, Any], threads: int) -> Callable[[Sequence[str]], Any]:
    """Return the engine, in a worker; it must be the one that the cache's keys name."""
    require_same(identify(config), identity)
    if config.engine == "vllm":
        from sparft_verl.prepare.vllm_embed import VllmModel

        return VllmModel(config)
    from sparft_verl.prepare.sentence import SentenceModel

    return SentenceModel(config, threads)
