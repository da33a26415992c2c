"""Which group a test item belongs to: its data source, a column of the test file, or the nearest cluster."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from recipes.evaluation.scores import CollectError
from sparft_verl.artefact import Artefact, read_artefact
from sparft_verl.report.families import Families

ALL = "all"


def by_column(test: Sequence[Path], column: str) -> dict[str, str]:
    """Return each test question's value of a column such as data_source or extra_info.level."""
    return dict(zip(_questions(test), (str(value) for value in _column(test, column)), strict=True))


def by_cluster(test: Sequence[Path], artefact: Path) -> dict[str, str]:
    """Return each test question's arm.

    Where arms are a column's values (`cluster.column`) it is the same column of the test file. Else it is the arm
    whose centre, the mean of its prompts' vectors at length 1, points most nearly the question's way: meaning
    alone, since nobody measured the difficulty of test items. The embedding is the artefact's own.
    """
    found = read_artefact(artefact)
    parameters = found.manifest["parameters"]
    if parameters["cluster"]["column"]:
        return by_column(test, parameters["cluster"]["column"])
    questions = _questions(test)
    centres = _centres(found)
    vectors = _unit(_embed(parameters, found.items["sparft_text"].to_pylist(), questions))
    nearest = np.argmax(vectors @ centres.T, axis=1)
    return {question: found.arm_names[arm] for question, arm in zip(questions, nearest, strict=True)}


def split(items: Sequence[str], groups: dict[str, str]) -> dict[str, list[str]]:
    """Return group to the items of runs in it, and `all`; an item is a question inside its chat template."""
    group_of = Families(groups, "the test file").locate(items)
    members: dict[str, list[str]] = {}
    for item in items:
        if item in group_of:
            members.setdefault(group_of[item], []).append(item)
    named = dict(sorted(members.items(), key=lambda pair: [_number(part) for part in pair[0].split()]))
    return named if len(named) == 1 else {**named, ALL: list(items)}


def _number(part: str) -> tuple[float, str]:
    return (float(part), "") if part.replace(".", "", 1).isdecimal() else (float("inf"), part)


def _centres(artefact: Artefact) -> np.ndarray[Any, Any]:
    arms = np.asarray(artefact.items["sparft_arm"].to_pylist())
    vectors = _unit(np.asarray(artefact.embeddings, dtype=np.float32))
    return _unit(np.stack([vectors[arms == arm].mean(axis=0) for arm in range(len(artefact.arm_names))]))


def _unit(vectors: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def _embed(parameters: dict[str, Any], texts: list[str], questions: list[str]) -> np.ndarray[Any, Any]:
    from sparft_verl.prepare.cache import Cache
    from sparft_verl.prepare.embed import EmbedConfig, embed_others
    from sparft_verl.prepare.workers import LocalWorkers

    config, once = EmbedConfig(**parameters["embed"]), Cache(None)
    vectors = embed_others(
        config, texts, questions, cache=once, workers=LocalWorkers(), seed=parameters["seed"], threads=1
    )
    return np.asarray(vectors, dtype=np.float32)


def _questions(test: Sequence[Path]) -> list[str]:
    """Return each row's last user message, which is what every chat template contains."""
    prompts = _column(test, "prompt")
    return [[message["content"] for message in prompt if message["role"] == "user"][-1] for prompt in prompts]


def _column(files: Sequence[Path], name: str) -> list[Any]:
    return [value for file in files for value in _column_of(file, name)]


def _column_of(test: Path, name: str) -> list[Any]:
    if not test.is_file():
        raise CollectError(
            f"--test must be the parquet that was data.val_files, but there is no {test}; correct it"
        )
    top, *inner = name.split(".")
    table = pq.read_table(test)
    if top not in table.column_names:
        raise CollectError(f"{test} has no column {top}; it has {', '.join(table.column_names)}")
    values = table[top].to_pylist()
    for key in inner:
        if any(key not in value for value in values):
            raise CollectError(f"{test}: {top} has no field {key}; it has {', '.join(values[0])}")
        values = [value[key] for value in values]
    return values
