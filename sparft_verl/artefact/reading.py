"""Reading an artefact: checked against its manifest before anything is used."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sparft_verl.artefact.schema import (
    EMBEDDINGS,
    FEATURES,
    FORMAT,
    ITEMS,
    MANIFEST,
    REFERENCE_COLUMNS,
    REMOVED,
    SCHEMA_VERSION,
    SELECTION,
    TENSOR,
    check_arms,
    check_tables,
    sha256_file,
)
from sparft_verl.identity import ArtefactError


@dataclass(frozen=True)
class Artefact:
    """An artefact on disk, checked: m selected rows, K arms, N items. Large parts are read on demand."""

    path: Path
    manifest: dict[str, Any]
    selection: pa.Table

    @cached_property
    def items(self) -> pa.Table:
        """The table of all N rows that cleaning left."""
        return pq.read_table(self.path / ITEMS)

    @cached_property
    def removed(self) -> pa.Table:
        """The table of the rows that cleaning took away, with their reasons."""
        return pq.read_table(self.path / REMOVED)

    @cached_property
    def keys(self) -> list[str]:
        """Content hash of each selected row, length m."""
        return list(self.selection["sparft_key"].to_pylist())

    @cached_property
    def occurrence(self) -> np.ndarray[Any, Any]:
        """int64 [m]: which row with that content in the input."""
        return self.selection["sparft_occurrence"].to_numpy()

    @cached_property
    def arm(self) -> np.ndarray[Any, Any]:
        """int32 [m]: arm of each selected row, 0..K-1."""
        return self.selection["sparft_arm"].to_numpy()

    @cached_property
    def difficulty(self) -> np.ndarray[Any, Any]:
        """float64 [m] in [0, 1]; all zero when `difficulty_known` is false."""
        return self.selection["sparft_difficulty"].to_numpy()

    @cached_property
    def references(self) -> np.ndarray[Any, Any] | None:
        """float64 [m, 2]: pass rates of a weaker and a stronger reference model; None where not known."""
        if not set(REFERENCE_COLUMNS) <= set(self.selection.column_names):
            return None
        return np.stack([self.selection[name].to_numpy() for name in REFERENCE_COLUMNS], axis=1)

    @property
    def difficulty_known(self) -> bool:
        """False when stage A was given no difficulty."""
        return bool(self.manifest["difficulty_known"])

    @property
    def arm_names(self) -> tuple[str, ...]:
        """The K names, in arm order."""
        return tuple(row["name"] for row in self.manifest["arms"])

    @property
    def embeddings(self) -> np.ndarray[Any, Any]:
        """float32 [N, d] raw embeddings, memory-mapped when they are kept as npy."""
        if EMBEDDINGS["npy"] in self.manifest["files"]:
            return np.load(self.path / EMBEDDINGS["npy"], mmap_mode="r", allow_pickle=False)
        try:
            from safetensors import safe_open
        except ImportError as e:
            raise ArtefactError(
                f"{self.path / EMBEDDINGS['safetensors']} needs the package safetensors, but {e}; install it, "
                "or run `sparft prepare` with embeddings=npy"
            ) from e
        with safe_open(str(self.path / EMBEDDINGS["safetensors"]), framework="numpy") as tensors:
            return np.asarray(tensors.get_tensor(TENSOR))

    @property
    def features(self) -> np.ndarray[Any, Any]:
        """float32 [N, p+1] clustered features (PCA block, then weighted difficulty), memory-mapped."""
        return np.load(self.path / FEATURES, mmap_mode="r", allow_pickle=False)

    @property
    def fingerprint(self) -> str:
        """32 hex characters that change when any data file changes."""
        sums = {name: entry["sha256"] for name, entry in self.manifest["files"].items()}
        return hashlib.sha256(json.dumps(sums, sort_keys=True).encode()).hexdigest()[:32]


def read_artefact(path: str | os.PathLike[str], verify: bool = True) -> Artefact:
    """Return the artefact at `path`; with `verify` every data file is compared with the manifest's sha256.

    Raises ArtefactError for a missing or foreign folder, another schema version, a missing or changed file,
    or a missing column.
    """
    folder = Path(path)
    manifest = read_manifest(folder)
    version = manifest.get("schema_version")
    if version != SCHEMA_VERSION:
        raise ArtefactError(
            f"artefact schema version must be {SCHEMA_VERSION}, but {folder / MANIFEST} has {version!r}; "
            "run `sparft prepare` again with the installed version, or install the version that wrote it"
        )
    lacking = [k for k in ("parameters", "arms", "counts", "files", "difficulty_known") if k not in manifest]
    if lacking:
        raise ArtefactError(
            f"artefact manifest {folder / MANIFEST} lacks {lacking}; run `sparft prepare` again"
        )
    kept = next((name for name in EMBEDDINGS.values() if name in manifest["files"]), EMBEDDINGS["npy"])
    for name in (SELECTION, ITEMS, REMOVED, kept, FEATURES):
        _check_file(folder / name, manifest["files"].get(name), verify)
    try:
        selection = pq.read_table(folder / SELECTION)
        items, removed = (pq.read_schema(folder / name) for name in (ITEMS, REMOVED))
    except (pa.ArrowException, OSError) as e:
        raise ArtefactError(
            f"artefact tables in {folder} cannot be read ({e}); run `sparft prepare` again"
        ) from e
    check_tables(selection.schema, items, removed, f"{folder}{os.sep}")
    artefact = Artefact(folder, manifest, selection)
    check_arms(artefact.arm, len(artefact.arm_names), folder / SELECTION)
    return artefact


def is_artefact(path: str | os.PathLike[str]) -> bool:
    """Return whether `path` is a folder that says it is an artefact, of whatever schema version."""
    try:
        read_manifest(Path(path))
    except ArtefactError:
        return False
    return True


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest in `folder`. ArtefactError unless it is that of an artefact."""
    again = "give the folder that `sparft prepare … out=FOLDER` wrote"
    if not folder.exists():
        aside = sorted(folder.parent.glob(f".{folder.name}.old-*")) if folder.parent.is_dir() else []
        hint = (
            f"; an interrupted replacement left the earlier one at {aside[-1]}: move it back" if aside else ""
        )
        raise ArtefactError(f"artefact folder {folder} does not exist; {again}{hint}")
    if not folder.is_dir():
        raise ArtefactError(f"an artefact is a folder, but {folder} is a file; {again}")
    path = folder / MANIFEST
    if not path.is_file():
        raise ArtefactError(f"{folder} is not a curriculum artefact: it has no {MANIFEST}; {again}")
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as e:
        raise ArtefactError(f"{path} is not readable JSON ({e}); {again}") from e
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        seen = manifest.get("format") if isinstance(manifest, dict) else type(manifest).__name__
        raise ArtefactError(
            f"{folder} is not a curriculum artefact: format must be {FORMAT!r}, found {seen!r}; {again}"
        )
    return manifest


def _check_file(path: Path, entry: Mapping[str, Any] | None, verify: bool) -> None:
    fix = "restore the file or run `sparft prepare` again"
    if entry is None:
        raise ArtefactError(
            f"{path.parent / MANIFEST} must list {path.name}, but does not; run `sparft prepare` again"
        )
    if not path.is_file():
        raise ArtefactError(f"artefact file {path} is missing; {fix}")
    if verify and (seen := sha256_file(path)) != entry["sha256"]:
        raise ArtefactError(
            f"artefact file {path} was changed: its sha256 must be {entry['sha256'][:16]}…, "
            f"but is {seen[:16]}…; {fix}"
        )
