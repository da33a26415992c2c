"""Whether arms mean something: against known families and against difficulty, for several weights of difficulty."""

import ast
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq

from sparft_verl.prepare.cache import Cache
from sparft_verl.prepare.cluster import ClusterConfig, cluster
from sparft_verl.prepare.difficulty_scale import quantile
from sparft_verl.prepare.embed import EmbedConfig, embed
from sparft_verl.prepare.features import FeaturesConfig, features
from sparft_verl.prepare.quality import agreement, eta_squared
from sparft_verl.prepare.workers import LocalWorkers

WEIGHTS = (0.0, 0.5, 1.0, 2.0)


class Labelled(NamedTuple):
    """Prompts with the family each belongs to and a difficulty in [0, 1]."""

    text: list[str]
    family: list[str]
    level: Any


def reasoning_gym(rows: int) -> Labelled:
    """Return so many tasks of the demo's seven families, whose levels are their difficulty."""
    from recipes.tiny_cpu.tasks import build

    made = build(rows, 1, seed=1, progress=False)["train"]
    extra = [row["extra_info"] for row in made]
    return Labelled(
        [row["prompt"][0]["content"] for row in made],
        [entry["family"] for entry in extra],
        np.array([entry["difficulty"] for entry in extra]),
    )


def mathematics(folder: Path, most: int) -> Labelled:
    """Return MATH's training problems with their seven subjects; levels 1..5 are brought to [0, 1]."""
    entries = _spread(json.loads((folder / "math_train.json").read_text()), most)
    level = np.array([(entry["difficulty"] - 1) / 4 for entry in entries])
    return Labelled([e["problem"] for e in entries], [e["type"] for e in entries], level)


def real(folder: Path, most: int) -> Labelled:
    """Return prompts of five public sets, at most so many of each; the set is the family.

    Difficulty is the rank within the set of what it gives (MATH level, AIME difficulty, people on the island), and
    of the answer's length where it gives nothing (GSM8K); DeepScaleR gives nothing at all and lies in the middle.
    """
    gsm8k = _spread([json.loads(line) for line in (folder / "gsm8k_train.jsonl").open()], most)
    sets = {"gsm8k": ([e["question"] for e in gsm8k], [len(e["answer"]) for e in gsm8k])}
    for name in ("math", "aime"):
        entries = _spread(json.loads((folder / f"{name}_train.json").read_text()), most)
        sets[name] = ([e["problem"] for e in entries], [e["difficulty"] for e in entries])
    scaler = _spread(
        pq.read_table(folder / "deepscaler_10k.parquet", columns=["extra_info"]).to_pylist(), most
    )
    sets["deepscaler"] = ([e["extra_info"]["question"] for e in scaler], [0] * len(scaler))
    island = [json.loads(line) for n in (3, 5, 7) for line in (folder / f"kk_people{n}.jsonl").open()]
    island = _spread(island, most)
    people = [e["names"] if isinstance(e["names"], list) else ast.literal_eval(e["names"]) for e in island]
    sets["knights"] = ([e["quiz"] for e in island], [len(names) for names in people])
    return Labelled(
        [text for texts, _ in sets.values() for text in texts],
        [name for name, (texts, _) in sets.items() for _ in texts],
        np.concatenate([quantile(np.array(levels)) for _, levels in sets.values()]),
    )


def measure(name: str, data: Labelled, threads: int) -> list[dict[str, Any]]:
    """Return per weight w the agreement of as many arms as families with the families, and difficulty's share."""
    vectors = embed(
        EmbedConfig(engine="lexical"),
        data.text,
        cache=Cache(None),
        workers=LocalWorkers(),
        seed=0,
        threads=threads,
    ).vectors
    k = len(set(data.family))
    table = []
    for weight in WEIGHTS:
        space = features(vectors, data.level, FeaturesConfig(difficulty_weight=weight), threads=threads)
        arms = cluster(space.matrix, data.level, ClusterConfig(k=k), seed=0, threads=threads)
        table.append(
            {
                "data": name,
                "rows": len(data.text),
                "k": k,
                "weight": weight,
                "ari": agreement(arms.label, data.family),
                "eta_squared": eta_squared(arms.label, data.level),
            }
        )
    return table


def _spread(entries: list[Any], most: int) -> list[Any]:
    """Return at most so many, from the whole list: the public files are sorted by subject."""
    return entries[:: max(1, -(-len(entries) // most))]
