"""A file is written aside and takes its name when it is complete, so that no kill leaves half of one."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_aside(path: str | os.PathLike[str], *, durable: bool = True) -> Iterator[Path]:
    """Give a place in the folder of `path` to write to; it is renamed to `path` unless the block raises.

    The folder is made. `durable` puts the file on the disk before it is renamed, so that it is whole after a power
    cut too. A killed process leaves what `leftovers` finds. Raises OSError when the disk refuses.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # unlike a process id, unique among machines that share the folder too
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        yield aside
        if durable:
            sync(aside)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def leftovers(path: Path) -> list[Path]:
    """Return what killed writers of `path`, or live ones, have beside it."""
    return list(path.parent.glob(f".{path.name}.*"))


def sync(path: Path) -> None:
    """Put a file or a folder's entries on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
