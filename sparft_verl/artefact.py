"""The curriculum artefact: the folder in which `prepare` and `curricula` meet.

    manifest.json       what was done: schema version, parameters, versions, inputs, counts, arm table,
                        sha256 of every data file, timing
    selection.parquet   the selected rows in verl's own format, plus the five sparft_* columns
    items.parquet       every input row: key, occurrence, arm, difficulty, missing flag, selected flag
    embeddings.npy      float32 [N, d], as the embedder gave them
    features.npy        float32 [N, p+1], what was clustered

Rows are identified by content (prompt messages, data source, ground truth), never by position or index, so
that a data set that was cut, shuffled, filtered or written anew can still be joined with the artefact.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sparft_verl.identity import ArtefactError, content_hash, join, occurrences, row_hash

__all__ = [
    "Artefact",
    "ArtefactError",
    "check_replaceable",
    "content_hash",
    "join",
    "occurrences",
    "read_artefact",
    "row_hash",
    "sha256_file",
    "write_artefact",
]

FORMAT = "sparft-artefact"
SCHEMA_VERSION = 1
MANIFEST = "manifest.json"
SELECTION = "selection.parquet"
ITEMS = "items.parquet"
EMBEDDINGS = "embeddings.npy"
FEATURES = "features.npy"
DATA_FILES = (SELECTION, ITEMS, EMBEDDINGS, FEATURES)

_COMMON = {
    "sparft_key": pa.string(),
    "sparft_occurrence": pa.int64(),
    "sparft_arm": pa.int32(),
    "sparft_difficulty": pa.float64(),
}
SELECTION_COLUMNS = {**_COMMON, "sparft_row": pa.int64()}
ITEMS_COLUMNS = {**_COMMON, "sparft_difficulty_missing": pa.bool_(), "sparft_selected": pa.bool_()}


# --- reading ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Artefact:
    """An artefact on disk, checked: m selected rows, K arms, N input rows. Large parts are read on demand."""

    path: Path
    manifest: dict[str, Any]
    selection: pa.Table

    @cached_property
    def items(self) -> pa.Table:
        """The table of all N input rows."""
        return pq.read_table(self.path / ITEMS)

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

    @property
    def difficulty_known(self) -> bool:
        """False when stage A was run without a difficulty column."""
        return bool(self.manifest["difficulty_known"])

    @property
    def arm_names(self) -> tuple[str, ...]:
        """The K names, in arm order."""
        return tuple(row["name"] for row in self.manifest["arms"])

    @property
    def embeddings(self) -> np.ndarray[Any, Any]:
        """float32 [N, d] raw embeddings, memory-mapped."""
        return np.load(self.path / EMBEDDINGS, mmap_mode="r", allow_pickle=False)

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
    manifest = _read_manifest(folder)
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
    for name in DATA_FILES:
        _check_file(folder / name, manifest["files"].get(name), verify)
    try:
        selection = pq.read_table(folder / SELECTION)
        items_schema = pq.read_schema(folder / ITEMS)
    except (pa.ArrowException, OSError) as e:
        raise ArtefactError(
            f"artefact tables in {folder} cannot be read ({e}); run `sparft prepare` again"
        ) from e
    _check_columns(selection.schema, SELECTION_COLUMNS, folder / SELECTION)
    _check_columns(items_schema, ITEMS_COLUMNS, folder / ITEMS)
    artefact = Artefact(folder, manifest, selection)
    _check_arms(artefact.arm, len(artefact.arm_names), folder / SELECTION)
    return artefact


def _read_manifest(folder: Path) -> dict[str, Any]:
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


def _check_columns(schema: pa.Schema, wanted: Mapping[str, pa.DataType], where: object) -> None:
    for name, kind in wanted.items():
        if name not in schema.names:
            raise ArtefactError(
                f"{where} must have column {name!r}, found {schema.names}; run `sparft prepare` again"
            )
        if schema.field(name).type != kind:
            raise ArtefactError(
                f"column {name!r} of {where} must be {kind}, found {schema.field(name).type}; "
                "run `sparft prepare` again"
            )


def _check_arms(arm: np.ndarray[Any, Any], arms: int, where: object) -> None:
    if len(arm) == 0:
        raise ArtefactError(
            f"{where} must hold a selected row, found 0; run `sparft prepare` with select.budget >= 1"
        )
    if arm.min() < 0 or arm.max() >= arms:
        raise ArtefactError(
            f"sparft_arm in {where} must lie in 0..{arms - 1}, found {arm.min()}..{arm.max()}; "
            "run `sparft prepare` again"
        )


# --- writing ------------------------------------------------------------------------------------------------


def write_artefact(
    out: str | os.PathLike[str],
    *,
    selection: pa.Table,
    items: pa.Table,
    embeddings: np.ndarray[Any, Any],
    features: np.ndarray[Any, Any],
    arms: Sequence[Mapping[str, Any]],
    parameters: Mapping[str, Any],
    difficulty_known: bool,
    versions: Mapping[str, str] | None = None,
    inputs: Sequence[Mapping[str, Any]] = (),
    counts: Mapping[str, Any] | None = None,
    timing: Mapping[str, float] | None = None,
    notes: Sequence[str] = (),
) -> Artefact:
    """Write an artefact to `out` and return it as read back and verified.

    It is written aside in the same parent folder, synced and renamed; an earlier artefact is removed only
    once the complete new one is in place. Raises ArtefactError when `out` holds anything but an artefact,
    when the parts do not fit each other, or when the disk refuses.
    """
    target = Path(out).resolve()
    check_replaceable(target)
    _check_columns(selection.schema, SELECTION_COLUMNS, "the selection to be written")
    _check_columns(items.schema, ITEMS_COLUMNS, "the items to be written")
    _check_arms(selection["sparft_arm"].to_numpy(), len(arms), "the selection to be written")
    lengths = {"items": items.num_rows, "embeddings": len(embeddings), "features": len(features)}
    if len(set(lengths.values())) != 1:
        raise ArtefactError(f"items, embeddings and features must have one row per input row, got {lengths}")
    counts = {"items": items.num_rows, "selected": selection.num_rows, "arms": len(arms), **(counts or {})}
    manifest = {
        "format": FORMAT,
        "schema_version": SCHEMA_VERSION,
        "parameters": dict(parameters),
        "difficulty_known": difficulty_known,
        "counts": counts,
        "arms": [dict(row) for row in arms],
        "inputs": [dict(row) for row in inputs],
        "versions": dict(versions or {}),
        "notes": list(notes),
        "timing": dict(timing or {}),
    }
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.new-", dir=target.parent))
        try:
            pq.write_table(selection, aside / SELECTION)
            pq.write_table(items, aside / ITEMS)
            np.save(aside / EMBEDDINGS, np.ascontiguousarray(embeddings, np.float32), allow_pickle=False)
            np.save(aside / FEATURES, np.ascontiguousarray(features, np.float32), allow_pickle=False)
            _seal(aside, manifest)
            _swap(aside, target)
        except BaseException:
            shutil.rmtree(aside, ignore_errors=True)
            raise
    except OSError as e:
        raise ArtefactError(
            f"the artefact must be written to {target}, but the disk refused ({e}); what was there before is "
            "untouched: free space or give another out= folder"
        ) from e
    return read_artefact(target)


def _seal(folder: Path, manifest: dict[str, Any]) -> None:
    """Write the manifest with the checksums of the data files, and put everything on the disk."""
    manifest["files"] = {
        name: {"sha256": sha256_file(folder / name), "bytes": (folder / name).stat().st_size}
        for name in DATA_FILES
    }
    text = json.dumps(manifest, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    (folder / MANIFEST).write_text(text, encoding="utf-8")
    for name in (*DATA_FILES, MANIFEST):
        _fsync(folder / name)
    # mkdtemp makes it 0700, but training may run as another user.
    umask = os.umask(0)
    os.umask(umask)
    folder.chmod(0o777 & ~umask)
    _fsync(folder)


def check_replaceable(out: str | os.PathLike[str]) -> None:
    """Raise ArtefactError unless `out` is free, an empty folder, or an artefact with no file of others."""
    target = Path(out).resolve()
    if not target.exists():
        return
    fix = "give another out= folder, or move it away yourself"
    if not target.is_dir():
        raise ArtefactError(f"out must be a folder, but {target} is a file; {fix}")
    names = {entry.name for entry in target.iterdir()}
    if not names:
        return
    try:
        _read_manifest(target)
    except ArtefactError as e:
        raise ArtefactError(f"only an artefact may be replaced, and {e}; nothing was written: {fix}") from e
    if foreign := sorted(names - {MANIFEST, *DATA_FILES}):
        raise ArtefactError(
            f"replacing the artefact {target} would remove files that are not its own: {foreign}; {fix}"
        )


def _swap(new: Path, target: Path) -> None:
    """Rename `new` to `target`; an earlier artefact steps aside and goes once the new one is in place."""
    if not target.exists():
        new.rename(target)
        _fsync(target.parent)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{target.name}.old-", dir=target.parent))
    target.rename(old)  # onto an empty folder: one atomic step
    try:
        new.rename(target)
    except BaseException:
        old.rename(target)
        raise
    _fsync(target.parent)
    shutil.rmtree(old, ignore_errors=True)


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256_file(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a file as 64 hex characters."""
    with open(path, "rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()
