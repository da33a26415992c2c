"""What an artefact is made of: file names, columns, and the checks that reading and writing share."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from sparft_verl.identity import ArtefactError

FORMAT = "sparft-artefact"
SCHEMA_VERSION = 2
MANIFEST = "manifest.json"
SELECTION = "selection.parquet"
ITEMS = "items.parquet"
REMOVED = "removed.parquet"
FEATURES = "features.npy"
EMBEDDINGS = {"npy": "embeddings.npy", "safetensors": "embeddings.safetensors"}
TENSOR = "embeddings"
"""Name of the one tensor in embeddings.safetensors."""
DATA_FILES = (SELECTION, ITEMS, REMOVED, EMBEDDINGS["npy"], FEATURES)
"""What an artefact holds beside its manifest, unless its embeddings are kept as safetensors."""
OWN_FILES = frozenset({MANIFEST, SELECTION, ITEMS, REMOVED, FEATURES, *EMBEDDINGS.values()})

_COMMON = {
    "sparft_key": pa.string(),
    "sparft_occurrence": pa.int64(),
    "sparft_arm": pa.int32(),
    "sparft_difficulty": pa.float64(),
    "sparft_row": pa.int64(),
}
SELECTION_COLUMNS = dict(_COMMON)
"""Added to verl's own columns. sparft_row is the row's number in the input, over all its files in order."""
ITEMS_COLUMNS = {
    **_COMMON,
    "sparft_source": pa.string(),
    "sparft_text": pa.string(),
    "sparft_difficulty_missing": pa.bool_(),
    "sparft_selected": pa.bool_(),
}
"""sparft_text is the head of the prompt's text, TEXT_HEAD characters, for people who look at the table."""
TEXT_HEAD = 200
ROLLOUT_COLUMNS = {
    "sparft_solve_rate": pa.float64(),
    "sparft_solve_low": pa.float64(),
    "sparft_solve_high": pa.float64(),
    "sparft_rollouts": pa.int64(),
}
"""In items where a reference model was asked: its solve rate, 95 % Wilson interval, number of responses."""
REFERENCE_COLUMNS = {"sparft_reference_weak": pa.float64(), "sparft_reference_strong": pa.float64()}
"""In selection and items where they are known: pass rates of a weaker and a stronger reference."""
REMOVED_COLUMNS = {
    "sparft_row": pa.int64(),
    "sparft_key": pa.string(),
    "sparft_occurrence": pa.int64(),
    "sparft_source": pa.string(),
    "sparft_reason": pa.string(),
    "sparft_detail": pa.string(),
    "sparft_other": pa.int64(),
    "sparft_similarity": pa.float64(),
    "sparft_text": pa.string(),
}
"""sparft_other is the input row that was kept instead, -1 where there is none."""


def check_columns(
    schema: pa.Schema, wanted: Mapping[str, pa.DataType], where: object, *, optional: bool = False
) -> None:
    """Raise ArtefactError unless every wanted column is there with its type; `optional` ones may be absent."""
    for name, kind in wanted.items():
        if name not in schema.names:
            if optional:
                continue
            raise ArtefactError(
                f"{where} must have column {name!r}, found {schema.names}; run `sparft prepare` again"
            )
        if schema.field(name).type != kind:
            raise ArtefactError(
                f"column {name!r} of {where} must be {kind}, found {schema.field(name).type}; "
                "run `sparft prepare` again"
            )


def check_tables(selection: pa.Schema, items: pa.Schema, removed: pa.Schema, where: object) -> None:
    """Raise ArtefactError unless the three tables have the columns of the schema."""
    check_columns(selection, SELECTION_COLUMNS, f"{where}{SELECTION}")
    check_columns(selection, REFERENCE_COLUMNS, f"{where}{SELECTION}", optional=True)
    check_columns(items, ITEMS_COLUMNS, f"{where}{ITEMS}")
    check_columns(items, {**ROLLOUT_COLUMNS, **REFERENCE_COLUMNS}, f"{where}{ITEMS}", optional=True)
    check_columns(removed, REMOVED_COLUMNS, f"{where}{REMOVED}")


def check_arms(arm: np.ndarray[Any, Any], arms: int, where: object) -> None:
    """Raise ArtefactError unless there is a row, and the arm of every row is one of the `arms`."""
    if len(arm) == 0:
        raise ArtefactError(
            f"{where} must hold a selected row, found 0; run `sparft prepare` with select.budget >= 1"
        )
    if arm.min() < 0 or arm.max() >= arms:
        raise ArtefactError(
            f"sparft_arm in {where} must lie in 0..{arms - 1}, found {arm.min()}..{arm.max()}; "
            "run `sparft prepare` again"
        )


def sha256_file(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file as 64 hex characters."""
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()
