"""Stage 1: the prompts of all inputs in verl's format, with the identity of every row."""

from __future__ import annotations

import json
import shutil
import tempfile
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from sparft_verl.identity import occurrences
from sparft_verl.prepare.cache import Cache
from sparft_verl.prepare.errors import PrepareError, require
from sparft_verl.prepare.sources.config import DataConfig, DataFile
from sparft_verl.prepare.sources.files import open_inputs
from sparft_verl.prepare.sources.identify import message_text
from sparft_verl.prepare.sources.part import Part, load
from sparft_verl.prepare.sources.prompts import Prompts, Texts
from sparft_verl.prepare.sources.rows import Rows
from sparft_verl.prepare.sources.schema import cast, unify

__all__ = ["DataConfig", "DataFile", "Prompts", "message_text", "read"]


def read(config: DataConfig, cache: Cache) -> Prompts:
    """Return the rows of all inputs, in order, in verl's format.

    The rows lie on the disk as memory-mapped Arrow: in the cache, where the next run finds them, or without one
    in a temporary folder that goes with the Prompts. Raises PrepareError naming file, row and column.
    """
    folder = _Folder()
    parts = [
        load(opened, spec, config.prompt_key, cache, folder.path)
        for spec in config.inputs()
        for opened in open_inputs(spec)
    ]
    keys = [key for part in parts for key in part.keys]
    where = ", ".join(part.name for part in parts)
    require(len(keys) > 0, "the data must hold at least one row", "0 rows", f"check {where}")
    schema = unify([named for part in parts for named in part.schemas()])
    _check_exact(parts, schema)
    rows = Rows([b for part in parts for b in part.batches], _declared(parts, schema), folder)
    notes = [note for part in parts for note in part.notes]
    occurrence = np.asarray(occurrences(keys), dtype=np.int64)
    if copies := int((occurrence > 0).sum()):
        notes.append(f"{copies} of {len(keys)} rows repeat the content of an earlier row")
    return Prompts(
        rows=rows,
        keys=keys,
        occurrence=occurrence,
        source=[name for part in parts for name in part.source],
        text=Texts(rows, config.prompt_key, None),
        origin=np.arange(len(keys), dtype=np.int64),
        prompt_key=config.prompt_key,
        inputs=[part.described for part in parts],
        notes=notes,
    )


class _Folder:
    """A temporary folder that is removed when its last user is gone."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="sparft-rows-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


def _check_exact(parts: Sequence[Part], schema: Any) -> None:
    """Raise PrepareError where an integer of one file has no exact float, which another file asks for."""
    for part in parts:
        for batch in part.batches:
            names = [f.name for f in batch.schema if f.type != schema.field(f.name).type]
            for name in names:
                try:
                    cast(pa.table({name: batch.column(name)}), pa.schema([schema.field(name)]))
                except pa.ArrowInvalid as e:
                    raise PrepareError(
                        f"train files must have columns of like types, but column {name!r} of {part.name!r} holds "
                        f"integers that are no exact floats, which another file has there ({e}); write them as text"
                    ) from e


def _declared(parts: Sequence[Part], schema: Any) -> Any:
    """Return the schema with the column types (images, classes) that the inputs declare, if all agree.

    Other metadata goes: pandas' would bring its index back.
    """
    features: dict[str, Any] = {}
    for part in parts:
        if any(features.setdefault(name, spec) != spec for name, spec in part.features.items()):
            return schema
    if set(features) != set(schema.names):
        return schema
    # in the schema's order: the data set library takes the features' order for the columns'
    declared = {"info": {"features": {name: features[name] for name in schema.names}}}
    return schema.with_metadata({"huggingface": json.dumps(declared)})
