"""Writing an artefact: whole or not at all, an earlier one intact until the new one is complete."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sparft_verl.artefact.reading import Artefact, read_artefact, read_manifest
from sparft_verl.artefact.schema import (
    EMBEDDINGS,
    FEATURES,
    FORMAT,
    ITEMS,
    MANIFEST,
    OWN_FILES,
    REMOVED,
    REMOVED_COLUMNS,
    SCHEMA_VERSION,
    SELECTION,
    TENSOR,
    check_arms,
    check_tables,
    sha256_file,
)
from sparft_verl.artefact.swap import swap
from sparft_verl.atomic import sync
from sparft_verl.identity import ArtefactError


def write_artefact(
    out: str | os.PathLike[str],
    *,
    selection: pa.Table,
    items: pa.Table,
    removed: pa.Table | None = None,
    embeddings: np.ndarray[Any, Any],
    features: np.ndarray[Any, Any],
    arms: Sequence[Mapping[str, Any]],
    parameters: Mapping[str, Any],
    difficulty_known: bool,
    embeddings_format: str = "npy",
    versions: Mapping[str, str] | None = None,
    inputs: Sequence[Mapping[str, Any]] = (),
    counts: Mapping[str, Any] | None = None,
    ledger: Mapping[str, Mapping[str, float]] | None = None,
    notes: Sequence[str] = (),
) -> Artefact:
    """Write an artefact to `out` and return it as read back and verified.

    It is written aside in the same parent folder, synced and put in place by one rename; an earlier artefact is
    removed only then. A killed run leaves at most a folder `.NAME.new-*` beside it, which may be deleted. Raises
    ArtefactError when `out` holds anything but an artefact, when the parts do not fit each other, or when the
    disk refuses.
    """
    target = Path(out).resolve()
    check_replaceable(target)
    removed = removed if removed is not None else _nothing_removed()
    check_tables(selection.schema, items.schema, removed.schema, "what is written to ")
    check_arms(selection["sparft_arm"].to_numpy(), len(arms), "the selection to be written")
    lengths = {"items": items.num_rows, "embeddings": len(embeddings), "features": len(features)}
    if len(set(lengths.values())) != 1:
        raise ArtefactError(f"items, embeddings and features must have one row per item, got {lengths}")
    if embeddings_format not in EMBEDDINGS:
        raise ArtefactError(
            f"embeddings are kept as {' or '.join(EMBEDDINGS)}, found {embeddings_format!r}; choose one of these"
        )
    counts = {
        "items": items.num_rows,
        "removed": removed.num_rows,
        "selected": selection.num_rows,
        "arms": len(arms),
        **(counts or {}),
    }
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "schema_version": SCHEMA_VERSION,
        "parameters": dict(parameters),
        "difficulty_known": difficulty_known,
        "counts": counts,
        "arms": [dict(row) for row in arms],
        "inputs": [dict(row) for row in inputs],
        "versions": dict(versions or {}),
        "notes": list(notes),
        "ledger": {stage: dict(cost) for stage, cost in (ledger or {}).items()},
    }
    began = time.perf_counter()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.new-", dir=target.parent))
        try:
            pq.write_table(selection, aside / SELECTION)
            pq.write_table(items, aside / ITEMS)
            pq.write_table(removed, aside / REMOVED)
            _save_embeddings(aside, embeddings, embeddings_format)
            np.save(aside / FEATURES, np.ascontiguousarray(features, np.float32), allow_pickle=False)
            manifest["ledger"]["write"] = {
                "seconds": round(time.perf_counter() - began, 3),
                "items": len(items),
            }
            _seal(aside, manifest)
            swap(aside, target)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    except OSError as e:
        raise ArtefactError(
            f"the artefact must be written to {target}, but the disk refused ({e}); what was there before is "
            "untouched: free space or give another out= folder"
        ) from e
    return read_artefact(target)


def _nothing_removed() -> pa.Table:
    return pa.table({name: pa.array([], type=kind) for name, kind in REMOVED_COLUMNS.items()})


def _save_embeddings(folder: Path, embeddings: np.ndarray[Any, Any], kind: str) -> None:
    vectors = np.ascontiguousarray(embeddings, np.float32)
    if kind == "npy":
        np.save(folder / EMBEDDINGS[kind], vectors, allow_pickle=False)
        return
    try:
        from safetensors.numpy import save_file
    except ImportError as e:
        raise ArtefactError(
            f"embeddings=safetensors needs the package safetensors, but {e}; install it, or use embeddings=npy"
        ) from e
    save_file({TENSOR: vectors}, folder / EMBEDDINGS[kind])


def _seal(folder: Path, manifest: dict[str, Any]) -> None:
    """Write the manifest with the checksums of the data files, and put everything on the disk."""
    names = sorted(entry.name for entry in folder.iterdir())
    manifest["files"] = {
        name: {"sha256": sha256_file(folder / name), "bytes": (folder / name).stat().st_size}
        for name in names
    }
    text = json.dumps(manifest, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    (folder / MANIFEST).write_text(text, encoding="utf-8")
    for name in (*names, MANIFEST):
        sync(folder / name)
    # mkdtemp makes it 0700, but training may run as another user.
    umask = os.umask(0)
    os.umask(umask)
    folder.chmod(0o777 & ~umask)
    sync(folder)


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
        read_manifest(target)
    except ArtefactError as e:
        raise ArtefactError(f"only an artefact may be replaced, and {e}; nothing was written: {fix}") from e
    if foreign := sorted(names - OWN_FILES):
        raise ArtefactError(
            f"replacing the artefact {target} would remove files that are not its own: {foreign}; {fix}"
        )
