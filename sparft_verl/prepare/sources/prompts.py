"""The rows that stage A works on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

import numpy as np
import pyarrow as pa

from sparft_verl.prepare.errors import require
from sparft_verl.prepare.sources.config import TRUTH
from sparft_verl.prepare.sources.identify import texts
from sparft_verl.prepare.sources.rows import Rows, resolve

Rows64 = np.ndarray[Any, Any]


class Texts(Sequence[str]):
    """The N texts to embed, made from the messages when asked for; iterating holds one batch in memory."""

    def __init__(self, rows: Rows, column: str, origin: Rows64 | None) -> None:
        self._rows, self._column, self._origin = rows, column, origin

    def __len__(self) -> int:
        return len(self._rows) if self._origin is None else len(self._origin)

    def __iter__(self) -> Iterator[str]:
        first = 0
        for chats in self._rows.texts_of(self._column, self._origin):
            yield from texts(chats, first, self._column)
            first += len(chats)

    @overload
    def __getitem__(self, at: int) -> str: ...

    @overload
    def __getitem__(self, at: slice) -> list[str]: ...

    def __getitem__(self, at: int | slice) -> str | list[str]:
        if isinstance(at, slice):
            return self.of(np.arange(len(self))[at])
        if not -len(self) <= at < len(self):
            raise IndexError(f"text {at} of {len(self)}")
        return self.of(np.array([at % len(self)]))[0]

    def of(self, rows: Rows64) -> list[str]:
        """Return the texts of the given rows, in that order."""
        wanted = rows if self._origin is None else self._origin[rows]
        found: list[str] = []
        for chats in self._rows.texts_of(self._column, wanted):
            found += texts(chats, 0, self._column)
        return found


@dataclass(frozen=True)
class Prompts:
    """N prompts. In memory are identity and source; everything else is read from the disk when asked for."""

    rows: Rows
    """The whole input; `origin` says which of its rows these prompts are."""
    keys: list[str]
    """Content hash of each prompt, 32 hex characters."""
    occurrence: Rows64
    """int64 [N]: how many rows with that content stand before it in the input."""
    source: list[str]
    """data_source of each prompt."""
    text: Sequence[str]
    """What is embedded: the messages' text without the system's, read from the disk as it is iterated."""
    origin: Rows64
    """int64 [N]: the row number in the input, over all files in order."""
    prompt_key: str = "prompt"
    """Column of the chat messages."""
    inputs: list[dict[str, Any]] = field(default_factory=list)
    """Per file: path or hub name, format, sha256, rows, and of a hub data set revision, subset and split."""
    notes: list[str] = field(default_factory=list)
    """What a reader of the result should know."""

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def schema(self) -> Any:
        """Arrow schema of the rows: the columns of all files."""
        return self.rows.schema

    def column(self, path: str, option: str) -> list[Any]:
        """Return the N values of a column, or at a dotted path into struct columns; None where it is null.

        Raises PrepareError that names `option` and what there is instead.
        """
        found: list[Any] = []
        for values in self.rows.column(path, option, self._wanted()):
            found += values.to_pylist()
        return found

    def messages(self, rows: Rows64) -> list[list[dict[str, Any]]]:
        """Return the chat messages of the given prompts; fields that are null are left out."""
        chats: list[list[dict[str, Any]]] = []
        for values in self.rows.column(self.prompt_key, "data.prompt_key", self.origin[self._checked(rows)]):
            for chat in values.to_pylist():
                chats.append([{k: v for k, v in message.items() if v is not None} for message in chat])
        return chats

    def truth(self, rows: Rows64) -> list[Any]:
        """Return the ground truth of the given prompts, None where there is none."""
        wanted = self.origin[self._checked(rows)]
        if resolve(self.schema, TRUTH) is None:
            return [None] * len(wanted)
        found: list[Any] = []
        for values in self.rows.column(TRUTH, "the ground truth", wanted):
            found += values.to_pylist()
        return found

    def batches(self, rows: Rows64) -> Iterator[Any]:
        """Yield the given prompts as RecordBatches in verl's format, in the order given; all columns."""
        yield from self.rows.take(self.origin[self._checked(rows)])

    def take(self, rows: Rows64) -> pa.Table:
        """Return the given prompts, in the order given, as a table in verl's format with all columns."""
        table = pa.Table.from_batches(list(self.batches(rows)), self.schema.remove_metadata())
        return table.replace_schema_metadata(self.schema.metadata)

    def keep(self, rows: Rows64) -> Prompts:
        """Return only the given prompts; occurrence and origin stay those of the whole input."""
        rows = self._checked(rows)
        origin = self.origin[rows]
        return Prompts(
            self.rows,
            [self.keys[i] for i in rows.tolist()],
            self.occurrence[rows],
            [self.source[i] for i in rows.tolist()],
            Texts(self.rows, self.prompt_key, origin),
            origin,
            self.prompt_key,
            self.inputs,
            self.notes,
        )

    def _wanted(self) -> Rows64 | None:
        return None if len(self.origin) == len(self.rows) and self._in_order() else self.origin

    def _in_order(self) -> bool:
        return bool((np.diff(self.origin) == 1).all())

    def _checked(self, rows: Rows64) -> Rows64:
        rows = np.asarray(rows, dtype=np.int64)
        ok = rows.ndim == 1 and (len(rows) == 0 or bool(rows.min() >= 0 and rows.max() < len(self)))
        seen = f"shape {rows.shape}" if rows.ndim != 1 or not len(rows) else f"{rows.min()}..{rows.max()}"
        require(ok, f"rows must be a list of numbers in 0..{len(self) - 1}", seen, "correct the caller")
        return rows
