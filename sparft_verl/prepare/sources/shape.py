"""Rows of a foreign schema in verl's format."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from sparft_verl.prepare.errors import PrepareError, require
from sparft_verl.prepare.sources.arrays import to_array
from sparft_verl.prepare.sources.config import TRUTH, DataFile

Row = dict[str, Any]
_MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
_REWARD = pa.struct([("style", pa.string()), ("ground_truth", pa.string())])
# Beyond it the parser of Python literals may need memory and stack out of proportion.
_LONGEST_LITERAL = 1_000_000


class Shaper:
    """Turns the rows of one input into batches in verl's format, as its `DataFile` says."""

    def __init__(self, spec: DataFile, prompt_key: str, name: str) -> None:
        self._spec, self._prompt_key, self._name = spec, prompt_key, name
        self._prompt = spec.prompt or prompt_key
        self._truth = spec.truth_columns()
        self._own_truth = spec.truth == TRUTH and not (spec.truth_pattern or spec.truth_drop)
        self._pattern = re.compile(spec.truth_pattern) if spec.truth_pattern else None
        self._drop = str.maketrans("", "", spec.truth_drop)
        self._extra = spec.carried()
        self._lacking = set(self.paths())
        self._row = 0
        self.empty = 0
        """Prompts that were null: they become empty text."""

    def paths(self) -> list[str]:
        """Return the columns and dotted paths that the input must have."""
        own = [] if self._spec.source is not None else ["data_source"]
        wanted = [self._prompt, *self._truth, *self._extra.values(), *self._spec.keep, *own]
        return list(dict.fromkeys(wanted))

    def heads(self, columns: Sequence[str]) -> list[str]:
        """Return which of an input's `columns` have to be read. PrepareError names the one it lacks."""
        heads = []
        for path in self.paths():
            head = path if path in columns else path.split(".")[0]
            self._require(head in columns, path, columns)
            heads.append(head)
        taken = [c for c in ("ability", "extra_info", "reward_model") if c in columns]
        return list(dict.fromkeys(heads + taken))

    def _require(self, ok: bool, path: str, seen: Sequence[str]) -> None:
        option = "data.files[].truth" if path in self._truth else "data.files[]"
        fix = "correct the name" + (", or write truth: null for none" if path in self._truth else "")
        fix = "set source, or name another file" if path == "data_source" else fix
        require(ok, f"{option} names column {path!r}, which {self._name!r} must have", list(seen), fix)

    def add(self, rows: list[Row]) -> Any:
        """Return the RecordBatch of the next rows."""
        spec, first = self._spec, self._row
        names = [self._prompt_key, "data_source", "reward_model", "extra_info"]
        arrays = [
            self._messages([self._get(row, self._prompt, at) for at, row in enumerate(rows, first)]),
            self._text_array([self._source(row, at) for at, row in enumerate(rows, first)], "data_source"),
            self._reward(rows),
            to_array(
                [self._info(row, at) for at, row in enumerate(rows, first)], "extra_info", self._name, first
            ),
        ]
        if spec.ability is not None or any("ability" in row for row in rows):
            names.append("ability")
            found = [spec.ability if spec.ability is not None else row.get("ability") for row in rows]
            arrays.append(self._text_array(found, "ability"))
        for column in spec.keep:
            names.append(column)
            kept = [self._get(row, column, at) for at, row in enumerate(rows, first)]
            arrays.append(to_array(kept, column, self._name, first))
        self._row += len(rows)
        return pa.RecordBatch.from_arrays(arrays, names=names)

    def check_seen(self, seen: Sequence[str]) -> None:
        """Raise PrepareError when a column that was asked for stood in no row at all."""
        for path in sorted(self._lacking):
            self._require(False, path, seen)

    def _text_array(self, values: list[Any], column: str) -> Any:
        return to_array(values, column, self._name, self._row, pa.string())

    def _where(self, row: int) -> str:
        return f"row {row} of {self._name!r}"

    def _get(self, row: Row, path: str, at: int) -> Any:
        """Return the value at a column or dotted path, parsed where it is a Python literal."""
        value: Any = row
        for step in [path] if path in row else path.split("."):
            if not isinstance(value, dict) or step not in value:
                return None
            value = value[step]
        self._lacking.discard(path)
        if path in self._spec.literals and value is not None:
            return json.dumps(self._literal(value, path, at), ensure_ascii=False)
        return value

    def _literal(self, text: Any, path: str, at: int) -> Any:
        rule = f"data.files[].literals names column {path!r}, which must hold a Python literal of lists and scalars"
        ok = isinstance(text, str) and len(text) <= _LONGEST_LITERAL
        require(ok, rule, f"{text!r:.60} in {self._where(at)}", "take it out of literals")
        try:
            value = ast.literal_eval(text)
            json.dumps(value)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError) as e:
            raise PrepareError(
                f"{rule}, but found {text!r:.60} in {self._where(at)} ({e}); take it out of literals"
            ) from e
        return value

    def _messages(self, values: list[Any]) -> Any:
        spec = self._spec
        if any(isinstance(value, list) for value in values):
            clean = spec.template == "{prompt}" and spec.system is None
            rule = f"template and system in data.files[] are for prompts of text, and {self._name!r} has messages"
            require(clean, rule, repr(spec.system or spec.template), "leave them out")
            return to_array(values, self._prompt, self._name, self._row)
        chats = []
        before = [] if spec.system is None else [{"role": "system", "content": spec.system}]
        for at, value in enumerate(values, self._row):
            require(
                value is None or isinstance(value, str),
                f"prompt column {self._prompt!r} must hold text or chat messages",
                f"{value!r:.60} in {self._where(at)}",
                "name another column",
            )
            self.empty += value is None
            text = spec.template.replace("{prompt}", value) if value else value or ""
            chats.append([*before, {"role": "user", "content": text}])
        return to_array(chats, self._prompt, self._name, self._row, _MESSAGES)

    def _source(self, row: Row, at: int) -> Any:
        if self._spec.source is not None:
            return self._spec.source
        return self._get(row, "data_source", at)

    def _reward(self, rows: list[Row]) -> Any:
        first = self._row
        if self._own_truth:
            for at, row in enumerate(rows, first):
                self._get(row, TRUTH, at)
            return to_array([row.get("reward_model") for row in rows], "reward_model", self._name, first)
        found = [
            {"style": self._spec.style, "ground_truth": self._answer(row, at)}
            for at, row in enumerate(rows, first)
        ]
        return to_array(found, "reward_model", self._name, first, _REWARD)

    def _answer(self, row: Row, at: int) -> str | None:
        if not self._truth:
            return None
        if len(self._truth) == 1:
            text = _as_text(self._get(row, self._truth[0], at))
        else:
            parts = {c: _parsed(self._get(row, c, at), c in self._spec.literals) for c in self._truth}
            text = json.dumps(parts, ensure_ascii=False)
        if self._pattern is not None and text is not None:
            found = self._pattern.search(text)
            if found is None or found[1] is None:
                raise PrepareError(
                    f"data.files[].truth_pattern {self._spec.truth_pattern!r} must match every ground truth, "
                    f"but found {text[-80:]!r} in {self._where(at)}; correct the pattern or the row"
                )
            text = found[1].strip()
        return text.translate(self._drop) if text is not None and self._spec.truth_drop else text

    def _info(self, row: Row, at: int) -> Row:
        own = row.get("extra_info")
        info = dict(own) if isinstance(own, dict) else {}
        if info.get("index") is None:
            info["index"] = at
        if info.get("split") is None:
            info["split"] = self._spec.split
        info.update({name: self._get(row, path, at) for name, path in self._extra.items()})
        return {**info, **self._spec.constants}


def _as_text(value: Any) -> str | None:
    """Return a ground truth as text: text as it is, all else as JSON, for verl's scorers compare text."""
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _parsed(value: Any, literal: bool) -> Any:
    return json.loads(value) if literal and value is not None else value
