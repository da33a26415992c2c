"""Stage A from end to end: prompts in, curriculum artefact out."""

from __future__ import annotations

import importlib
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

import numpy as np
import pyarrow as pa

import sparft_verl
from sparft_verl.artefact import Artefact, check_replaceable, write_artefact
from sparft_verl.prepare import threads as thread_pools
from sparft_verl.prepare.cluster import Arms, cluster, given_arms
from sparft_verl.prepare.config import PrepareConfig
from sparft_verl.prepare.difficulty import difficulty, lookup
from sparft_verl.prepare.embed import build, embed
from sparft_verl.prepare.errors import require
from sparft_verl.prepare.features import features
from sparft_verl.prepare.read import read
from sparft_verl.prepare.selection import select
from sparft_verl.prepare.tables import arm_table, items_table, selection_table


class Progress:
    """Says on stderr what is being done, and keeps the seconds of each stage for the manifest."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.notes: list[str] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time one stage."""
        start = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - start, 3)

    def say(self, text: str) -> None:
        """Print one line."""
        print(f"prepare: {text}", file=sys.stderr, flush=True)

    def note(self, notes: list[str]) -> None:
        """Print what a reader of the result should know, and keep it for the manifest."""
        for text in notes:
            self.say(f"note: {text}")
        self.notes += notes


def run(config: PrepareConfig) -> Artefact:
    """Return the artefact written to `config.out`.

    Raises PrepareError (input, settings) or ArtefactError (the folder). Nothing is written before all stages
    are done. On one machine, equal input, settings and engines give byte-identical data files,
    whatever the number of threads.
    """
    config.check()
    check_replaceable(config.out)  # before minutes are spent on embedding
    progress = Progress()
    pool = config.threads or thread_pools.available()
    with progress.stage("read"):
        prompts = read(config.data)
    progress.say(f"read {len(prompts)} rows from {len(prompts.inputs)} file(s)")
    progress.note(prompts.notes)
    with progress.stage("difficulty"):
        level = difficulty(prompts.table, prompts.source, config.difficulty)
        given = config.cluster.column and lookup(prompts.table, config.cluster.column, "cluster.column")
    progress.note(level.notes)
    arms = given_arms(given, level.value, str(config.cluster.column)) if given else None
    _check_sizes(config, len(prompts), arms)
    with progress.stage("load"):
        embedder = build(config.embed, config.seed, pool)
    described = embedder.describe()
    progress.say(f"embed with {described['engine']}: {described['model']}")
    with progress.stage("embed"):
        vectors = embed(embedder, prompts.text)
    # One BLAS thread: sums would otherwise be split, and rounded, by the number of threads.
    with progress.stage("features"), thread_pools.limited(1):
        space = features(vectors, level.value, config.features)
    progress.say(
        f"features: {space.dim} components hold {space.explained:.0%} of the variance, plus difficulty"
    )
    progress.note(space.notes)
    with progress.stage("cluster"):
        arms = arms or cluster(space.matrix, level.value, config.cluster, seed=config.seed, threads=pool)
    with progress.stage("select"):
        rows = select(space.matrix, arms.label, len(arms.names), config.select, threads=pool)
    if config.select.budget > len(prompts):
        progress.note([f"select.budget={config.select.budget} exceeds the {len(prompts)} rows: all are kept"])
    progress.say(f"{len(arms.names)} arms by {arms.engine}, {len(rows)} rows kept")
    resolved = {
        "embedder": {k: v for k, v in described.items() if k != "versions"},
        "engine": arms.engine,
        "k": len(arms.names),
        "pca_dim": space.dim,
        "pca_explained": space.explained,
        "threads": pool,
    }
    return write_artefact(
        config.out,
        selection=selection_table(prompts, level, arms, rows),
        items=items_table(prompts, level, arms, rows),
        embeddings=vectors,
        features=space.matrix,
        arms=arm_table(prompts, level, arms, rows),
        parameters={**asdict(config), "resolved": resolved},
        difficulty_known=level.known,
        versions=_versions(arms.engine, described["versions"]),
        inputs=prompts.inputs,
        counts={
            "duplicates": int((prompts.occurrence > 0).sum()),
            "difficulty_missing": int(level.missing.sum()),
        },
        timing=progress.seconds,
        notes=progress.notes,
    )


def _check_sizes(config: PrepareConfig, rows: int, arms: Arms | None) -> None:
    """Refuse before the embedding what would fail after it."""
    k = len(arms.names) if arms else config.cluster.k
    require(
        k <= rows,
        f"cluster.k={k} needs at least as many rows",
        rows,
        f"use cluster.k={rows} or less, or more data",
    )
    require(
        k <= config.select.budget,
        f"select.budget must give every one of the {k} arms at least one prompt",
        config.select.budget,
        f"use select.budget={k} or more, or fewer arms",
    )


def _versions(engine: str, embedder: dict[str, str]) -> dict[str, str]:
    versions = {
        "sparft-verl": sparft_verl.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "pyarrow": pa.__version__,
        **embedder,
    }
    if engine in ("faiss", "sklearn"):
        module = importlib.import_module(engine)
        versions["faiss" if engine == "faiss" else "scikit-learn"] = module.__version__
    return versions
