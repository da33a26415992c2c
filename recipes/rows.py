"""Rows in verl's format: made, counted, hashed, written, and checked again before a run."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Row = dict[str, Any]
HASHES = Path(__file__).with_name("hashes.toml")
RECORD = "data.json"
WRITERS = {"tiny_cpu": "recipes.tiny_cpu.tasks"}
"""Data scripts that are not data.py of the recipe's folder."""


class RecipeError(ValueError):
    """A recipe's data cannot be had or used as asked; the message names rule, value and fix."""


@dataclass(frozen=True)
class Known:
    """How many rows a split has and what they hash to."""

    rows: int
    sha256: str | None
    """None where nobody has computed it yet."""
    inferred: bool = False
    """Whether it was computed from other rows that should be the same, the source itself not being reached."""


def row(
    source: str,
    ability: str,
    prompt: str,
    question: str,
    truth: str,
    split: str,
    index: int,
    **extra: Any,
) -> Row:
    """Return one row; `extra` goes into extra_info beside index, split and the question without instructions."""
    return {
        "data_source": source,
        "prompt": [{"role": "user", "content": prompt}],
        "ability": ability,
        "reward_model": {"style": "rule", "ground_truth": truth},
        "extra_info": {"index": index, "split": split, "question": question, **extra},
    }


def digest(rows: Sequence[Row]) -> str:
    """Return the SHA-256 of the rows as a multiset: neither their order nor their index counts."""
    return hashlib.sha256("".join(sorted(map(_row_digest, rows))).encode("ascii")).hexdigest()


def _row_digest(one: Row) -> str:
    info = {key: value for key, value in one["extra_info"].items() if key != "index"}
    text = json.dumps({**one, "extra_info": info}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def known(recipe: str, split: str, way: str) -> Known | None:
    """Return what hashes.toml says of a split that comes by this way, None when it says nothing."""
    entry = tomllib.loads(HASHES.read_text()).get(recipe, {}).get(split, {}).get(way)
    return None if entry is None else Known(entry["rows"], entry.get("sha256"), "inferred" in entry)


def write(
    out: Path, recipe: str, way: str, splits: Mapping[str, Sequence[Row]], *, cut: bool, any_hash: bool
) -> list[str]:
    """Write OUT/SPLIT.parquet and OUT/data.json; return a line per split that says how it was checked.

    `cut` rows (fewer or other ones than the recipe's own) have no expected hash. Raises RecipeError, before
    anything is written, for rows other than hashes.toml expects, unless `any_hash`.
    """
    statuses, lines = {}, []
    for split, rows in splits.items():
        sha256 = digest(rows)
        statuses[split] = "cut" if cut else _verdict(recipe, split, way, len(rows), sha256, any_hash)
        lines.append(f"{split}.parquet: {len(rows)} rows, sha256 {sha256} ({statuses[split]})")
    out.mkdir(parents=True, exist_ok=True)
    for split, rows in splits.items():
        pq.write_table(pa.Table.from_pylist(list(rows)), out / f"{split}.parquet")
    write_record(out, recipe, way, splits, statuses)
    return lines


def write_record(
    out: Path, recipe: str, way: str, splits: Mapping[str, Sequence[Row]], statuses: Mapping[str, str]
) -> None:
    """Write OUT/data.json: how many rows each split has, their hash, and how they were checked."""
    parts = {
        split: {"rows": len(rows), "sha256": digest(rows), "status": statuses[split]}
        for split, rows in splits.items()
    }
    record = {"recipe": recipe, "way": way, "splits": parts}
    (out / RECORD).write_text(json.dumps(record, indent=2) + "\n")


def _verdict(recipe: str, split: str, way: str, count: int, sha256: str, any_hash: bool) -> str:
    expected = known(recipe, split, way)
    if expected is None:
        return "not checked: nobody has computed a hash or counted the rows of this source"
    if expected.sha256 is None and expected.rows == count:
        return "the number of rows is as expected; nobody has computed a hash of this source"
    if (expected.rows, expected.sha256) == (count, sha256):
        return "as expected"
    if any_hash:
        return "other than expected, accepted by --any-hash"
    doubt = (
        " (computed from another copy: this source itself was never downloaded, so that the expectation may be wrong)"
        if expected.inferred
        else ""
    )
    raise RecipeError(
        f"the {split} rows of {recipe} must be {expected.rows} with sha256 {expected.sha256 or '(not known)'}{doubt}, "
        f"but found {count} with {sha256}; the source has changed, or a library that generates it: install the "
        "versions of pins.toml, or accept these rows by --any-hash and say so beside your results"
    )


def problems(recipe: str, folder: Path) -> list[str]:
    """Return what is wrong with the data of a recipe in a folder, empty when it is as its script wrote it."""
    fix = f"write it by `python -m {WRITERS.get(recipe, f'recipes.{recipe}.data')} --out {folder}`"
    if not (folder / RECORD).is_file():
        return [f"{recipe} needs its data, but there is no {RECORD} in {str(folder)!r}; {fix}"]
    record = json.loads((folder / RECORD).read_text())
    if record["recipe"] != recipe:
        return [f"{recipe} needs its own data, but {str(folder)!r} holds that of {record['recipe']}; {fix}"]
    found = []
    for split, said in record["splits"].items():
        path = folder / f"{split}.parquet"
        if not path.is_file():
            found.append(f"{recipe} needs {path.name}, but it is not in {str(folder)!r}; {fix}")
            continue
        sha256 = digest(pq.read_table(path).to_pylist())
        if sha256 != said["sha256"]:
            found.append(
                f"{path.name} must hash to {said['sha256']}, but found {sha256}: it was edited; {fix}"
            )
    return found
