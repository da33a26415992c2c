"""`arms.npz`, beside a journal: which prompts and arms its numbers mean, so that it is read without the data set."""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from sparft_verl.atomic import written_aside
from sparft_verl.curricula import Arms

SCHEMA = 1
NAME = "arms.npz"


def write_arms(path: str | os.PathLike[str], arms: Arms) -> None:
    """Write `arms` to `path`, whole or not at all; its folder is made. About 20 bytes a prompt before compression."""
    texts = {"schema": SCHEMA, "names": arms.names, "sources": arms.sources, "fingerprint": arms.fingerprint}
    columns: dict[str, Any] = {
        "text": np.frombuffer(json.dumps(texts).encode(), dtype=np.uint8),
        "rows": arms.rows,
        "arm": arms.arm,
        "difficulty": arms.difficulty,
        "source": arms.source_of_item,
    }
    if arms.references is not None:
        columns["references"] = arms.references
    with written_aside(path) as aside, aside.open("wb") as file:
        np.savez_compressed(file, **columns)


def read_arms(path: str | os.PathLike[str]) -> Arms:
    """Return what `write_arms` was given.

    Raises FileNotFoundError where there is no file, ValueError where it is none of ours, damaged or of another
    schema.
    """
    path = Path(path)
    try:
        with np.load(path, allow_pickle=False) as file:
            columns = {name: file[name] for name in file.files}
        texts = json.loads(columns["text"].tobytes())
        schema = texts["schema"]
    except FileNotFoundError:
        raise
    except (ValueError, KeyError, TypeError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} is no arms.npz of a curriculum, or damaged ({error})") from error
    if schema != SCHEMA:
        raise ValueError(f"{path} has schema {schema!r}; this version reads schema {SCHEMA}")
    try:
        sources = texts["sources"]
        return Arms(
            rows=columns["rows"],
            arm=columns["arm"],
            names=tuple(texts["names"]),
            difficulty=columns["difficulty"],
            source=tuple(sources[number] for number in columns["source"].tolist()),
            fingerprint=texts["fingerprint"],
            references=columns.get("references"),
        )
    except (KeyError, IndexError, TypeError) as error:
        raise ValueError(
            f"{path} is damaged ({error!r}); restore it, or prepare the run's data anew"
        ) from error
