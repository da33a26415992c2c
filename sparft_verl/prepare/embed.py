"""One vector per prompt: by a model, by word overlap, or as given."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparft_verl.prepare.cache import Cache, digest_texts
from sparft_verl.prepare.embed_config import DEFAULT_MODEL, ENGINES, MODELS, EmbedConfig
from sparft_verl.prepare.embed_given import given
from sparft_verl.prepare.embed_run import by_model, count_kept
from sparft_verl.prepare.embed_shards import distinct
from sparft_verl.prepare.embed_store import check_finite
from sparft_verl.prepare.errors import require
from sparft_verl.prepare.ledger import Cost
from sparft_verl.prepare.lexical import Lexical
from sparft_verl.prepare.workers import Workers

__all__ = ["DEFAULT_MODEL", "ENGINES", "EmbedConfig", "Embedded", "embed", "embed_others", "preview"]

Vectors = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Embedded:
    """What `embed` returns."""

    vectors: Vectors
    """float32 [N, d]; a large one is a memory-mapped file."""
    described: dict[str, Any]
    """What the manifest says of the engine: engine, model, commit, checksums, device, settings."""
    versions: dict[str, str]
    """Versions of the engine's packages."""
    cost: Cost
    """What it cost; `items` and `cached` count distinct prompts, computed and found."""


def embed(
    config: EmbedConfig,
    texts: Sequence[str],
    *,
    cache: Cache,
    workers: Workers,
    seed: int,
    threads: int,
    column: Callable[[str], Sequence[Any]] | None = None,
    origin: Vectors | None = None,
    rows: int | None = None,
) -> Embedded:
    """Return a vector per text; equal texts get equal ones.

    On one machine the bits depend on settings, texts and their order, not on cache, workers or threads. `column`
    gives a column's values, one per text. `origin` (int64[N]) is each text's row in the input of `rows` rows,
    which engine npy reads by; without it the texts are the input. Raises PrepareError when model, packages,
    device or file cannot be had, a vector is not finite, or the disk is full.
    """
    start = time.perf_counter()
    require(len(texts) > 0, "at least one prompt must be embedded", 0, "check the data and its cleaning")
    each = np.arange(len(texts))
    cost = Cost()
    if config.engine in MODELS:
        vectors, described = by_model(config, texts, cache=cache, workers=workers, threads=threads, cost=cost)
    elif config.engine == "lexical":
        vectors, described = _by_words(config, texts, cache, seed, cost)
    else:
        at, total = (each, len(texts)) if origin is None else (origin, int(rows or len(texts)))
        vectors, described = given(config, column, at, total)
        check_finite(vectors, each, each)
        cost.items = len(texts)
    cost.seconds = time.perf_counter() - start
    versions = described.pop("versions", {})
    return Embedded(vectors, described, versions, cost)


def embed_others(
    config: EmbedConfig,
    texts: Sequence[str],
    others: Sequence[str],
    *,
    cache: Cache,
    workers: Workers,
    seed: int,
    threads: int,
) -> Vectors:
    """Return float32 [M, d]: `others` in the space of `embed(config, texts)`, to compare the two.

    Raises PrepareError for vectors made elsewhere, since nothing here can embed other texts alike.
    """
    if config.engine in MODELS:
        return embed(config, others, cache=cache, workers=workers, seed=seed, threads=threads).vectors
    require(
        config.engine == "lexical",
        "comparing with other texts needs an engine that embeds them",
        f"embed.engine={config.engine}",
        "use embed.engine=sentence_transformers, vllm or lexical, or compare by words (13-grams)",
    )
    engine = Lexical(config, seed)
    engine.fit(distinct(texts)[0])
    return engine.others(others)


def preview(
    config: EmbedConfig, texts: Sequence[str], *, cache: Cache, workers: Workers, seed: int
) -> tuple[int, int]:
    """Return how many distinct texts there are, and of how many no vector need be computed."""
    unique, _ = distinct(texts)
    if config.engine in MODELS:
        return len(unique), count_kept(config, unique, cache=cache, workers=workers)
    if config.engine == "lexical":
        found = cache.entry("embed", _lexical_key(Lexical(config, seed), unique)).load("vectors")
        return len(unique), 0 if found is None else len(unique)
    return len(unique), len(unique)


def _by_words(
    config: EmbedConfig, texts: Sequence[str], cache: Cache, seed: int, cost: Cost
) -> tuple[Vectors, dict[str, Any]]:
    unique, index = distinct(texts)
    engine = Lexical(config, seed)
    entry = cache.entry("embed", _lexical_key(engine, unique))
    vectors = entry.load("vectors")
    if vectors is None or len(vectors) != len(unique):
        vectors = engine.fit(unique)
        entry.save("vectors", vectors)
        cost.items = len(unique)
    else:
        cost.cached = len(unique)
    return np.asarray(vectors)[index], engine.identify()


def _lexical_key(engine: Lexical, unique: list[str]) -> dict[str, Any]:
    return {**engine.identify(), "texts": digest_texts(unique)}
