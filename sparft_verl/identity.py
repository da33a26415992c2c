"""Who a row is: a hash of its content, and the join of rows by it.

Shared by `prepare`, which writes the hashes, and the trainer, which looks its own rows up by them: both must
compute the very same value whatever route a row took.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np


class ArtefactError(ValueError):
    """The artefact cannot be used as asked; the message names the rule, the value seen and the fix."""


def _plain(value: Any) -> Any:
    """Return `value` in JSON's types: all routes of a row (parquet, pandas, NumPy) meet in one form."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        # An int column becomes float when pandas or a schema merge meets a null: 3 and 3.0 are one answer.
        return int(value) if math.isfinite(value) and value.is_integer() else value
    if isinstance(value, Mapping):
        # Parquet merges the keys of all rows into one struct and fills the gaps with None.
        return {str(k): _plain(v) for k, v in value.items() if v is not None}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, bytes | bytearray | memoryview):
        return {"bytes": hashlib.sha256(bytes(value)).hexdigest()}
    if isinstance(value, Decimal):
        return str(value)
    raise ArtefactError(
        "row identity is made of text, numbers, lists and dicts, "
        f"but found {type(value).__name__} ({value!r:.80}); store it as text in the prompt or ground truth"
    )


def content_hash(prompt_messages: Any, data_source: Any, ground_truth: Any) -> str:
    """Return 32 hex characters that identify a row by its messages, data source and ground truth.

    Of a message its role and content count. Invariant to NumPy against list, to None-valued dict keys, to key
    order and to 3 against 3.0. A prompt may also be plain text. The hash is the head of the SHA-256 of
    canonical JSON (sorted keys, ASCII).
    """
    prompt = _plain(prompt_messages)
    if isinstance(prompt, list):
        prompt = [
            {k: m[k] for k in ("role", "content") if k in m} if isinstance(m, dict) else m for m in prompt
        ]
    text = json.dumps(
        [prompt, _plain(data_source), _plain(ground_truth)], sort_keys=True, separators=(",", ":")
    )
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:32]


def row_hash(row: Mapping[str, Any], prompt_column: str = "prompt") -> str:
    """Return the content hash of a row in verl's format (reward_model.ground_truth, None when absent)."""
    reward_model = row.get("reward_model")
    truth = reward_model.get("ground_truth") if isinstance(reward_model, Mapping) else None
    return content_hash(row.get(prompt_column), row.get("data_source"), truth)


def occurrences(hashes: Iterable[str]) -> list[int]:
    """Return for each hash how many equal ones stand before it (0 for the first)."""
    seen: dict[str, int] = defaultdict(int)
    out = []
    for key in hashes:
        out.append(seen[key])
        seen[key] += 1
    return out


def join(
    keys: Sequence[str],
    occurrence: Sequence[int] | np.ndarray[Any, Any],
    data_hashes: Sequence[str],
) -> np.ndarray[Any, Any]:
    """Return int64 [m]: each artefact row's position in the data, -1 where none is left, no position twice.

    First (key, n-th occurrence) is matched exactly. Artefact rows left over then take, in order, the data rows
    of the same content that are still free:
    rows with equal content are interchangeable, and cutting, shuffling or training on the artefact's own
    parquet changes which occurrence a row is.
    """
    if len(keys) != len(occurrence):
        raise ArtefactError(
            f"join needs one occurrence per key, got {len(keys)} keys and {len(occurrence)} occurrences"
        )
    exact: dict[tuple[str, int], int] = {}
    free: dict[str, dict[int, None]] = defaultdict(dict)
    for place, (key, n) in enumerate(zip(data_hashes, occurrences(data_hashes), strict=True)):
        exact.setdefault((key, int(n)), place)
        free[key][place] = None
    positions = np.full(len(keys), -1, dtype=np.int64)
    leftover = []
    for i, (key, n) in enumerate(zip(keys, occurrence, strict=True)):
        match = exact.get((key, int(n)))
        if match is None or match not in free[key]:
            leftover.append(i)
            continue
        positions[i] = match
        del free[key][match]
    for i in leftover:
        if rest := free.get(keys[i]):
            positions[i] = first = next(iter(rest))
            del rest[first]
    return positions
