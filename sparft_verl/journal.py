"""Append-only record of every decision and observation of a run: JSON lines, one event each.

Events: `open`, `propose`, `observe`, `cancel`, `tick`, `resume`. Records have rising `seq`. A resume from a
checkpoint keeps what was written after it and marks it: those records speak of a policy that no longer exists.

An `observe` record holds its finished groups in columns, one value for each group: ticket, row, arm, successes (of
each rollout), kind, new, and where known policy_step (-1 = not known) and advantages. A column that is the same for all
groups is written once, as that value. null is a probability or an advantage that is not known.

What the numbers of rows and arms mean stands beside it, in `arms.npz` (sparft_verl.arms_file). The two tell a new
curriculum all that the run's own was told (`sparft replay`); advantages are there where its statistic uses them.

On disk: a record is handed to the system as it is written, so that the death of the process loses none, and synced
at every tick and before every checkpoint, so that the death of the machine loses at most the current step, which no
checkpoint knows.

Size: a prompt served and observed once takes, at 8 rollouts, about 80 bytes, with its advantages 230 (the numbers of
rows and arms counted with 7 digits), and up to 35 more where one record mixes tickets and kinds; a tick takes about 50
bytes for each arm. Nothing else grows.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
import orjson

JOURNAL = Path("sparft") / "journal.jsonl"
"""Where a run's journal lies, below verl's trainer.default_local_dir."""
SCHEMA = 2
EVENTS = ("open", "propose", "observe", "cancel", "tick", "resume")
GROUP = ("ticket", "row", "arm", "successes", "kind", "new", "policy_step", "advantages")
"""Columns of an `observe` record."""
NULLABLE = ("propensity", "advantages", "arms_sd")
"""Fields where nan, written as null, says that a number is not known."""
_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE


@dataclass(frozen=True)
class Record:
    """One line of a journal."""

    data: dict[str, Any]
    rolled_back: bool
    """Whether a later resume started from before this record."""

    @property
    def event(self) -> str:
        """Return the kind of record."""
        return str(self.data["event"])

    @property
    def seq(self) -> int:
        """Return the record's number."""
        return int(self.data["seq"])

    def __getitem__(self, key: str) -> Any:
        return self.data[key]

    def column(self, key: str) -> list[Any]:
        """Return one value for each group of an `observe` record; the record may hold one for all of them."""
        value = self.data[key]
        return value if isinstance(value, list) else [value] * len(self.data["row"])

    def groups(self) -> Iterator[dict[str, Any]]:
        """Yield each group of an `observe` record, as a dict of those columns that the record has."""
        names = [name for name in GROUP if name in self.data]
        for values in zip(*(self.column(name) for name in names), strict=True):
            yield dict(zip(names, values, strict=True))


@dataclass(frozen=True)
class Journal:
    """What `read` found, in the order of the file."""

    records: list[Record]
    torn: int
    """Lines that are no record: cut short by a kill, or damaged."""

    def live(self, event: str | None = None) -> list[Record]:
        """Return the records that were not rolled back, of one event if named."""
        return [r for r in self.records if not r.rolled_back and event in (None, r.event)]


class JournalWriter:
    """Appends to a journal. Each record is flushed to the system; `sync` puts all of them on disk.

    The file is opened, and its folder made, at the first record. It may exist already, even with a torn last
    line: the writer goes on, on a line of its own, with the next number. One process writes at a time. Raises
    ValueError if the file was begun by another schema.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._file: BinaryIO | None = None
        records, _ = _parse(self.path) if self.path.exists() else ([], 0)
        _check_schema(self.path, records)
        self.next_seq = max((int(record["seq"]) for record in records), default=-1) + 1
        self.continues = bool(records)
        """Whether the file held records before this writer."""

    def write(self, event: str, **fields: Any) -> int:
        """Return the number of the record just appended; NumPy values become JSON, floats come back to the last bit.

        Raises ValueError for a number that JSON does not have, TypeError for what is no JSON value and no array.
        """
        if event not in EVENTS:
            raise ValueError(f"event must be one of {EVENTS}, got {event!r}")
        _check_finite(event, fields)
        seq = self.next_seq
        try:
            line = orjson.dumps({"event": event, "seq": seq, **fields}, default=_plain, option=_OPTIONS)
        except orjson.JSONEncodeError as error:
            raise TypeError(f"a journal holds JSON values and arrays, in {event}: {error}") from error
        file = self._open()
        file.write(line)
        file.flush()
        self.next_seq += 1
        return seq

    def skip_to(self, seq: int) -> None:
        """Number the next record at least `seq`: a checkpoint may know of records that this file lacks."""
        self.next_seq = max(self.next_seq, seq)

    def sync(self) -> None:
        """Put everything written so far on disk."""
        if self._file is not None:
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Sync and close; a later write opens the file again."""
        if self._file is not None:
            self.sync()
            self._file.close()
            self._file = None

    def __enter__(self) -> JournalWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> BinaryIO:
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            torn = self.path.exists() and not _ends_with_newline(self.path)
            self._file = self.path.open("ab")
            if torn:
                self._file.write(b"\n")
        return self._file


def opening(
    method: str, config: dict[str, Any], names: tuple[str, ...], sizes: Any, fingerprint: str
) -> dict[str, Any]:
    """Return the fields of an `open` record."""
    return {
        "schema": SCHEMA,
        "time": time.time(),
        "method": method,
        "config": config,
        "arms": list(names),
        "arm_sizes": sizes,
        "fingerprint": fingerprint,
    }


def read(path: str | os.PathLike[str]) -> Journal:
    """Return all records of a journal, each marked with whether a later resume rolled it back.

    Raises FileNotFoundError if there is no such file, ValueError if it was written by another schema or holds
    no record at all.
    """
    path = Path(path)
    data, torn = _parse(path)
    if not data:
        raise ValueError(
            f"{path} holds no record of a curriculum ({torn} unreadable lines); is it a journal?"
        )
    _check_schema(path, data)
    live = _live(data)
    return Journal([Record(record, not alive) for record, alive in zip(data, live, strict=True)], torn)


def _check_schema(path: Path, data: list[dict[str, Any]]) -> None:
    for record in data:
        if record["event"] == "open" and record.get("schema") != SCHEMA:
            raise ValueError(
                f"{path} has schema {record.get('schema')!r}; this version of sparft-verl reads and writes schema "
                f"{SCHEMA}. Use the version that wrote it, or another folder"
            )


def _live(data: list[dict[str, Any]]) -> list[bool]:
    """Walk back from the end: a resume at q continues the history that record q belongs to."""
    live = [False] * len(data)
    end: float = float("inf")
    for index in range(len(data) - 1, -1, -1):
        if data[index]["seq"] > end:
            continue
        live[index] = True
        if data[index]["event"] == "resume":
            end = data[index]["rolled_back_after"]
    return live


def _parse(path: Path) -> tuple[list[dict[str, Any]], int]:
    records: list[dict[str, Any]] = []
    torn = 0
    for line in path.read_bytes().split(b"\n"):
        if not line.strip():
            continue
        try:
            record = orjson.loads(line)
        except ValueError:  # also a character cut in two
            torn += 1
            continue
        if isinstance(record, dict) and record.get("event") in EVENTS and isinstance(record.get("seq"), int):
            records.append(record)
        else:
            torn += 1
    return records, torn


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return True
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _check_finite(name: str, value: Any) -> None:
    """Raise ValueError naming the first number that JSON does not have: it would be written as null."""
    if isinstance(value, dict):
        for key, item in value.items():
            _check_finite(key, item)
    elif isinstance(value, list | tuple):
        for item in value:
            _check_finite(name, item)
    elif isinstance(value, float | np.floating | np.ndarray):
        numbers = np.asarray(value)
        if numbers.dtype.kind != "f":
            return
        bad = np.isinf(numbers) if name in NULLABLE else ~np.isfinite(numbers)
        if bad.any():
            raise ValueError(f"a journal holds finite numbers, got {name} = {numbers[bad][0]}")


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):  # one whose memory is not in order
        return value.tolist()
    raise TypeError
