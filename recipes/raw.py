"""Public data sets as they come: from the hub at a fixed revision, or from a local copy."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from recipes.rows import RecipeError

Raw = list[dict[str, Any]]


@dataclass(frozen=True)
class Source:
    """One split of one data set."""

    hub: str
    """Name on the hub, empty where it is not there."""
    revision: str
    """Commit on the hub."""
    split: str
    """Split on the hub."""
    copy: str
    """Name of the file in a folder of local copies, empty where no copy has the fields that are needed."""
    subset: str | None = None
    """Configuration on the hub."""


def read(source: Source, folder: Path | None) -> Raw:
    """Return the rows of a source, from `folder` if one is given, else from the hub. RecipeError when missing."""
    if folder is None:
        return _from_hub(source)
    path = folder / source.copy
    if not source.copy or not path.is_file():
        raise RecipeError(
            f"--from must name a folder with {source.copy or source.hub}, but there is none in {str(folder)!r}; "
            "correct it, or leave --from out to download"
        )
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    text = path.read_text(encoding="utf-8")
    return json.loads(text) if path.suffix == ".json" else [json.loads(line) for line in text.splitlines()]


def _from_hub(source: Source) -> Raw:
    if not source.hub:
        raise RecipeError(f"{source.copy} is on no hub; give the folder that holds it by --from")
    from datasets import load_dataset

    try:
        loaded = load_dataset(source.hub, source.subset, split=source.split, revision=source.revision)
    except Exception as e:  # the library raises a different class for each way in which a download can fail
        raise RecipeError(
            f"{source.hub} at {source.revision} could not be loaded ({type(e).__name__}: {' '.join(str(e).split())}); "
            "check the network and HF_HUB_OFFLINE, or give a folder with local copies by --from"
        ) from e
    return list(loaded)
