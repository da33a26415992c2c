"""One input, read once: its rows in verl's format on disk, their keys and sources; kept in the cache."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from sparft_verl.prepare.cache import Cache, Entry
from sparft_verl.prepare.errors import PrepareError, require
from sparft_verl.prepare.sources.config import DataFile
from sparft_verl.prepare.sources.identify import keys, texts, truths
from sparft_verl.prepare.sources.opened import Opened
from sparft_verl.prepare.sources.rows import load_batches, written
from sparft_verl.prepare.sources.shape import Shaper

OWN_PREFIX = "sparft_"
# Raised when the same input would be read into other rows, so that nothing stale is taken from a cache.
_VERSION = 1
_ROWS = "rows.arrow"


@dataclass(frozen=True)
class Part:
    """One input as read: n rows."""

    name: str
    """As the user gave it."""
    described: dict[str, Any]
    """What the manifest says of it."""
    batches: list[Any]
    """RecordBatches, memory-mapped; their schemas may differ where the input is JSON."""
    keys: list[str]
    """Content hash of each row."""
    source: list[str]
    """data_source of each row."""
    notes: list[str]
    """What a reader of the result should know."""
    features: dict[str, Any]
    """Column types as the data set library declares them, of rows taken as they are."""

    def schemas(self) -> list[tuple[str, Any]]:
        """Return the different schemas of the batches, each with the input's name."""
        found: list[Any] = []
        for batch in self.batches:
            if not any(batch.schema.equals(other) for other in found):
                found.append(batch.schema)
        return [(self.name, schema) for schema in found]


def load(opened: Opened, spec: DataFile, prompt_key: str, cache: Cache, aside: Path) -> Part:
    """Return an input's rows, from the cache where they are. `aside` is the folder used without a cache."""
    described = opened.describe()
    mapping = {name: value for name, value in asdict(spec).items() if name != "path"}
    key = {"version": _VERSION, "sha256": described["sha256"], "format": described["format"], "as": mapping}
    entry = cache.entry("read", {**key, "prompt_key": prompt_key})
    found = None if entry.folder is None else _stored(entry.folder)
    if found is None:
        folder = Path(tempfile.mkdtemp(dir=aside)) if entry.folder is None else entry.folder
        raw, codes, facts = _read(opened, spec, prompt_key, folder, durable=entry.folder is not None)
        entry.save("keys", raw)
        entry.save("sources", codes)
        entry.save_json("done", facts)  # last: it says that the others are complete
        found = load_batches(folder / _ROWS), raw, codes, facts
    batches, raw, codes, facts = found
    hexes = np.ascontiguousarray(raw).tobytes().hex()
    names = facts["sources"]
    features = {c: f for c, f in opened.features.items() if spec.is_verl and not c.startswith(OWN_PREFIX)}
    return Part(
        opened.name,
        {**described, "rows": len(raw)},
        batches,
        [hexes[at : at + 32] for at in range(0, len(hexes), 32)],
        [names[code] for code in codes.tolist()],
        [f"{opened.name}: {note}" for note in facts["notes"]],
        features,
    )


_Stored = tuple[list[Any], Any, Any, dict[str, Any]]


def _stored(folder: Path) -> _Stored | None:
    """Return what a folder of the cache holds when it is complete and readable."""
    entry = Entry(folder)
    raw, codes, facts = entry.load("keys"), entry.load("sources"), entry.load_json("done")
    if raw is None or codes is None or facts is None:
        return None
    try:
        batches = load_batches(folder / _ROWS)
    except (OSError, pa.ArrowException):
        return None
    return (batches, raw, codes, facts) if sum(b.num_rows for b in batches) == len(raw) else None


def _read(
    opened: Opened, spec: DataFile, prompt_key: str, folder: Path, durable: bool
) -> tuple[Any, Any, dict[str, Any]]:
    """Write the whole input, batch by batch, to `folder`; return keys uint8 [n, 16], source codes, and facts."""
    raw: list[bytes] = []
    codes: list[Any] = []
    names: dict[str, int] = {}
    first = empty = nameless = unanswered = 0
    notes: list[str] = []
    shaped = (
        _as_they_are(opened, prompt_key, notes) if spec.is_verl else _shaped(opened, spec, prompt_key, notes)
    )
    with written(folder / _ROWS, durable) as writer:
        for batch in shaped:
            batch = writer.add(batch)
            _check_text(batch, opened.name, first)
            raw.append(bytes.fromhex("".join(keys(batch, prompt_key))))
            said = texts(batch.column(prompt_key), first, prompt_key, opened.name)
            empty += sum(not text.strip() for text in said)
            unanswered += truths(batch).null_count
            nameless += batch.column("data_source").null_count
            found = [str(name) for name in batch.column("data_source").to_pylist()]
            codes.append(np.array([names.setdefault(name, len(names)) for name in found], np.int32))
            first += batch.num_rows
    if empty:
        notes.append(f"{empty} of {first} prompts hold no text")
    if unanswered and spec.truth is not None:
        notes.append(f"{unanswered} of {first} rows have no ground truth")
    if nameless:
        notes.append(
            f"{nameless} of {first} rows have no data_source: verl will find no reward function for them"
        )
    if not first:
        notes.append("it holds no rows")
    hashes = np.frombuffer(b"".join(raw), np.uint8).reshape(-1, 16)
    return hashes, np.concatenate([np.zeros(0, np.int32), *codes]), {"sources": list(names), "notes": notes}


def _as_they_are(opened: Opened, prompt_key: str, notes: list[str]) -> Iterator[Any]:
    """Yield the batches of an input in verl's format, without columns of an earlier artefact."""
    own: list[str] = []
    for batch in opened.batches():
        names = batch.schema.names
        for column in (prompt_key, "data_source"):
            fix = "add the column, or map the file's own columns by data.files"
            fix += "; data.prompt_key names the prompt's" if column == prompt_key else ""
            require(
                column in names,
                f"every train file must have column {column!r}",
                f"{names} in {opened.name!r}",
                fix,
            )
        stale = [name for name in names if name.startswith(OWN_PREFIX)]
        own += [name for name in stale if name not in own]
        yield batch.select([name for name in names if name not in stale]) if stale else batch
    if own:
        notes.append(f"columns {own} of the input come from an earlier artefact and were dropped")


def _shaped(opened: Opened, spec: DataFile, prompt_key: str, notes: list[str]) -> Iterator[Any]:
    """Yield the batches of an input of another schema, in verl's format."""
    shaper = Shaper(spec, prompt_key, opened.name)
    seen: dict[str, None] = dict.fromkeys(opened.columns or ())
    for rows in opened.rows([] if opened.columns is None else shaper.heads(opened.columns)):
        if opened.columns is None:
            seen.update((key, None) for row in rows for key in row)
        yield shaper.add(rows)
    if seen:
        shaper.check_seen(list(seen))
    if shaper.empty:
        notes.append(f"{shaper.empty} prompts are null: read as empty text")


def _check_text(batch: Any, name: str, first: int) -> None:
    """Raise PrepareError naming the first row and column whose text is not UTF-8."""
    try:
        batch.validate(full=True)
    except pa.ArrowInvalid as e:
        for column, array in zip(batch.schema.names, batch.columns, strict=True):
            for row in range(len(array)):
                try:
                    array.slice(row, 1).validate(full=True)
                except pa.ArrowInvalid:
                    where = f"row {first + row} of {name!r}"
                    raise PrepareError(
                        f"text must be UTF-8, but column {column!r} in {where} is not; repair the file"
                    ) from e
        raise PrepareError(f"{name!r} must be valid Arrow data, but is not ({e}); write it anew") from e
