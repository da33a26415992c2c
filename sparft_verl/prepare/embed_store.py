"""Where vectors are gathered: checked as they come, in memory or, when they are many, in a file."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from sparft_verl.prepare.embed_shards import Shard
from sparft_verl.prepare.errors import PrepareError, require

Vectors = np.ndarray[Any, Any]
# Beyond so many bytes vectors lie in a file, so that the system decides what of them stays in memory.
_IN_MEMORY = 2**30


class Store:
    """Vectors of distinct texts by number, and of all rows once every shard was put in."""

    def __init__(self, count: int, index: Vectors, folder: Path | None) -> None:
        """`index` is int64[N], the number of each row's text; a file, if one is needed, lies in `folder`."""
        self.count, self.index, self.folder = count, index, folder
        self.vectors: Vectors | None = None

    def put(self, shard: Shard, vectors: Vectors) -> None:
        """Take the vectors of a shard. PrepareError unless there is a finite one, equally long, for each text."""
        vectors = np.asarray(vectors)
        width = vectors.shape[1] if vectors.ndim == 2 else 0
        if width == 0 or len(vectors) != len(shard.texts):
            raise PrepareError(
                f"an embedder must return one vector per text, "
                f"but {len(shard.texts)} texts gave shape {vectors.shape}; "
                "use another embed.model"
            )
        check_finite(vectors, shard.numbers, self.index)
        if self.vectors is None:
            self.vectors = room(self.count, width, self.folder)
        require(
            width == self.vectors.shape[1],
            "all vectors must be equally long",
            f"{width} and {self.vectors.shape[1]}",
            "use another embed.model",
        )
        self.vectors[shard.numbers] = vectors

    def rows(self) -> Vectors:
        """Return float32 [N, d]."""
        assert self.vectors is not None
        if len(self.index) == self.count:
            return self.vectors
        rows = room(len(self.index), self.vectors.shape[1], self.folder)
        np.take(self.vectors, self.index, axis=0, out=rows)
        return rows


def check_finite(vectors: Vectors, numbers: Vectors, index: Vectors) -> None:
    """Raise PrepareError naming the first row whose text has NaN or inf; `numbers` are the texts of `vectors`."""
    bad = numbers[~np.isfinite(vectors).all(axis=1)]
    rows = np.flatnonzero(np.isin(index, bad)) if len(bad) else bad
    require(
        len(bad) == 0,
        "embeddings must be finite",
        f"NaN or inf in {len(rows)} rows, first in row {rows[0] if len(rows) else -1}",
        "look at that prompt, or use another embed.model or embed.device=cpu",
    )


def room(rows: int, width: int, folder: Path | None) -> Vectors:
    """Return float32 [rows, width] to be filled; a large one lies in a file that goes with it."""
    size = rows * width * 4
    if size <= _IN_MEMORY:
        return np.empty((rows, width), dtype=np.float32)
    place = folder or Path(tempfile.gettempdir())
    try:
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=place, prefix=".vectors") as file:
            # a full disk is an error here, but a crash when a page of a sparse file is written
            os.posix_fallocate(file.fileno(), 0, size)
            return np.memmap(file, dtype=np.float32, mode="r+", shape=(rows, width))
    except OSError as e:
        raise PrepareError(
            f"{rows} vectors of {width} numbers need {size / 1e9:.1f} GB in {place}, but the disk refused ({e}); "
            "free space, or give another cache=FOLDER"
        ) from e
