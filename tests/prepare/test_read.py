"""Reading prompts in verl's format: one file or several, and what is wrong with them by name."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparft_verl.identity import row_hash
from sparft_verl.prepare.cache import Cache
from sparft_verl.prepare.errors import PrepareError
from sparft_verl.prepare.read import DataConfig, Prompts, message_text
from sparft_verl.prepare.read import read as read_with
from sparft_verl.prepare.sources.identify import keys
from sparft_verl.verl_plugin.join import dataset_content

Rows = list[dict[str, Any]]
Save = Callable[..., str]


def read(files: Any, **more: Any) -> Prompts:
    return read_with(DataConfig(files, **more), Cache(None))


def test_rows_keep_their_order_content_and_identity(rows: Rows, save: Save) -> None:
    prompts = read(save(rows))
    assert prompts.keys == [row_hash(row) for row in rows]
    assert prompts.source == [row["data_source"] for row in rows]
    assert prompts.text[0] == "what is the sum of 0 plus 0 added together"
    assert prompts.take(np.arange(len(rows))).to_pylist() == rows
    assert prompts.origin.tolist() == list(range(len(rows)))
    assert prompts.inputs[0]["rows"] == len(rows) and len(prompts.inputs[0]["sha256"]) == 64


def test_keys_are_those_that_training_computes_from_the_written_selection(
    rows: Rows, save: Save, tmp_path: Path
) -> None:
    odd = [
        {**rows[0], "reward_model": {"ground_truth": None}},
        {**rows[1], "prompt": [{"role": "user", "content": "Wörter \U0001f600 \x00 \"'\\", "name": None}]},
    ]
    truths = [{**row, "reward_model": {"ground_truth": n}} for row, n in zip(rows, [3, 2.5], strict=False)]
    prompts = read([save(odd, "a.parquet"), save(rows[5:], "b.parquet")])
    numbers = read([save(truths[:1], "int.parquet"), save(truths[1:], "float.parquet")])
    for found in (prompts, numbers):
        pq.write_table(found.take(np.arange(len(found))), tmp_path / "selection.parquet")
        frame = datasets.load_dataset(
            "parquet",
            data_files=str(tmp_path / "selection.parquet"),
            cache_dir=str(tmp_path / str(len(found))),
        )

        class Loaded:
            dataframe = frame["train"]
            prompt_key = "prompt"

        assert dataset_content(Loaded()) == (found.keys, found.source)


_TEXT = st.text(max_size=8)
_PLAIN = st.fixed_dictionaries({"role": st.sampled_from(["system", "user"]), "content": _TEXT})
_NULLS = st.fixed_dictionaries({"role": st.sampled_from(["user", None]), "content": _TEXT | st.none()})


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "prompt": st.lists(_PLAIN, max_size=3) | st.lists(_NULLS, max_size=2),
                "data_source": _TEXT | st.none(),
                "reward_model": st.fixed_dictionaries({"ground_truth": _TEXT | st.none()}) | st.none(),
            }
        ),
        min_size=1,
        max_size=6,
    ),
    st.integers(0, 2),
)
def test_keys_by_column_are_the_keys_by_row(made: Rows, skipped: int) -> None:
    chat = pa.list_(pa.struct([("content", pa.string()), ("role", pa.string())]))
    truth = pa.struct([("ground_truth", pa.string())])
    schema = pa.schema([("prompt", chat), ("data_source", pa.string()), ("reward_model", truth)])
    batch = pa.RecordBatch.from_pylist(made, schema=schema).slice(skipped)
    assert keys(batch, "prompt") == [row_hash(row) for row in made[skipped:]]


def test_several_files_with_different_columns_are_one_data_set(rows: Rows, save: Save) -> None:
    other = [{**row, "extra_info": {"split": "b", "difficulty": 2}, "ability": "math"} for row in rows[:2]]
    prompts = read([save(rows[3:5], "a.parquet"), save(other, "b.parquet")])
    assert prompts.keys == [row_hash(row) for row in rows[3:5] + rows[:2]]
    assert prompts.column("ability", "x") == [None, None, "math", "math"]
    # an integer in one file and a float in the other are one column of floats
    assert prompts.column("extra_info.difficulty", "x") == [3.0, 4.0, 2.0, 2.0]
    assert prompts.take(np.array([3, 0])).column("extra_info").to_pylist()[0]["family"] is None


def test_duplicates_are_counted_by_occurrence(rows: Rows, save: Save) -> None:
    prompts = read(save([rows[0], rows[1], rows[0]]))
    assert prompts.occurrence.tolist() == [0, 0, 1]
    assert prompts.notes == ["1 of 3 rows repeat the content of an earlier row"]


def test_columns_of_an_earlier_artefact_are_dropped_and_said(rows: Rows, save: Save) -> None:
    prompts = read(save([{**row, "sparft_arm": 3} for row in rows]))
    assert "sparft_arm" not in prompts.schema.names
    assert "sparft_arm" in prompts.notes[0]


def test_pandas_index_does_not_come_back(rows: Rows, tmp_path: Path) -> None:
    pd.DataFrame(rows).iloc[::2].to_parquet(tmp_path / "p.parquet")
    assert read(str(tmp_path / "p.parquet")).take(np.arange(2)).schema.metadata is None


def test_column_types_of_the_data_set_library_survive(rows: Rows, tmp_path: Path) -> None:
    features = datasets.Features(
        {"prompt": [{"role": datasets.Value("string"), "content": datasets.Value("string")}]}
        | {"data_source": datasets.Value("string"), "level": datasets.ClassLabel(names=["easy", "hard"])}
    )
    made = [{"prompt": r["prompt"], "data_source": r["data_source"], "level": 1} for r in rows[:3]]
    datasets.Dataset.from_list(made, features=features).to_parquet(tmp_path / "classes.parquet")
    table = read(str(tmp_path / "classes.parquet")).take(np.arange(2))
    assert datasets.Features.from_arrow_schema(table.schema)["level"] == features["level"]


def test_categories_of_pandas_become_text(rows: Rows, tmp_path: Path) -> None:
    frame = pd.DataFrame(rows).astype({"data_source": "category"})
    frame.to_parquet(tmp_path / "categories.parquet")
    prompts = read(str(tmp_path / "categories.parquet"))
    assert prompts.keys == [row_hash(row) for row in rows]
    assert pa.types.is_dictionary(pq.read_schema(tmp_path / "categories.parquet").field("data_source").type)
    assert prompts.schema.field("data_source").type == pa.string()


def test_the_system_message_is_embedded_only_when_alone(rows: Rows, save: Save) -> None:
    system, user = {"role": "system", "content": "s"}, {"role": "user", "content": "u"}
    assert message_text([system, user, {"role": "assistant", "content": "a"}], "row 0") == "u\na"
    assert message_text([system], "row 0") == "s"
    chats = [[system, user, {"role": "assistant", "content": "a"}], [system], [user]]
    assert list(read(save([{**rows[0], "prompt": chat} for chat in chats])).text) == ["u\na", "s", "u"]


def test_of_a_message_in_parts_the_text_is_embedded() -> None:
    parts = [{"type": "image", "text": None}, {"type": "text", "text": "look"}]
    assert message_text([{"role": "user", "content": parts}], "row 0") == "look"


def test_one_row_and_a_prompt_of_a_megabyte_and_an_empty_one_are_read(rows: Rows, save: Save) -> None:
    contents = ["", "x" * 1_000_000]
    made = [{**rows[0], "prompt": [{"role": "user", "content": text}]} for text in contents]
    prompts = read(save(made))
    assert [len(text) for text in prompts.text] == [0, 1_000_000]
    assert prompts.notes[0].endswith("1 of 2 prompts hold no text")
    assert len(read(save(made[:1]))) == 1


def test_nested_null_extra_info_stays_null(rows: Rows, save: Save) -> None:
    infos: list[Any] = [None, {"meta": None}, {"meta": {"level": None}}, {"meta": {"level": 2}}]
    prompts = read(save([{**rows[0], "extra_info": info} for info in infos]))
    assert prompts.column("extra_info.meta.level", "x") == [None, None, None, 2]
    assert prompts.take(np.arange(4)).column("extra_info").to_pylist() == infos


def test_rows_without_a_data_source_or_ground_truth_are_counted(rows: Rows, save: Save) -> None:
    prompts = read(save([rows[0], {**rows[1], "data_source": None}]))
    assert "1 of 2 rows have no data_source" in prompts.notes[0]
    prompts = read(save([rows[0], {**rows[1], "reward_model": {"ground_truth": None}}]))
    assert prompts.notes[0].endswith("1 of 2 rows have no ground truth")


@pytest.mark.parametrize("column", ["prompt", "data_source"])
def test_a_missing_column_is_named_with_its_file(rows: Rows, save: Save, column: str) -> None:
    path = save([{k: v for k, v in row.items() if k != column} for row in rows], "lacking.parquet")
    with pytest.raises(PrepareError, match=rf"must have column '{column}', but found .*lacking\.parquet"):
        read(path)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(PrepareError, match=r"must exist, but found no file 'nowhere\.parquet'"):
        read("nowhere.parquet")


@pytest.mark.parametrize("given", [None, [], "???", [""], [3]])
def test_no_file_at_all_is_refused(given: Any) -> None:
    with pytest.raises(PrepareError, match=r"data\.train_files must name a file or a list of them"):
        read(given)


@pytest.mark.parametrize("content", [b"", b"not parquet at all, only text"])
def test_an_unreadable_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.parquet").write_bytes(content)
    with pytest.raises(PrepareError, match=r"must be readable parquet, but .*bad\.parquet"):
        read(str(tmp_path / "bad.parquet"))


def test_a_file_cut_off_in_the_middle_is_named(rows: Rows, save: Save, tmp_path: Path) -> None:
    whole = Path(save(rows)).read_bytes()
    (tmp_path / "cut.parquet").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(PrepareError, match=r"must be readable parquet, but .*cut\.parquet"):
        read(str(tmp_path / "cut.parquet"))


def test_zero_rows_are_refused(rows: Rows, tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(rows).slice(0, 0), tmp_path / "empty.parquet")
    with pytest.raises(PrepareError, match="at least one row, but found 0 rows"):
        read(str(tmp_path / "empty.parquet"))


@pytest.mark.parametrize("prompt", ["plain text", None, []])
def test_a_prompt_that_is_no_message_list_is_named_with_its_row(rows: Rows, save: Save, prompt: Any) -> None:
    good = [] if isinstance(prompt, str) else rows[:2]
    path = save([*good, {**rows[0], "prompt": prompt}], "bad.parquet")
    where = (
        rf"list of chat messages with role and content, but found .* in row {len(good)} of '.*bad\.parquet'"
    )
    with pytest.raises(PrepareError, match=where):
        read(path)


@pytest.mark.parametrize(
    "other, clash",
    [
        ({"extra_info": "text"}, "'extra_info' is struct<.*> in '.*a.parquet' and string in '.*b.parquet'"),
        ({"extra_info": {"level": "hard"}}, "'extra_info.level' is int64 in .* and string in '.*b.parquet'"),
        ({"reward_model": {"ground_truth": 3}}, "'reward_model.ground_truth' is string in .* and int64 in"),
        ({"data_source": b"bytes"}, "'data_source' is string in .* and binary in"),
    ],
)
def test_clashing_schemas_name_both_files_the_column_and_the_types(
    rows: Rows, save: Save, other: dict[str, Any], clash: str
) -> None:
    changed = [{**row, **other} for row in rows]
    with pytest.raises(PrepareError, match=f"like types, but column {clash}"):
        read([save(rows, "a.parquet"), save(changed, "b.parquet")])


def test_an_integer_that_is_no_float_is_refused_beside_floats(rows: Rows, save: Save) -> None:
    files = [
        save([{**rows[0], "extra_info": {"id": value}}], f"{value}.parquet") for value in (2**60 + 1, 0.5)
    ]
    with pytest.raises(PrepareError, match=r"'extra_info' of .* holds integers that are no exact floats"):
        read(files)


def test_invalid_utf8_names_the_row_and_the_column(rows: Rows, tmp_path: Path) -> None:
    table = pa.Table.from_pylist([{**row, "note": "n"} for row in rows[:3]])
    bad = pa.array([b"fine", b"also", b"\xff\xfe"]).view(pa.string())
    for column in ("data_source", "note"):
        place = table.schema.get_field_index(column)
        pq.write_table(table.set_column(place, column, bad), tmp_path / "latin.parquet")
        with pytest.raises(PrepareError, match=rf"UTF-8, but column '{column}' in row 2 of .*latin\.parquet"):
            read(str(tmp_path / "latin.parquet"))
