"""Seconds of every stage: at one size through `sparft prepare` itself, and the three of arithmetic at many sizes."""

import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.prepare.clouds import write_embeddings, write_prompts
from sparft_verl.prepare import from_dotlist, run
from sparft_verl.prepare.cluster import ClusterConfig, cluster
from sparft_verl.prepare.features import FeaturesConfig, features
from sparft_verl.prepare.selection import SelectConfig, select

THREADS = 2
LIMIT = 5.0
"""Seconds that features, cluster, select, tables and write may take together at 40 000 x 1024."""
COUNTED = ("features", "cluster", "select", "tables", "write")


def pipeline(rows: int, dim: int) -> list[dict[str, Any]]:
    """Return the ledger of a run with given embeddings at k=10, then with auto-K and near duplicates.

    `seconds_counted` is what the limit speaks of; reading, cleaning and auto-K stand apart.
    """
    with tempfile.TemporaryDirectory(prefix="bench-prepare-") as folder:
        write_embeddings(Path(folder, "x.npy"), rows, dim)
        write_prompts(Path(folder, "p.jsonl"), rows)
        base = [
            f"data.train_files={folder}/p.jsonl",
            f"embed.file={folder}/x.npy",
            *("embed.engine=npy", "difficulty.column=extra_info.difficulty", "cache=null", "report=false"),
            f"threads={THREADS}",
        ]
        return [
            _once([*base, f"out={folder}/fixed", "cluster.k=10"], "k=10"),
            _once(
                [*base, f"out={folder}/auto", "cluster.k=auto", "clean.near=true"], "k=auto, near duplicates"
            ),
        ]


def _once(settings: list[str], name: str) -> dict[str, Any]:
    start, cpu = time.perf_counter(), time.process_time()
    artefact = run(from_dotlist(settings))
    whole, cpu = time.perf_counter() - start, time.process_time() - cpu
    ledger = {stage: cost["seconds"] for stage, cost in artefact.manifest["ledger"].items()}
    # Writing is what remains: the manifest is closed before it is done.
    ledger["write"] = whole - sum(ledger.values())
    return {
        "case": name,
        "rows": artefact.manifest["counts"]["input"],
        "seconds": ledger,
        "seconds_whole": whole,
        "cpu_seconds_whole": cpu,
        "seconds_counted": sum(ledger[stage] for stage in COUNTED),
        "stability": artefact.manifest["parameters"]["resolved"]["quality"].get("stability"),
    }


def curve(sizes: tuple[int, ...], dim: int, k: int) -> list[dict[str, Any]]:
    """Return one row per number of prompts: seconds of features, cluster and select at fixed k."""
    table = []
    for rows in sizes:
        with tempfile.TemporaryDirectory(prefix="bench-prepare-") as folder:
            x = write_embeddings(Path(folder, "x.npy"), rows, dim)
            level = np.random.Generator(np.random.Philox(1)).random(rows)
            begun, cpu = time.perf_counter(), time.process_time()
            space = features(x, level, FeaturesConfig(), threads=THREADS)
            made = time.perf_counter()
            arms = cluster(space.matrix, level, ClusterConfig(k=k), seed=0, threads=THREADS)
            grouped = time.perf_counter()
            select(space.matrix, arms.label, k, level, SelectConfig(10 * k), seed=0, threads=THREADS)
            done = time.perf_counter()
        table.append(
            {
                "rows": rows,
                "dim": dim,
                "k": k,
                "features": space.matrix.shape[1],
                "seconds": {"features": made - begun, "cluster": grouped - made, "select": done - grouped},
                "cpu_seconds": time.process_time() - cpu,
                "load": os.getloadavg()[0],
            }
        )
    return table
