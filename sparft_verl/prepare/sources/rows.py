"""Rows on disk: Arrow streams in one file per input, memory-mapped, so that data may exceed memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types as t

from sparft_verl.atomic import leftovers, written_aside
from sparft_verl.prepare.errors import PrepareError
from sparft_verl.prepare.sources.schema import cast, paths, plain

# Rows put together at a time; with prompts of 1 MB it stays below the 2 GiB of one Arrow array.
_CHUNK = 1024
_STALE_SECONDS = 24 * 3600
Rows64 = np.ndarray[Any, Any]


class Writer:
    """Writes batches of one input. Their schemas may differ: each change begins a new stream in the file."""

    def __init__(self, path: Path) -> None:
        self._sink = pa.OSFile(str(path), "wb")
        self._stream: Any = None
        self._schema: Any = None

    def add(self, batch: Any) -> Any:
        """Write one RecordBatch in types that parquet can hold, and return it as written."""
        columns = [plain(column) for column in batch.columns]
        batch = pa.RecordBatch.from_arrays(columns, names=batch.schema.names)
        if self._stream is None or not batch.schema.equals(self._schema):
            self._end()
            self._schema = batch.schema
            self._stream = pa.ipc.new_stream(self._sink, batch.schema)
        self._stream.write_batch(batch)
        return batch

    def _end(self) -> None:
        if self._stream is not None:
            self._stream.close()

    def close(self) -> None:
        """Finish the file."""
        self._end()
        self._sink.close()


@contextmanager
def written(path: Path, durable: bool) -> Iterator[Writer]:
    """Give a writer; the file is at `path` once all is written, and never half of it.

    `durable` waits for the disk, so that this holds after a power cut too.

    Raises PrepareError when the disk refuses.
    """
    try:
        _sweep(path)
        with written_aside(path, durable=durable) as aside, closing(Writer(aside)) as writer:
            yield writer
    except OSError as e:
        raise PrepareError(
            f"rows must be kept in {path.parent} while they are worked on, but the disk refused ({e}); "
            "free space, give another cache=FOLDER, or set TMPDIR where cache=null"
        ) from e


def _sweep(path: Path) -> None:
    """Remove what runs that were killed left beside `path`; another process may be writing the younger ones."""
    for left in leftovers(path):
        if time.time() - left.stat().st_mtime > _STALE_SECONDS:
            left.unlink(missing_ok=True)


def load_batches(path: Path) -> list[Any]:
    """Return the RecordBatches of a file that `Writer` wrote, memory-mapped. pa.ArrowInvalid if it is none."""
    batches: list[Any] = []
    if path.stat().st_size == 0:
        return batches
    with pa.memory_map(str(path)) as mapped:
        while mapped.tell() < mapped.size():
            batches += list(pa.ipc.open_stream(mapped))
    return batches


class Rows:
    """All N rows in input order under one schema. Nothing is in memory until it is asked for."""

    def __init__(self, batches: Sequence[Any], schema: Any, owner: Any = None) -> None:
        self.batches = list(batches)
        self.schema = schema
        # What deletes the files when the last reader is gone (a temporary folder).
        self._owner = owner
        ends = np.cumsum([b.num_rows for b in self.batches], dtype=np.int64)
        self._starts = np.concatenate([[0], ends])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def tables(self, schema: Any, pick: Callable[[Any], Any], rows: Rows64 | None = None) -> Iterator[Any]:
        """Yield tables of `schema`, in the order of `rows` (None: all rows).

        `pick` makes from a whole batch the table of what is wanted, without copying.
        """
        if rows is None:
            for batch in self.batches:
                yield cast(pick(batch), schema)
            return
        for begin in range(0, len(rows), _CHUNK):
            wanted = rows[begin : begin + _CHUNK]
            order = np.argsort(wanted, kind="stable")
            ascending = wanted[order]
            home = np.searchsorted(self._starts, ascending, side="right") - 1
            cuts = np.flatnonzero(np.diff(home)) + 1
            pieces = []
            for places in np.split(ascending, cuts):
                at = int(np.searchsorted(self._starts, places[0], side="right")) - 1
                local = places - self._starts[at]
                table = pick(self.batches[at])
                run = int(local[-1] - local[0]) + 1 == len(local) and bool((np.diff(local) == 1).all())
                pieces.append(
                    cast(table.slice(int(local[0]), len(local)) if run else table.take(local), schema)
                )
            whole = pa.concat_tables(pieces)
            if not np.array_equal(order, np.arange(len(order))):
                whole = whole.take(pa.array(np.argsort(order, kind="stable")))
            yield whole

    def take(self, rows: Rows64) -> Iterator[Any]:
        """Yield RecordBatches of all columns, together the given rows in the given order."""
        for table in self.tables(self.schema, lambda batch: pa.Table.from_batches([batch]), rows):
            yield from table.combine_chunks().to_batches()

    def column(self, path: str, option: str, rows: Rows64 | None = None) -> Iterator[Any]:
        """Yield ChunkedArrays of a column or dotted path. PrepareError naming what there is instead."""
        steps = resolve(self.schema, path)
        if steps is None:
            raise PrepareError(
                f"{option} must name a column or a field of one, "
                f"but {path!r} is not among {paths(self.schema)}; correct the name"
            )
        kind = self.schema.field(steps[0]).type
        for step in steps[1:]:
            kind = kind.field(step).type
        schema = pa.schema([("value", kind)])
        for table in self.tables(schema, lambda batch: _leaf(batch, steps), rows):
            yield table.column(0)

    def texts_of(self, column: str, rows: Rows64 | None = None) -> Iterator[Any]:
        """Yield the arrays of one top-level column, a batch at a time."""
        schema = pa.schema([self.schema.field(column)])
        for table in self.tables(schema, lambda batch: _leaf(batch, [column], column), rows):
            yield table.column(0).combine_chunks()


def resolve(schema: Any, path: str) -> list[str] | None:
    """Return the steps of a column name or a dotted path into structs, None when there is no such thing."""
    if path in schema.names:
        return [path]
    head, *rest = path.split(".")
    if path not in paths(schema) or head not in schema.names:
        return None
    return [head, *rest]


def _leaf(batch: Any, steps: Sequence[str], name: str = "value") -> Any:
    """Return the table of one leaf, without columns when this batch's input lacks it."""
    if steps[0] not in batch.schema.names:
        return pa.table({name: pa.nulls(batch.num_rows)})
    array = batch.column(steps[0])
    for step in steps[1:]:
        if not t.is_struct(array.type) or array.type.get_field_index(step) < 0:
            return pa.table({name: pa.nulls(batch.num_rows)})
        array = pc.struct_field(array, step)
    return pa.table({name: array})
