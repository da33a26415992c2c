"""JSON lines and arrays: read piece by piece, and what is wrong with them by row."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sparft_verl.identity import row_hash
from sparft_verl.prepare.cache import Cache
from sparft_verl.prepare.errors import PrepareError
from sparft_verl.prepare.read import DataConfig, Prompts, read
from sparft_verl.prepare.sources import json_rows

Rows = list[dict[str, Any]]


def load(path: Path) -> Prompts:
    return read(DataConfig(str(path)), Cache(None))


def lines(rows: Rows) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


@pytest.mark.parametrize("indent", [None, 2])
def test_an_array_and_lines_give_the_rows_of_parquet(rows: Rows, tmp_path: Path, indent: int | None) -> None:
    (tmp_path / "a.json").write_text(json.dumps(rows, indent=indent))
    (tmp_path / "a.jsonl").write_text(lines(rows))
    wanted = [row_hash(row) for row in rows]
    for name in ("a.json", "a.jsonl"):
        prompts = load(tmp_path / name)
        assert prompts.keys == wanted
        assert prompts.take(np.arange(len(rows))).to_pylist() == rows


def test_a_byte_order_mark_blank_lines_compression_and_a_foreign_ending_do_no_harm(
    rows: Rows, tmp_path: Path
) -> None:
    text = "\ufeff" + lines(rows[:2]) + "\n  \n" + lines(rows[2:4])
    (tmp_path / "a.jsonl").write_text(text)
    (tmp_path / "a.txt").write_text(text)
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    for name in ("a.jsonl", "a.txt", "a.jsonl.gz"):
        assert load(tmp_path / name).keys == [row_hash(row) for row in rows[:4]]


def test_an_array_longer_than_a_piece_is_read_in_pieces(
    rows: Rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.json").write_text(json.dumps(rows))
    for piece in (1, 7, 300):
        monkeypatch.setattr(json_rows, "_PIECE", piece)
        assert [row for batch in json_rows.read_json(tmp_path / "a.json") for row in batch] == rows


def test_keys_and_types_may_come_late(rows: Rows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    infos: list[Any] = [None, {}, {"level": 1}, {"level": 2.5, "late": "x"}]
    made = [{**row, "extra_info": info} for row, info in zip(rows, infos, strict=False)]
    (tmp_path / "a.jsonl").write_text(lines(made))
    monkeypatch.setattr(json_rows, "_BATCH_ROWS", 1)
    prompts = load(tmp_path / "a.jsonl")
    assert prompts.column("extra_info.level", "x") == [None, None, 1.0, 2.5]
    assert prompts.column("extra_info.late", "x") == [None, None, None, "x"]


def test_text_that_looks_like_a_date_stays_text(rows: Rows, tmp_path: Path) -> None:
    dated = [{**rows[0], "reward_model": {"ground_truth": "2021-01-01 00:00:00"}}]
    (tmp_path / "a.jsonl").write_text(lines(dated))
    assert load(tmp_path / "a.jsonl").truth(np.array([0])) == ["2021-01-01 00:00:00"]


@pytest.mark.parametrize(
    "text, said",
    [
        ('{"a": 1}\n{"a": \n', r"line 2 of '.*bad\.json' is neither"),
        ('{\n "a": 1\n}\n', r"line 1 of '.*bad\.json' is neither"),
        ("[1, 2]", r"row 0 of '.*bad\.json' is 1; write one object per line"),
        ('[{"a": 1}, {"a": ]', r"row 1 of '.*bad\.json' is broken"),
        ('[{"a": 1} {"a": 2}]', r"row 1 of '.*bad\.json' is broken \(a comma is missing"),
        ('[{"a": 1}', r"row 1 of '.*bad\.json' is broken \(it ends without \]"),
        ('[{"a": 1}] [', r"row 1 of '.*bad\.json' is broken \(something follows"),
    ],
)
def test_broken_json_is_named_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "bad.json").write_text(text)
    with pytest.raises(PrepareError, match=said):
        list(json_rows.read_json(tmp_path / "bad.json"))


def test_json_nested_without_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / "deep.jsonl").write_text('{"a": ' + "[" * 200_000 + "]" * 200_000 + "}\n")
    with pytest.raises(PrepareError, match=r"line 1 of '.*deep\.jsonl'"):
        list(json_rows.read_json(tmp_path / "deep.jsonl"))


@pytest.mark.parametrize("array", [False, True])
def test_json_that_is_not_utf8_is_named(tmp_path: Path, array: bool) -> None:
    line = b'{"a": "caf\xe9"}'
    (tmp_path / "latin.json").write_bytes(b"[" + line + b"]" if array else b'{"a": "x"}\n' + line)
    where = "row 0" if array else "line 2 of"
    with pytest.raises(PrepareError, match=f"must be UTF-8, but .*{where}"):
        list(json_rows.read_json(tmp_path / "latin.json"))


@pytest.mark.parametrize(
    "values, said",
    [
        ([1, "x"], r"'extra_info.level' is 1 \(int\) in an earlier row and 'x' in row 1 of"),
        ([None, 2**70], r"'extra_info.level' holds 1180591620717411303424, which it does not .* in row 1 of"),
        (["a", "\ud800"], r"'extra_info.level' holds '\\ud800', which it does not .* in row 1 of"),
    ],
)
def test_values_that_are_no_column_are_named_with_their_row(
    rows: Rows, tmp_path: Path, values: list[Any], said: str
) -> None:
    made = [{**row, "extra_info": {"level": v}} for row, v in zip(rows, values, strict=False)]
    (tmp_path / "mixed.jsonl").write_text("".join(json.dumps(row) + "\n" for row in made))
    with pytest.raises(PrepareError, match=said):
        load(tmp_path / "mixed.jsonl")


def test_a_file_that_is_neither_parquet_nor_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("question,answer\n1,2\n")
    with pytest.raises(PrepareError, match=r"must be parquet or JSON, but found '.*a\.csv' beginning"):
        load(tmp_path / "a.csv")


def test_an_empty_json_file_holds_no_row(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(PrepareError, match="at least one row, but found 0 rows"):
        load(tmp_path / "empty.jsonl")
