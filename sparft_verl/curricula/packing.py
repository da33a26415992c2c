"""A state as text and bytes: JSON beside an npz, no pickle."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import numpy as np

_MARK = "__array__"


def pack(state: dict[str, Any]) -> dict[str, Any]:
    """Return {"json": str, "arrays": bytes} for nested dicts and lists of arrays, str, int, float, bool and None.

    The same state gives the same bytes. Raises TypeError for any other type, ValueError for nan or infinity
    outside an array.
    """
    arrays: dict[str, np.ndarray] = {}
    text = json.dumps(_take(state, arrays), allow_nan=False)
    buffer = io.BytesIO()
    # object arrays, which savez would pickle, were refused above
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return {"json": text, "arrays": buffer.getvalue()}


def unpack(packed: dict[str, Any]) -> dict[str, Any]:
    """Return what `pack` was given; raises ValueError if text or bytes are damaged."""
    try:
        with np.load(io.BytesIO(packed["arrays"]), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        state = _put(json.loads(packed["json"]), arrays)
    except (ValueError, OSError, EOFError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"damaged state: cannot be read ({error}); resume from another checkpoint"
        ) from error
    if not isinstance(state, dict):
        raise ValueError(f"damaged state: a dict was saved, found {type(state).__name__}")
    return state


def _take(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            raise TypeError("a state holds no object arrays")
        name = f"a{len(arrays)}"
        arrays[name] = value
        return {_MARK: name}
    if isinstance(value, dict):
        if _MARK in value or not all(isinstance(key, str) for key in value):
            raise TypeError(f"keys of a state are strings other than {_MARK!r}, got {list(value)[:5]}")
        return {key: _take(item, arrays) for key, item in value.items()}
    if isinstance(value, list):
        return [_take(item, arrays) for item in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise TypeError(
        f"a state holds arrays, str, int, float, bool, lists and dicts, got {type(value).__name__}"
    )


def _put(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(value, dict):
        return (
            arrays[value[_MARK]]
            if _MARK in value
            else {key: _put(item, arrays) for key, item in value.items()}
        )
    return [_put(item, arrays) for item in value] if isinstance(value, list) else value
