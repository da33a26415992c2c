"""Reading prompts: verl's parquet, one file or several, and what is wrong with them by name."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sparft_verl.identity import row_hash
from sparft_verl.prepare.errors import PrepareError
from sparft_verl.prepare.read import DataConfig, message_text, read

Rows = list[dict[str, Any]]
Save = Callable[..., str]


def test_rows_keep_their_order_content_and_identity(rows: Rows, save: Save) -> None:
    prompts = read(DataConfig(save(rows)))
    assert prompts.keys == [row_hash(row) for row in rows]
    assert prompts.source == [row["data_source"] for row in rows]
    assert prompts.text[0] == "what is the sum of 0 plus 0 added together"
    assert prompts.table.to_pylist() == rows
    assert prompts.inputs[0]["rows"] == len(rows) and len(prompts.inputs[0]["sha256"]) == 64


def test_several_files_with_different_columns_are_one_data_set(rows: Rows, save: Save) -> None:
    other = [{**row, "extra_info": {"split": "b"}, "ability": "math"} for row in rows[:2]]
    prompts = read(DataConfig([save(rows[3:5], "a.parquet"), save(other, "b.parquet")]))
    assert prompts.keys == [row_hash(row) for row in rows[3:5] + rows[:2]]
    assert prompts.table["ability"].to_pylist() == [None, None, "math", "math"]


def test_duplicates_are_counted_by_occurrence(rows: Rows, save: Save) -> None:
    prompts = read(DataConfig(save([rows[0], rows[1], rows[0]])))
    assert prompts.occurrence.tolist() == [0, 0, 1]
    assert prompts.notes == ["1 of 3 rows repeat the content of an earlier row"]


def test_columns_of_an_earlier_artefact_are_dropped_and_said(rows: Rows, save: Save) -> None:
    prompts = read(DataConfig(save([{**row, "sparft_arm": 3} for row in rows])))
    assert "sparft_arm" not in prompts.table.column_names
    assert "sparft_arm" in prompts.notes[0]


def test_pandas_index_does_not_come_back(rows: Rows, tmp_path: Path) -> None:
    pd.DataFrame(rows).iloc[::2].to_parquet(tmp_path / "p.parquet")
    assert read(DataConfig(str(tmp_path / "p.parquet"))).table.schema.metadata is None


def test_the_system_message_is_embedded_only_when_alone() -> None:
    system, user = {"role": "system", "content": "s"}, {"role": "user", "content": "u"}
    assert message_text([system, user, {"role": "assistant", "content": "a"}], 0) == "u\na"
    assert message_text([system], 0) == "s"


def test_of_a_message_in_parts_the_text_is_embedded() -> None:
    parts = [{"type": "image", "text": None}, {"type": "text", "text": "look"}]
    assert message_text([{"role": "user", "content": parts}], 0) == "look"


@pytest.mark.parametrize("column", ["prompt", "data_source"])
def test_a_missing_column_is_named_with_its_file(rows: Rows, save: Save, column: str) -> None:
    path = save([{k: v for k, v in row.items() if k != column} for row in rows], "lacking.parquet")
    with pytest.raises(PrepareError, match=rf"must have column '{column}', but found .*lacking\.parquet"):
        read(DataConfig(path))


def test_a_missing_file_is_named() -> None:
    with pytest.raises(PrepareError, match=r"must exist, but found no file 'nowhere\.parquet'"):
        read(DataConfig("nowhere.parquet"))


@pytest.mark.parametrize("content", [b"", b"not parquet at all, only text"])
def test_an_unreadable_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.parquet").write_bytes(content)
    with pytest.raises(PrepareError, match=r"must be readable parquet, but .*bad\.parquet"):
        read(DataConfig(str(tmp_path / "bad.parquet")))


def test_zero_rows_are_refused(rows: Rows, tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(rows).slice(0, 0), tmp_path / "empty.parquet")
    with pytest.raises(PrepareError, match="at least one row, but found 0 rows"):
        read(DataConfig(str(tmp_path / "empty.parquet")))


@pytest.mark.parametrize("prompt", ["plain text", None])
def test_a_prompt_that_is_no_message_list_is_named_with_its_row(rows: Rows, save: Save, prompt: Any) -> None:
    bad = [{**row, "prompt": prompt} for row in rows[:1]]
    with pytest.raises(
        PrepareError, match=r"list of chat messages with role and content, but found .* in row 0"
    ):
        read(DataConfig(save(bad)))


def test_clashing_schemas_name_the_file(rows: Rows, save: Save) -> None:
    other = [{**row, "extra_info": "text"} for row in rows]
    with pytest.raises(PrepareError, match=r"like types, but '.*b\.parquet' clashes"):
        read(DataConfig([save(rows, "a.parquet"), save(other, "b.parquet")]))


def test_invalid_utf8_names_the_file(rows: Rows, tmp_path: Path) -> None:
    table = pa.Table.from_pylist(rows[:1])
    bad = pa.array([b"\xff\xfe"]).view(pa.string())
    pq.write_table(table.set_column(0, "data_source", bad), tmp_path / "latin.parquet")
    with pytest.raises(PrepareError, match=r"must be UTF-8, but a row of .*latin\.parquet"):
        read(DataConfig(str(tmp_path / "latin.parquet")))
