"""Finished runs: a folder of JSON-lines files, one file per process that writes, read as their union."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

from benchmarks.learning.spec import Spec

Record = dict[str, Any]
RESULTS = Path(__file__).parent / "results"
TRIED = "tried.jsonl"
MOST_BYTES = 8192
_FIELDS = ("key", "spec", "commit", "versions", "machine", "core_seconds", "curve", "train", "final")


class Store:
    """The runs under `folder`. Sittings add up: what is there is not run again."""

    def __init__(self, folder: Path = RESULTS) -> None:
        self.folder = folder
        self.cache = folder / "cache"
        """Warm policies and artefacts, kept for the runs to come, made anew where they lack; not committed."""
        self._file: IO[bytes] | None = None

    def records(self) -> dict[str, Record]:
        """Return every finished run by key; of two with one key the first of the first file.

        A last line that a killed writer left unfinished is skipped. Raises ValueError naming file and line of any
        other line that is no record.
        """
        found: dict[str, Record] = {}
        for path in sorted(self.folder.glob("runs-*.jsonl")):
            for number, line in enumerate(path.read_bytes().splitlines(keepends=True), start=1):
                if not line.endswith(b"\n"):
                    continue
                try:
                    record = json.loads(line)
                    found.setdefault(record["key"], record)
                except (ValueError, KeyError, TypeError) as error:
                    raise ValueError(
                        f"{path}:{number} is no record of a run ({error!r}); remove the line"
                    ) from error
        return found

    def tried(self) -> list[Record]:
        """Return every run there was: the finished ones, and those of `TRIED` that are not among them.

        TRIED holds what is left of runs made while a method was sought, some with parts of curricula that are no
        longer in the package: spec, final accuracy and cost, so that all of them are counted.
        """
        known = self.records()
        path = self.folder / TRIED
        if path.exists():
            for line in path.read_text().splitlines():
                record = json.loads(line)
                known.setdefault(record["key"], record)
        return list(known.values())

    def of(self, specs: Iterable[Spec]) -> list[Record]:
        """Return the runs of `specs` that are there, in their order, under the labels of `specs`."""
        known = self.records()
        return [
            {**known[spec.key], "spec": {**known[spec.key]["spec"], "label": spec.label}}
            for spec in specs
            if spec.key in known
        ]

    def missing(self, specs: Iterable[Spec]) -> list[Spec]:
        """Return those of `specs` that are not there, each key once, in their order."""
        known = set(self.records())
        fresh: dict[str, Spec] = {}
        for spec in specs:
            if spec.key not in known:
                fresh.setdefault(spec.key, spec)
        return list(fresh.values())

    def append(self, record: Record) -> None:
        """Write one finished run, on the disk when this returns.

        Raises ValueError for a record without a field it must have, one that is too long, or one whose key is not
        its spec's.
        """
        lacking = [name for name in _FIELDS if name not in record]
        if lacking:
            raise ValueError(f"a record of a run must have {', '.join(lacking)}")
        if record["key"] != Spec.read(record["spec"]).key:
            raise ValueError(
                f"key {record['key']} is not that of the spec, which another version of the world made"
            )
        line = json.dumps(record, separators=(",", ":"), allow_nan=False).encode() + b"\n"
        if len(line) > MOST_BYTES:
            raise ValueError(f"a record takes at most {MOST_BYTES} bytes, got {len(line)}; shorten its lists")
        file = self._open()
        file.write(line)
        file.flush()
        os.fsync(file.fileno())

    def close(self) -> None:
        """Let another process write on in the same file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self) -> IO[bytes]:
        """Return the first of runs-0.jsonl, runs-1.jsonl, ... that no other process writes to, without a torn end."""
        if self._file is not None:
            return self._file
        self.folder.mkdir(parents=True, exist_ok=True)
        number = 0
        while True:
            file = (self.folder / f"runs-{number}.jsonl").open("ab+")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                file.close()
                number += 1
                continue
            file.seek(0)
            text = file.read()
            file.truncate(text.rfind(b"\n") + 1)
            self._file = file
            return file
