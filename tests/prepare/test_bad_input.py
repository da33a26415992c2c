"""Every bad input that stage A is known to meet: a clear error or a documented result, never a lost artefact."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sparft_verl.artefact import ArtefactError, read_artefact
from sparft_verl.prepare import PrepareConfig, PrepareError, run

Make = Callable[..., PrepareConfig]
Rows = list[dict[str, Any]]
Save = Callable[..., str]

LEVEL = "difficulty.column=extra_info.difficulty"


def content(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def test_no_row(settings: Make, rows: Rows, tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(rows).slice(0, 0), tmp_path / "none.parquet")
    with pytest.raises(PrepareError, match="at least one row"):
        run(settings(files=str(tmp_path / "none.parquet")))


def test_one_row_is_one_arm(settings: Make, rows: Rows, save: Save) -> None:
    artefact = run(settings("cluster.k=1", files=save(rows[:1])))
    assert len(artefact.keys) == 1 and artefact.arm_names == ("c0",)


def test_fewer_rows_than_arms_are_refused_before_embedding(settings: Make, rows: Rows, save: Save) -> None:
    with pytest.raises(
        PrepareError, match=r"cluster\.k=3 needs at least as many rows, but found 2; use cluster\.k=2"
    ):
        run(settings("embed.engine=sentence_transformers", "embed.model=none", files=save(rows[:2])))


def test_rows_that_cleaning_took_away_do_not_count_for_arms(settings: Make, rows: Rows, save: Save) -> None:
    with pytest.raises(PrepareError, match=r"cluster\.k=3 needs at least as many rows, but found 1"):
        run(settings(files=save([rows[0]] * 5)))


def test_cleaning_that_leaves_nothing_is_refused_with_the_counts(
    settings: Make, rows: Rows, save: Save
) -> None:
    for row in rows:
        row["prompt"] = content("  ")
    with pytest.raises(PrepareError, match=r"at least one prompt, but took out all 36 \(36 empty\)"):
        run(settings(files=save(rows)))


def test_a_budget_below_the_number_of_arms_is_refused(settings: Make) -> None:
    with pytest.raises(PrepareError, match=r"select\.budget must give every one of the 3 arms .* found 2"):
        run(settings("select.budget=2"))


def test_one_arm_holds_everything(settings: Make) -> None:
    artefact = run(settings("cluster.k=1", "select.budget=5"))
    assert artefact.arm_names == ("c0",) and artefact.manifest["arms"][0]["size"] == 36
    assert len(artefact.keys) == 5


def test_as_many_arms_as_rows_are_arms_of_one(settings: Make, rows: Rows, save: Save) -> None:
    artefact = run(settings("cluster.k=6", "select.budget=6", LEVEL, files=save(rows[:6])))
    assert [arm["size"] for arm in artefact.manifest["arms"]] == [1] * 6
    means = [arm["mean_difficulty"] for arm in artefact.manifest["arms"]]
    assert means == sorted(means) and len(artefact.keys) == 6


def test_identical_embeddings_cannot_make_several_arms(
    settings: Make, save: Save, rows: Rows, tmp_path: Path
) -> None:
    np.save(tmp_path / "same.npy", np.ones((36, 4), np.float32))
    given = ("embed.engine=npy", f"embed.file={tmp_path / 'same.npy'}")
    with pytest.raises(PrepareError, match=r"cluster\.k=3 .* found 1 different"):
        run(settings(*given))
    by_level = run(settings(*given, LEVEL))
    assert len(by_level.arm_names) == 3
    assert "all embeddings are identical: only difficulty tells prompts apart" in by_level.manifest["notes"]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_embeddings_that_are_not_finite_are_named_by_row(settings: Make, tmp_path: Path, bad: float) -> None:
    vectors = np.eye(36, dtype=np.float32)
    vectors[17, 3] = bad
    np.save(tmp_path / "bad.npy", vectors)
    with pytest.raises(PrepareError, match=r"embeddings must be finite.*row 17"):
        run(settings("embed.engine=npy", f"embed.file={tmp_path / 'bad.npy'}"))


def test_constant_difficulty_plays_no_part_and_is_noted(settings: Make, rows: Rows, save: Save) -> None:
    plain = run(settings())
    for row in rows:
        row["extra_info"]["difficulty"] = 4.0
    artefact = run(settings(LEVEL, files=save(rows)))
    assert set(artefact.difficulty.tolist()) == {0.5}
    assert any("difficulty is the same for all prompts" in note for note in artefact.manifest["notes"])
    assert artefact.items["sparft_arm"].equals(plain.items["sparft_arm"])


def test_an_empty_prompt_is_removed_and_said(settings: Make, rows: Rows, save: Save) -> None:
    rows[0]["prompt"] = content("")
    artefact = run(settings(files=save(rows)))
    assert artefact.removed["sparft_reason"].to_pylist() == ["empty"] and artefact.items.num_rows == 35
    kept = run(settings("clean.empty=false", files=save(rows)))
    assert kept.items.num_rows == 36 and np.isfinite(kept.features).all()


def test_a_prompt_of_a_megabyte_is_taken(settings: Make, rows: Rows, save: Save) -> None:
    rows[1]["prompt"] = content("word " * 200_000 + "end")
    artefact = run(settings("select.budget=36", "report=true", files=save(rows)))
    assert np.isfinite(artefact.features).all()
    long = artefact.selection.filter(pa.array(r == 1 for r in artefact.selection["sparft_row"].to_pylist()))
    assert len(long["prompt"][0].as_py()[0]["content"]) == 1_000_003, "kept whole"
    assert artefact.path.with_suffix(".html").stat().st_size < 1_000_000


def test_invalid_utf8_in_json_is_named_by_file(settings: Make, rows: Rows, tmp_path: Path) -> None:
    lines = [json.dumps(row).encode() for row in rows]
    lines[4] = lines[4].replace(b"sum", b"s\xff\xfem")
    (tmp_path / "bad.jsonl").write_bytes(b"\n".join(lines))
    with pytest.raises(PrepareError, match=r"UTF-8.*bad\.jsonl|bad\.jsonl.*UTF-8"):
        run(settings(files=str(tmp_path / "bad.jsonl")))


def test_invalid_utf8_in_parquet_is_refused(settings: Make, rows: Rows, tmp_path: Path) -> None:
    table = pa.Table.from_pylist(rows)
    at = table.column_names.index("data_source")
    bad = pa.array([b"src\xff"] * len(rows), pa.binary()).view(pa.string())
    pq.write_table(table.set_column(at, "data_source", bad), tmp_path / "bad.parquet")
    with pytest.raises(PrepareError, match="UTF-8"):
        run(settings(files=str(tmp_path / "bad.parquet")))


def test_a_lone_surrogate_which_json_can_carry_is_refused_or_taken_whole(
    settings: Make, rows: Rows, tmp_path: Path
) -> None:
    rows[2]["prompt"] = content("half of a pair \ud83d here")
    (tmp_path / "half.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    with pytest.raises(PrepareError, match=r"half\.jsonl"):
        run(settings(files=str(tmp_path / "half.jsonl")))


def test_nested_null_extra_info_is_missing_difficulty(settings: Make, rows: Rows, tmp_path: Path) -> None:
    rows[3]["extra_info"] = None
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "n.parquet")
    artefact = run(settings(LEVEL, files=str(tmp_path / "n.parquet")))
    assert artefact.manifest["counts"]["difficulty_missing"] == 1


def test_extra_info_that_is_null_in_every_row_has_no_such_column(
    settings: Make, rows: Rows, tmp_path: Path
) -> None:
    for row in rows:
        row["extra_info"] = None
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "n.parquet")
    assert run(settings(files=str(tmp_path / "n.parquet"))).items.num_rows == 36
    with pytest.raises(PrepareError, match=r"difficulty\.column"):
        run(settings(LEVEL, files=str(tmp_path / "n.parquet")))


@pytest.mark.parametrize("column", ["prompt", "data_source"])
def test_a_missing_column_is_named_with_the_file(
    settings: Make, rows: Rows, tmp_path: Path, column: str
) -> None:
    pq.write_table(pa.Table.from_pylist(rows).drop_columns([column]), tmp_path / "less.parquet")
    with pytest.raises(PrepareError, match=rf"(?s){column}.*less\.parquet|less\.parquet.*{column}"):
        run(settings(files=str(tmp_path / "less.parquet")))


@pytest.mark.parametrize("option", ["difficulty.column", "cluster.column"])
def test_a_column_that_is_not_there_is_named_with_the_option(settings: Make, option: str) -> None:
    with pytest.raises(PrepareError, match=rf"{option} .*'extra_info\.nothing'"):
        run(settings(f"{option}=extra_info.nothing"))


def test_files_with_clashing_schemas_are_named(settings: Make, rows: Rows, save: Save) -> None:
    other = [{**row, "reward_model": {"style": "rule", "ground_truth": [1, 2]}} for row in rows]
    one, two = save(rows, "a.parquet"), save(other, "b.parquet")
    with pytest.raises(PrepareError, match=r"(?s)a\.parquet.*b\.parquet|b\.parquet.*a\.parquet"):
        run(settings(files=f"[{one},{two}]"))


def test_a_failing_run_leaves_the_earlier_artefact(settings: Make, tmp_path: Path) -> None:
    before = run(settings()).fingerprint
    with pytest.raises(PrepareError):
        run(settings("difficulty.column=extra_info.family"))
    assert read_artefact(tmp_path / "art").fingerprint == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["art", "train.parquet"]


def test_a_refused_out_folder_is_found_before_any_work(settings: Make, tmp_path: Path) -> None:
    (tmp_path / "art").mkdir()
    (tmp_path / "art" / "mine.txt").write_text("x")
    with pytest.raises(ArtefactError, match="only an artefact may be replaced"):
        run(settings(files="not even there"))
