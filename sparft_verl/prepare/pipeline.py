"""Stage A from end to end: prompts in, curriculum artefact out."""

from __future__ import annotations

import importlib
import platform
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa

import sparft_verl
from sparft_verl.artefact import Artefact, check_replaceable, write_artefact
from sparft_verl.prepare import page
from sparft_verl.prepare import threads as thread_pools
from sparft_verl.prepare.cluster import Arms, cluster, given_arms
from sparft_verl.prepare.config import PrepareConfig
from sparft_verl.prepare.embed import Embedded
from sparft_verl.prepare.engine import make_workers
from sparft_verl.prepare.features import Features, features
from sparft_verl.prepare.progress import Progress
from sparft_verl.prepare.selection import select
from sparft_verl.prepare.stages import Kept, check_sizes, embed_kept, given, measure, read_and_clean
from sparft_verl.prepare.tables import arm_table, items_table, selection_table


def run(config: PrepareConfig) -> Artefact:
    """Return the artefact written to `config.out`; its page stands beside it unless config.report is false.

    Raises PrepareError (input, settings) or ArtefactError (the folder). Nothing but the cache is written before
    all stages are done. On one machine, equal input, settings and engines give byte-identical data files,
    whatever the number of threads and workers, and whatever the cache held.
    """
    config.check()
    check_replaceable(config.out)  # before minutes are spent on embedding
    if config.report:
        page.check(config.out)
    progress = Progress()
    pool = config.threads or thread_pools.available()
    inner = config.engine.threads(pool)
    cache, workers = config.open_cache(), make_workers(config.engine)
    kept = read_and_clean(config, cache, pool, progress)
    kept = measure(kept, config, cache, workers, inner, progress)
    check_sizes(config, len(kept.prompts), given(kept, config))
    kept, embedded = embed_kept(kept, config, cache, workers, pool, inner, progress)
    values = given(kept, config)
    check_sizes(config, len(kept.prompts), values)
    space = _features(kept, embedded, config, pool, progress)
    arms = _arms(kept, values, space, config, pool, progress)
    rows = _select(kept, space, arms, config, pool, progress)
    artefact = _write(config, kept, embedded, space, arms, rows, progress, pool)
    if config.report:
        page.write(artefact, config.out)
    return artefact


def _features(
    kept: Kept, embedded: Embedded, config: PrepareConfig, threads: int, progress: Progress
) -> Features:
    with progress.stage("features") as cost:
        space = features(embedded.vectors, kept.known.value, config.features, threads=threads)
        cost.items = len(kept.prompts)
    progress.say(
        f"features: {space.dim} components hold {space.explained:.0%} of the variance, plus difficulty"
    )
    progress.note(space.notes)
    return space


def _arms(
    kept: Kept,
    values: list[Any] | None,
    space: Features,
    config: PrepareConfig,
    threads: int,
    progress: Progress,
) -> Arms:
    level = kept.known.value
    progress.say("cluster")
    with progress.stage("cluster") as cost:
        if values is not None:
            arms = given_arms(values, level, str(config.cluster.column))
        else:
            most = config.select.total(len(kept.prompts))
            arms = cluster(space.matrix, level, config.cluster, seed=config.seed, threads=threads, most=most)
        cost.items = len(kept.prompts)
    progress.note(arms.notes)
    return arms


def _select(
    kept: Kept, space: Features, arms: Arms, config: PrepareConfig, threads: int, progress: Progress
) -> np.ndarray[Any, Any]:
    with progress.stage("select") as cost:
        rows = select(
            space.matrix,
            arms.label,
            len(arms.names),
            kept.known.value,
            config.select,
            seed=config.seed,
            threads=threads,
        )
        cost.items = len(rows)
    budget, n = config.select.budget, len(kept.prompts)
    if isinstance(budget, int) and budget > n:
        progress.note([f"select.budget={budget} exceeds the {n} rows: all are kept"])
    progress.say(f"{len(arms.names)} arms by {arms.engine}, {len(rows)} rows kept")
    return rows


def _write(
    config: PrepareConfig,
    kept: Kept,
    embedded: Embedded,
    space: Features,
    arms: Arms,
    rows: np.ndarray[Any, Any],
    progress: Progress,
    threads: int,
) -> Artefact:
    prompts, level = kept.prompts, kept.known
    progress.say("write")
    with progress.stage("tables") as cost:
        tables = {
            "selection": selection_table(prompts, level, arms, rows),
            "items": items_table(prompts, level, arms, rows),
            "removed": kept.removed.table(kept.whole),
        }
        cost.items = len(kept.whole)
    return write_artefact(
        config.out,
        **tables,
        embeddings=embedded.vectors,
        embeddings_format=config.embeddings,
        features=space.matrix,
        arms=arm_table(prompts.source, level, arms, rows),
        parameters={**asdict(config), "resolved": _resolved(kept, embedded, space, arms, threads)},
        difficulty_known=level.known,
        versions=_versions(arms.engine, embedded.versions),
        inputs=prompts.inputs,
        counts={
            "input": len(kept.whole),
            "duplicates": int((kept.whole.occurrence > 0).sum()),
            "difficulty_missing": int(level.missing.sum()),
            "removed_by_reason": dict(Counter(kept.removed.reason)),
        },
        ledger=progress.ledger(),
        notes=progress.notes,
    )


def _resolved(kept: Kept, embedded: Embedded, space: Features, arms: Arms, threads: int) -> dict[str, Any]:
    """Return what the settings came to: engines and devices really used, dimensions, measures of the arms."""
    return {
        "embedder": embedded.described,
        "difficulty": kept.known.described,
        "engine": arms.engine,
        "device": arms.device,
        "k": len(arms.names),
        "quality": arms.quality,
        "pca_dim": space.dim,
        "pca_explained": space.explained,
        "threads": threads,
    }


def _versions(engine: str, embedder: Mapping[str, str]) -> dict[str, str]:
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
