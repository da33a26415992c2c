"""The tables of the artefact, made from what the stages found."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from sparft_verl.artefact import (
    ITEMS_COLUMNS,
    REFERENCE_COLUMNS,
    ROLLOUT_COLUMNS,
    SELECTION_COLUMNS,
    TEXT_HEAD,
)
from sparft_verl.prepare.cluster import Arms
from sparft_verl.prepare.difficulty import Difficulty
from sparft_verl.prepare.read import Prompts

_FEATURE = {pa.string(): "string", pa.int32(): "int32", pa.int64(): "int64", pa.float64(): "float64"}


def selection_table(prompts: Prompts, level: Difficulty, arms: Arms, rows: np.ndarray[Any, Any]) -> pa.Table:
    """Return the kept rows, all columns of the input and the sparft_* columns, arm by arm."""
    table = prompts.take(rows)
    columns = {**_common(prompts, level, arms, rows), **_references(level, rows)}
    kinds = {
        name: kind for name, kind in {**SELECTION_COLUMNS, **REFERENCE_COLUMNS}.items() if name in columns
    }
    for name, kind in kinds.items():
        table = table.append_column(name, pa.array(columns[name], type=kind))
    meta = (table.schema.metadata or {}).get(b"huggingface")
    if meta:
        # The data set library refuses a parquet whose declared features do not name every column.
        info = json.loads(meta)
        for name, kind in kinds.items():
            info["info"]["features"][name] = {"dtype": _FEATURE[kind], "_type": "Value"}
        table = table.replace_schema_metadata({"huggingface": json.dumps(info, sort_keys=True)})
    return table.combine_chunks()


def items_table(prompts: Prompts, level: Difficulty, arms: Arms, rows: np.ndarray[Any, Any]) -> pa.Table:
    """Return one row per prompt that cleaning left, in input order."""
    every = np.arange(len(prompts))
    columns = {**_common(prompts, level, arms, every), **_references(level, every)}
    columns["sparft_source"] = prompts.source
    columns["sparft_text"] = [text[:TEXT_HEAD] for text in prompts.text]
    columns["sparft_difficulty_missing"] = level.missing
    columns["sparft_selected"] = np.isin(every, rows)
    if level.solve_rate is not None:
        found = (level.solve_rate, level.low, level.high, level.rollouts)
        columns |= dict(zip(ROLLOUT_COLUMNS, found, strict=True))
    kinds = {**ITEMS_COLUMNS, **ROLLOUT_COLUMNS, **REFERENCE_COLUMNS}
    return pa.table(
        {
            name: pa.array(columns[name], type=kind, from_pandas=name in ROLLOUT_COLUMNS)
            for name, kind in kinds.items()
            if name in columns
        }
    )


def _common(prompts: Prompts, level: Difficulty, arms: Arms, rows: np.ndarray[Any, Any]) -> dict[str, Any]:
    return {
        "sparft_key": [prompts.keys[i] for i in rows],
        "sparft_occurrence": prompts.occurrence[rows],
        "sparft_arm": arms.label[rows],
        "sparft_difficulty": level.value[rows],
        "sparft_row": prompts.origin[rows],
    }


def _references(level: Difficulty, rows: np.ndarray[Any, Any]) -> dict[str, Any]:
    if level.references is None:
        return {}
    return {name: level.references[rows, side] for side, name in enumerate(REFERENCE_COLUMNS)}


def arm_table(
    source: Sequence[str], level: Difficulty, arms: Arms, rows: np.ndarray[Any, Any]
) -> list[dict[str, Any]]:
    """Return per arm: name, size, selected, mean_difficulty, most frequent source and its share."""
    kept = np.bincount(arms.label[rows], minlength=len(arms.names))
    table = []
    for k, name in enumerate(arms.names):
        members = np.flatnonzero(arms.label == k)
        most, count = Counter(source[i] for i in members.tolist()).most_common(1)[0]
        table.append(
            {
                "name": name,
                "size": len(members),
                "selected": int(kept[k]),
                "mean_difficulty": float(level.value[members].mean()),
                "source": most,
                "source_share": count / len(members),
            }
        )
    return table


def summary(arms: list[dict[str, Any]], difficulty_known: bool) -> str:
    """Return the arm table as text for a terminal."""
    width = max(4, *(len(str(a["name"])) for a in arms))
    lines = [f"{'arm':<{width}}  {'rows':>7}  {'kept':>5}  {'difficulty':>10}  most frequent source"]
    for a in arms:
        level = f"{a['mean_difficulty']:.2f}" if difficulty_known else "-"
        source = f"{a['source']} ({a['source_share']:.0%})"
        lines.append(f"{a['name']:<{width}}  {a['size']:>7}  {a['selected']:>5}  {level:>10}  {source}")
    return "\n".join(lines)
