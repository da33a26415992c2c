"""Stage 1: prompts in verl's parquet format, with the identity of every row."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sparft_verl.identity import content_hash, occurrences
from sparft_verl.prepare.errors import PrepareError, require

OWN_PREFIX = "sparft_"
_CHUNK = 1000


@dataclass
class DataConfig:
    """Which rows stage A reads. The names are verl's own."""

    train_files: Any = "???"
    """One parquet file or a list of them in verl's format: prompt, data_source, reward_model.ground_truth."""
    prompt_key: str = "prompt"
    """Column that holds the chat messages."""

    def __post_init__(self) -> None:
        require(bool(self.prompt_key), "data.prompt_key must name a column", repr(self.prompt_key), "set it")

    def files(self) -> list[str]:
        """Return the paths as a list; PrepareError when there is none or one is no path."""
        given = [self.train_files] if isinstance(self.train_files, str) else list(self.train_files or [])
        ok = bool(given) and all(isinstance(f, str) and f and f != "???" for f in given)
        require(
            ok,
            "data.train_files must name one parquet file or a list of them",
            repr(self.train_files),
            "give data.train_files=train.parquet or data.train_files=[a.parquet,b.parquet]",
        )
        return given


@dataclass(frozen=True)
class Prompts:
    """N input rows: the table as read, and per row its key, occurrence, data source and text to embed."""

    table: pa.Table
    keys: list[str]
    occurrence: np.ndarray[Any, Any]
    source: list[str]
    text: list[str]
    inputs: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.keys)


def read(config: DataConfig) -> Prompts:
    """Return the rows of all files, in order. Raises PrepareError naming file and column."""
    from sparft_verl.artefact import sha256_file

    tables, inputs = [], []
    for name in config.files():
        table = _read_file(name, config.prompt_key)
        tables.append(table)
        inputs.append({"path": name, "sha256": sha256_file(name), "rows": table.num_rows})
    notes = []
    table = _concatenate(tables, [str(entry["path"]) for entry in inputs])
    if own := [c for c in table.column_names if c.startswith(OWN_PREFIX)]:
        # An artefact's own parquet as input: its columns describe another selection.
        table = table.drop_columns(own)
        notes.append(f"columns {own} of the input come from an earlier artefact and were dropped")
    where = ", ".join(str(entry["path"]) for entry in inputs)
    require(table.num_rows > 0, "data.train_files must hold at least one row", "0 rows", f"check {where}")
    keys, sources, texts = _identify(table, config.prompt_key, where)
    occurrence = np.asarray(occurrences(keys), dtype=np.int64)
    if copies := int((occurrence > 0).sum()):
        notes.append(f"{copies} of {len(keys)} rows repeat the content of an earlier row")
    if empty := sum(not text.strip() for text in texts):
        notes.append(f"{empty} of {len(keys)} prompts hold no text")
    return Prompts(table, keys, occurrence, sources, texts, inputs, notes)


def _read_file(name: str, prompt_key: str) -> pa.Table:
    require(Path(name).is_file(), "data.train_files must exist", f"no file {name!r}", "check the path")
    try:
        table = pq.ParquetFile(name).read()
    except (pa.ArrowException, OSError) as e:
        raise PrepareError(
            f"data.train_files must be readable parquet, but {name!r} is not ({e}); write it anew as parquet"
        ) from e
    for column in (prompt_key, "data_source"):
        require(
            column in table.column_names,
            f"every train file must have column {column!r}",
            f"{table.column_names} in {name!r}",
            "add the column" + (" or set data.prompt_key" if column == prompt_key else ""),
        )
    return table


def _concatenate(tables: Sequence[pa.Table], names: Sequence[str]) -> pa.Table:
    features: dict[str, Any] = {}
    for table in tables:
        raw = (table.schema.metadata or {}).get(b"huggingface")
        features.update(json.loads(raw).get("info", {}).get("features", {}) if raw else {})
    whole = tables[0].replace_schema_metadata(None)
    for table, name in zip(tables[1:], names[1:], strict=True):
        try:
            whole = pa.concat_tables(
                [whole, table.replace_schema_metadata(None)], promote_options="permissive"
            )
        except pa.ArrowException as e:
            raise PrepareError(
                f"train files must have columns of like types, "
                f"but {name!r} clashes with those before it ({e}); "
                "cast the column, or prepare the files apart"
            ) from e
    # pandas' metadata would bring its index back; the data set features (images, classes) are worth keeping.
    kept = {
        name: spec
        for name, spec in features.items()
        if name in whole.column_names and not name.startswith(OWN_PREFIX)
    }
    if kept and len(tables) == 1:
        meta = {"huggingface": json.dumps({"info": {"features": kept}}, sort_keys=True)}
        whole = whole.replace_schema_metadata(meta)
    return whole


def _identify(table: pa.Table, prompt_key: str, where: str) -> tuple[list[str], list[str], list[str]]:
    columns = [c for c in (prompt_key, "data_source", "reward_model") if c in table.column_names]
    keys: list[str] = []
    sources: list[str] = []
    texts: list[str] = []
    try:
        for batch in table.select(columns).to_batches(max_chunksize=_CHUNK):
            for row in batch.to_pylist():
                texts.append(message_text(row[prompt_key], len(texts), prompt_key))
                reward_model = row.get("reward_model")
                truth = reward_model.get("ground_truth") if isinstance(reward_model, dict) else None
                keys.append(content_hash(row[prompt_key], row["data_source"], truth))
                sources.append(str(row["data_source"]))
    except UnicodeDecodeError as e:
        raise PrepareError(f"text must be UTF-8, but a row of {where} is not ({e}); repair the file") from e
    return keys, sources, texts


def message_text(messages: Any, row: int, column: str = "prompt") -> str:
    """Return what is embedded for one prompt: the text of its messages, system ones left out.

    A system message is mostly the same for all rows and would only draw them together; it counts when there
    is nothing else.
    """
    ok = isinstance(messages, list) and bool(messages) and all(isinstance(m, dict) for m in messages)
    require(
        ok,
        f"column {column!r} must hold a list of chat messages with role and content",
        f"{messages!r:.80} in row {row}",
        "write the prompt as [{'role': 'user', 'content': ...}]",
    )
    spoken = [m for m in messages if m.get("role") != "system"] or messages
    return "\n".join(_content_text(m.get("content")) for m in spoken)


def _content_text(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(part["text"] for part in content if isinstance(part, dict) and part.get("text"))
    return content if isinstance(content, str) else ""
