"""Parquet, JSON and data sets of the `datasets` library behind one face: Arrow batches, or rows as dicts."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from sparft_verl.artefact import sha256_file
from sparft_verl.prepare.errors import PrepareError, require
from sparft_verl.prepare.sources.arrays import to_batch
from sparft_verl.prepare.sources.config import HUB, DataFile
from sparft_verl.prepare.sources.json_rows import read_json

_BATCH_ROWS = 4096
_BATCH_BYTES = 1 << 25


class Opened(Protocol):
    """One input, opened."""

    name: str
    """As the user gave it, for messages."""
    columns: Sequence[str] | None
    """Its columns; None where only reading tells (JSON)."""
    features: dict[str, Any]
    """Column types as the data set library declares them (images, classes); {} where it does not."""

    def describe(self) -> dict[str, Any]:
        """Return what the manifest says: path, format, sha256 and more; equal content gives equal sha256."""

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[Any]:
        """Yield RecordBatches of bounded size, of all columns or of those given."""

    def rows(self, columns: Sequence[str]) -> Iterator[list[dict[str, Any]]]:
        """Yield the rows as dicts that hold at least the given columns, where the input has them."""


class _Arrow:
    """What inputs with an Arrow schema share."""

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[Any]:
        raise NotImplementedError

    def rows(self, columns: Sequence[str]) -> Iterator[list[dict[str, Any]]]:
        """Yield the rows of each batch as dicts."""
        for batch in self.batches(columns):
            yield batch.to_pylist()


class Parquet(_Arrow):
    """A parquet file, read a batch at a time."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._path = path
        try:
            self._file = pq.ParquetFile(path)
        except (pa.ArrowException, OSError) as e:
            raise _unreadable(self.name, e) from e
        schema = self._file.schema_arrow
        self.columns: Sequence[str] | None = schema.names
        raw = (schema.metadata or {}).get(b"huggingface")
        self.features: dict[str, Any] = json.loads(raw).get("info", {}).get("features", {}) if raw else {}

    def describe(self) -> dict[str, Any]:
        """Return path, format and sha256 of the file."""
        return {"path": self.name, "format": "parquet", "sha256": sha256_file(self._path)}

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[Any]:
        """Yield batches of some 32 MB, by the row size that the file's own footer states."""
        meta = self._file.metadata
        groups = [meta.row_group(i) for i in range(meta.num_row_groups)]
        widest = max((g.total_byte_size / g.num_rows for g in groups if g.num_rows), default=1.0)
        size = int(min(_BATCH_ROWS, max(16, _BATCH_BYTES / max(widest, 1.0))))
        try:
            yield from self._file.iter_batches(size, columns=None if columns is None else list(columns))
        except (pa.ArrowException, OSError) as e:
            raise _unreadable(self.name, e) from e


def _unreadable(name: str, error: Exception) -> PrepareError:
    return PrepareError(
        f"data.train_files must be readable parquet, but {name!r} is not ({error}); write it anew as parquet"
    )


class Json:
    """JSON lines or an array of objects, compressed or not."""

    columns: Sequence[str] | None = None

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._path = path
        self.features: dict[str, Any] = {}

    def describe(self) -> dict[str, Any]:
        """Return path, format and sha256 of the file."""
        return {"path": self.name, "format": "json", "sha256": sha256_file(self._path)}

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[Any]:
        """Yield batches whose schemas follow the rows in each."""
        first = 0
        for rows in read_json(self._path):
            yield to_batch(rows, self.name, first)
            first += len(rows)

    def rows(self, columns: Sequence[str]) -> Iterator[list[dict[str, Any]]]:
        """Yield the rows as they are in the file, in batches."""
        yield from read_json(self._path)


class Hub(_Arrow):
    """A data set of the `datasets` library, by hub name or as saved to a folder; memory-mapped by it."""

    def __init__(self, spec: DataFile, saved: bool) -> None:
        self._spec, self._saved = spec, saved
        self.name = spec.path
        self._data = _load_saved(spec) if saved else _load_hub(spec)
        self.columns: Sequence[str] | None = self._data.column_names
        self.features: dict[str, Any] = self._data.features.to_dict()

    def describe(self) -> dict[str, Any]:
        """Return name, subset, split, the commit where the hub gave one, and a sha256 over the Arrow files."""
        whole = hashlib.sha256()
        for entry in self._data.cache_files:
            whole.update(sha256_file(entry["filename"]).encode())
        # the files alone do not tell a slice or a selection of them
        whole.update(f"{self._spec.split} {len(self._data)}".encode())
        if (indices := getattr(self._data, "_indices", None)) is not None:
            whole.update(indices.column(0).to_numpy().tobytes())
        commits = sorted(
            {
                found[1]
                for url in self._data.info.download_checksums or {}
                if (found := re.search(r"@([0-9a-f]{40})", url))
            }
        )
        return {
            "path": self.name,
            "format": "saved" if self._saved else "hub",
            "revision": commits[0] if commits else self._spec.revision,
            "subset": self._spec.subset,
            "split": self._spec.split,
            "sha256": whole.hexdigest(),
        }

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[Any]:
        """Yield batches of 4096 rows."""
        data = self._data if columns is None else self._data.select_columns(list(columns))
        for table in data.with_format("arrow").iter(batch_size=_BATCH_ROWS):
            yield from table.replace_schema_metadata(None).combine_chunks().to_batches()


def _load_hub(spec: DataFile) -> Any:
    try:
        from datasets import load_dataset
    except ImportError as e:
        raise PrepareError(
            f"{spec.path} needs the package datasets, which is not installed; pip install datasets"
        ) from e
    name = spec.path.removeprefix(HUB)
    try:
        return load_dataset(name, spec.subset, split=spec.split, revision=spec.revision)
    except Exception as e:  # the library raises a dozen types of its own and of its storage back ends
        raise PrepareError(
            f"data set {name!r} (subset {spec.subset}, split {spec.split}, revision {spec.revision}) must be loadable, "
            f"but it is not ({type(e).__name__}: {str(e).strip().splitlines()[0] if str(e).strip() else ''}); "
            "check name, subset and split, the network or HF_HOME, or give a file"
        ) from e


def _load_saved(spec: DataFile) -> Any:
    try:
        from datasets import DatasetDict, load_from_disk
    except ImportError as e:
        raise PrepareError(
            f"{spec.path} was saved by the package datasets, which is not installed; pip install datasets"
        ) from e
    try:
        found = load_from_disk(spec.path)
    except (OSError, ValueError) as e:
        raise PrepareError(
            f"saved data set {spec.path!r} must be readable, but is not ({e}); save it anew"
        ) from e
    if not isinstance(found, DatasetDict):
        return found
    require(
        spec.split in found,
        f"data.files[].split must be one of {spec.path!r}",
        f"{spec.split!r} beside {sorted(found)}",
        "set split",
    )
    return found[spec.split]
