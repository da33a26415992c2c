"""Results of stages on disk, found again by the hash of everything that made them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

import numpy as np

from sparft_verl.atomic import written_aside
from sparft_verl.prepare.errors import PrepareError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_Arrays = TypeVar("_Arrays", bound="DataclassInstance")


def default_folder() -> Path:
    """Return where results are kept when nothing was asked: $SPARFT_CACHE, else the user's cache folder."""
    asked = os.environ.get("SPARFT_CACHE")
    if asked:
        return Path(asked)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sparft-verl"


def digest_texts(texts: Iterable[str]) -> str:
    """Return 64 hex characters that identify a sequence of texts, its order and its boundaries included."""
    whole = hashlib.sha256()
    for text in texts:
        data = text.encode("utf-8", "surrogatepass")
        whole.update(len(data).to_bytes(8, "little"))
        whole.update(data)
    return whole.hexdigest()


class Cache:
    """A folder of entries, one per (stage, key). `Cache(None)` keeps nothing and finds nothing; one that is
    `read_only` finds and keeps nothing."""

    def __init__(self, folder: str | os.PathLike[str] | None, read_only: bool = False) -> None:
        self.folder = None if folder is None else Path(folder).expanduser()
        self.read_only = read_only

    def entry(self, stage: str, key: Mapping[str, Any]) -> Entry:
        """Return the entry of `stage` made from `key`, which holds all that its result depends on, as JSON."""
        if self.folder is None:
            return Entry(None)
        text = json.dumps(key, sort_keys=True, ensure_ascii=True, allow_nan=False)
        name = hashlib.sha256(text.encode()).hexdigest()[:32]
        return Entry(self.folder / stage / name, key, self.read_only)


class Entry:
    """Named arrays and JSON values of one entry. A file is complete or absent, never half written.

    With a `key`, the first thing kept brings `key.json` with it, so that a person can see what an entry is made from.
    """

    def __init__(
        self, folder: Path | None, key: Mapping[str, Any] | None = None, read_only: bool = False
    ) -> None:
        self.folder, self._key, self.read_only = folder, key, read_only

    def load(self, name: str) -> np.ndarray[Any, Any] | None:
        """Return the array, memory-mapped; None when it is not there or cannot be read."""
        path = self._path(name, "npy")
        if path is None or not path.is_file():
            return None
        try:
            return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
        except (OSError, ValueError, EOFError):  # the last is what an empty file gives
            return None

    def save(self, name: str, array: np.ndarray[Any, Any]) -> None:
        """Keep an array. PrepareError when the disk refuses."""
        self._write(name, "npy", lambda file: np.save(file, array, allow_pickle=False))

    def load_json(self, name: str) -> Any:
        """Return the value, None when it is not there or cannot be read."""
        path = self._path(name, "json")
        if path is None or not path.is_file():
            return None
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None

    def save_json(self, name: str, value: Any) -> None:
        """Keep a value. PrepareError when the disk refuses."""
        text = json.dumps(value, ensure_ascii=True, allow_nan=False)
        self._write(name, "json", lambda file: file.write(text.encode()))

    def recall(self, kind: type[_Arrays], find: Callable[[], _Arrays]) -> tuple[_Arrays, bool]:
        """Return the dataclass of arrays kept here and True, else what `find` gives, then kept, and False."""
        names = [field.name for field in fields(kind)]
        known = [self.load(name) for name in names]
        if all(array is not None for array in known):
            return kind(*known), True
        found = find()
        for name in names:
            self.save(name, getattr(found, name))
        return found, False

    def _path(self, name: str, ending: str) -> Path | None:
        return None if self.folder is None else self.folder / f"{name}.{ending}"

    def _write(self, name: str, ending: str, write: Callable[[IO[bytes]], Any]) -> None:
        path = self._path(name, ending)
        if path is None or self.read_only:
            return
        if name != "key" and self._key is not None and not (path.parent / "key.json").is_file():
            self.save_json("key", self._key)
        try:
            with written_aside(path) as aside, aside.open("wb") as file:
                write(file)
        except OSError as e:
            raise PrepareError(
                f"results of stage A must be kept in {path.parent}, but the disk refused ({e}); "
                "free space, give another cache=FOLDER, or cache=null to keep none"
            ) from e
