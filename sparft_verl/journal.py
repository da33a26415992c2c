"""Append-only record of every decision and observation of a run: JSON lines, one event each.

Events: `open`, `propose`, `observe`, `cancel`, `tick`, `resume`. Records have rising `seq`. A resume from a
checkpoint keeps what was written after it and marks it: those records speak of a policy that no longer exists.

What the numbers of rows and arms mean stands beside it, in `arms.npz` (sparft_verl.arms_file). The two tell a new
curriculum all that the run's own was told (`sparft replay`); advantages are there where its statistic uses them.

On disk: a record is handed to the system as it is written, so that the death of the process loses none, and synced
at every tick and before every checkpoint, so that the death of the machine loses at most the current step, which no
checkpoint knows.

Size: a prompt served and observed once takes, at 8 rollouts, at most about 190 bytes, with its advantages 360 (the
numbers of rows, tickets and arms counted with 7 digits); a tick takes about 50 bytes for each arm. Nothing else grows.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import numpy as np

SCHEMA = 1
EVENTS = ("open", "propose", "observe", "cancel", "tick", "resume")


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
    line: the writer goes on, on a line of its own, with the next number. One process writes at a time.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._file: TextIO | None = None
        records, _ = _parse(self.path) if self.path.exists() else ([], 0)
        self.next_seq = max((int(record["seq"]) for record in records), default=-1) + 1
        self.continues = bool(records)
        """Whether the file held records before this writer."""

    def write(self, event: str, **fields: Any) -> int:
        """Return the number of the record just appended; NumPy values become JSON."""
        if event not in EVENTS:
            raise ValueError(f"event must be one of {EVENTS}, got {event!r}")
        seq = self.next_seq
        line = json.dumps({"event": event, "seq": seq, **fields}, default=_plain, allow_nan=False)
        file = self._open()
        file.write(line + "\n")
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

    def _open(self) -> TextIO:
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            torn = self.path.exists() and not _ends_with_newline(self.path)
            self._file = self.path.open("a", encoding="utf-8")
            if torn:
                self._file.write("\n")
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
    for record in data:
        if record["event"] == "open" and record.get("schema") != SCHEMA:
            raise ValueError(
                f"{path} has schema {record.get('schema')!r}; this version reads schema {SCHEMA}"
            )
    live = _live(data)
    return Journal([Record(record, not alive) for record, alive in zip(data, live, strict=True)], torn)


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
            record = json.loads(line)
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


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"a journal holds JSON values and arrays, got {type(value).__name__}")
