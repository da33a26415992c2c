"""JSON of any size as rows: JSON lines, or one array of objects, read piece by piece."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from sparft_verl.prepare.errors import PrepareError

Row = dict[str, Any]
_BATCH_ROWS = 4096
_BATCH_CHARACTERS = 1 << 25
_PIECE = 1 << 20
_LONGEST = 1 << 28
_SHAPE = "write one object per line, or one array of objects"


def read_json(path: Path) -> Iterator[list[Row]]:
    """Yield the objects of a JSON file in batches of bounded size. PrepareError names file and row."""
    batch: list[Row] = []
    size = 0
    for number, (row, length) in enumerate(_objects(path)):
        if not isinstance(row, dict):
            raise PrepareError(
                f"rows of a JSON file must be objects, but row {number} of {str(path)!r} is {row!r:.80}; {_SHAPE}"
            )
        batch.append(row)
        size += length
        if len(batch) == _BATCH_ROWS or size >= _BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _objects(path: Path) -> Iterator[tuple[Any, int]]:
    """Yield (value, its length in characters) of every row."""
    try:
        with pa.input_stream(str(path), compression="detect") as raw, io.BufferedReader(raw, _PIECE) as file:
            head = file.peek(4096).lstrip(b"\xef\xbb\xbf \t\r\n")
            yield from _array(file, path) if head[:1] == b"[" else _lines(file, path)
    except (OSError, pa.ArrowException) as e:
        raise PrepareError(f"{str(path)!r} must be readable JSON, but is not ({e}); write it anew") from e


def _lines(file: io.BufferedReader, path: Path) -> Iterator[tuple[Any, int]]:
    for number, line in enumerate(file, 1):
        where = f"line {number} of {str(path)!r}"
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as e:
            raise PrepareError(f"text must be UTF-8, but {where} is not ({e}); repair the file") from e
        if not text.strip():
            continue
        try:
            yield json.loads(text), len(text)
        except (ValueError, RecursionError) as e:
            raise PrepareError(
                f"JSON must hold one object per line or one array, but {where} is neither ({e}): {text:.60}; {_SHAPE}"
            ) from e


def _array(file: io.BufferedReader, path: Path) -> Iterator[tuple[Any, int]]:
    decoder = json.JSONDecoder()
    stream = io.TextIOWrapper(file, encoding="utf-8-sig")
    number = 0
    try:
        text, at = stream.read(_PIECE), 0
        at = _skip(text, 0) + 1  # the opening bracket
        while True:
            text, at, sign = _next(stream, text, at)
            if sign == "]":
                if (text[at + 1 :] + stream.read()).strip():
                    raise ValueError("something follows the closing bracket")
                return
            if number:
                if sign != ",":
                    raise ValueError(f"a comma is missing before {sign!r}")
                text, at, _ = _next(stream, text, at + 1)
            text, at, value, length = _value(stream, decoder, text, at)
            yield value, length
            number += 1
    except UnicodeDecodeError as e:
        raise PrepareError(
            f"text must be UTF-8, but {str(path)!r} is not near row {number} ({e}); repair the file"
        ) from e
    except (ValueError, RecursionError) as e:
        raise PrepareError(
            f"JSON must hold one object per line or one array, but row {number} of {str(path)!r} is broken ({e}); "
            f"{_SHAPE}"
        ) from e


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at


def _next(stream: io.TextIOWrapper, text: str, at: int) -> tuple[str, int, str]:
    """Return (text, place, character) of the next thing that is no space."""
    while (at := _skip(text, at)) == len(text):
        more = stream.read(_PIECE)
        if not more:
            raise ValueError("it ends without ]")
        text, at = more, 0
    return text, at, text[at]


def _value(
    stream: io.TextIOWrapper, decoder: json.JSONDecoder, text: str, at: int
) -> tuple[str, int, Any, int]:
    """Return (text, place, value, length), reading on while the value is not complete."""
    while True:
        try:
            value, end = decoder.raw_decode(text, at)
            return text, end, value, end - at
        except ValueError:
            left = len(text) - at
            # twice as much each time, so that a long row is not parsed from its start over and over
            more = stream.read(max(_PIECE, left)) if left < _LONGEST else ""
            if not more:
                raise
            text, at = text[at:] + more, 0
