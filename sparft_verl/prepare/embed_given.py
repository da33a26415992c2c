"""Vectors made elsewhere: a column of the data, or a file beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sparft_verl.prepare.embed_config import EmbedConfig
from sparft_verl.prepare.errors import PrepareError, require


def from_column(values: Sequence[Any], name: str) -> np.ndarray[Any, Any]:
    """Return float32 [N, d] of a list of numbers per row. PrepareError naming the first row that is none."""
    widths = np.fromiter((-1 if value is None else np.size(value) for value in values), np.int64, len(values))
    odd = np.flatnonzero((widths != widths[0]) | (widths < 1))
    require(
        len(odd) == 0,
        f"embed.column={name} must hold equally many numbers in every row",
        f"{_width(widths[odd[0]])} in row {odd[0]} and {_width(widths[0])} in row 0" if len(odd) else "",
        "fill or remove that row, or let a model embed it (embed.engine=sentence_transformers)",
    )
    try:
        vectors = np.array(list(values), dtype=np.float32)
    except (TypeError, ValueError) as e:
        raise PrepareError(
            f"embed.column={name} must hold lists of numbers, but {e}; name another column"
        ) from e
    require(
        vectors.ndim == 2, f"embed.column={name} must hold flat lists", f"shape {vectors.shape}", "flatten it"
    )
    return vectors


def from_file(
    config: EmbedConfig, origin: np.ndarray[Any, Any], rows: int
) -> tuple[np.ndarray[Any, Any], str]:
    """Return float32 [N, d], the file's rows `origin` (int64[N]), and its sha256. The input has `rows` rows."""
    from sparft_verl.artefact import sha256_file

    path = Path(str(config.file)).expanduser()
    require(path.is_file(), "embed.file must be a file", repr(config.file), "correct the path")
    try:
        vectors = _read(path)
    except (OSError, ValueError, EOFError) as e:
        raise PrepareError(f"embed.file={config.file} must be a .npy or .safetensors file, but {e}") from e
    numeric = np.issubdtype(vectors.dtype, np.floating) or np.issubdtype(vectors.dtype, np.integer)
    require(
        vectors.ndim == 2 and vectors.shape[1] > 0 and len(vectors) == rows and numeric,
        f"embed.file={config.file} must hold one vector per input row, which is ({rows}, dimensions) of numbers",
        f"{vectors.dtype} {vectors.shape}",
        "make it from the same data, in the same order, before any cleaning",
    )
    return np.ascontiguousarray(vectors[origin], dtype=np.float32), sha256_file(path)


def given(
    config: EmbedConfig,
    column: Callable[[str], Sequence[Any]] | None,
    origin: np.ndarray[Any, Any],
    rows: int,
) -> tuple[np.ndarray[Any, Any], dict[str, Any]]:
    """Return float32 [N, d] and what the manifest says of it, for engine column or npy."""
    if config.engine == "npy":
        vectors, checksum = from_file(config, origin, rows)
        name = Path(str(config.file)).name
        return vectors, {"engine": "npy", "model": f"made elsewhere: file {name}", "sha256": checksum}
    if column is None:
        raise PrepareError(
            "embed.engine=column needs columns, but these texts come without; use another engine"
        )
    vectors = from_column(column(str(config.column)), str(config.column))
    return vectors, {"engine": "column", "model": f"made elsewhere: column {config.column}"}


def _width(width: int) -> str:
    return "nothing" if width < 1 else str(width)


def _read(path: Path) -> np.ndarray[Any, Any]:
    if path.suffix != ".safetensors":
        return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            names = list(file.keys())
            if len(names) != 1 and "embeddings" not in names:
                raise ValueError(f"it holds the arrays {', '.join(names)}, none of them named embeddings")
            return np.asarray(file.get_tensor("embeddings" if "embeddings" in names else names[0]))
    except SafetensorError as e:
        raise ValueError(str(e)) from e
