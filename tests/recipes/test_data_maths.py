"""The maths recipes' data: from copies of the public sets to verl's data set and to an artefact."""

import json
import os
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from recipes.checks.raw_rows import write_copies
from recipes.maths import MATH_TRAIN, _level
from recipes.raw import read
from recipes.rows import RecipeError, digest, known, problems, row, write
from sparft_verl.identity import row_hash

from .folders import as_verl_loads, prepare, rows_of, run_script

DATA = Path(os.environ.get("SPARFT_DATA", "nowhere"))
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="SPARFT_DATA names no folder with the public sets")
FILES = {
    "gsm8k": ("train", "test"),
    "math500": ("train", "test"),
    "aime": ("train", "test"),
    "deepscaler": ("train", "test", "gsm8k", "aime24"),
    "knights_knaves": ("train", "test"),
}


@pytest.fixture
def written(monkeypatch, tmp_path):
    """Return a function that runs a recipe's data script over the copies and gives its folder."""

    def write(name: str, *more: object) -> Path:
        assert run_script(monkeypatch, name, "--out", tmp_path / "data", "--from", DATA, *more) == 0
        return tmp_path / "data"

    return write


@needs_data
@pytest.mark.parametrize("name", FILES)
def test_the_copies_give_the_rows_that_the_hashes_name(written, name):
    folder = written(name)
    record = json.loads((folder / "data.json").read_text())
    assert tuple(record["splits"]) == FILES[name]
    for split, said in record["splits"].items():
        assert said["status"] == "as expected", split
        assert (
            known(name, split, "copy").rows
            == said["rows"]
            == pq.read_metadata(folder / f"{split}.parquet").num_rows
        )
    assert problems(name, folder) == []


@needs_data
@pytest.mark.parametrize("name", FILES)
def test_verl_loads_the_rows_and_prepare_makes_an_artefact_of_them(written, monkeypatch, tmp_path, name):
    folder = written(name, "--limit", 120)
    for split in FILES[name]:
        rows = rows_of(folder / f"{split}.parquet")
        loaded = as_verl_loads(folder / f"{split}.parquet", tmp_path / "cache")
        assert len(loaded) == len(rows) == (30 if "aime24" in (split, rows[0]["data_source"]) else 120)
        one = loaded[7]
        assert one["raw_prompt"] == rows[7]["prompt"]
        assert one["reward_model"]["ground_truth"] == rows[7]["reward_model"]["ground_truth"]
    # the copy of DeepScaleR has no difficulty
    more = ["difficulty.column=null"] if name == "deepscaler" else []
    artefact = prepare(monkeypatch, name, folder, tmp_path / "artefact", *more)
    train = {row_hash(row) for row in rows_of(folder / "train.parquet")}
    assert artefact.keys and set(artefact.keys) <= train
    assert artefact.difficulty_known == (name != "deepscaler")


@needs_data
@pytest.mark.parametrize("name", FILES)
def test_no_question_is_in_two_files(written, name):
    folder = written(name)
    train, *tests = (
        {row["extra_info"]["question"] for row in rows_of(folder / f"{split}.parquet")}
        for split in FILES[name]
    )
    assert all(not train & test for test in tests)


@needs_data
def test_an_evaluation_item_in_the_training_rows_is_kept_out_of_the_artefact(written, monkeypatch, tmp_path):
    folder = written("gsm8k", "--limit", 60)
    rows, leaked = rows_of(folder / "train.parquet"), rows_of(folder / "test.parquet")[:3]
    pq.write_table(
        pq.read_table(folder / "train.parquet").from_pylist(rows + leaked), folder / "train.parquet"
    )
    artefact = prepare(monkeypatch, "gsm8k", folder, tmp_path / "artefact", "select.budget=all")
    assert artefact.manifest["counts"]["removed_by_reason"]["eval_ngram"] >= 3
    assert not {row_hash(row) for row in leaked} & set(artefact.keys)


@needs_data
def test_other_rows_than_expected_stop_the_script_with_the_fix(monkeypatch, capsys, tmp_path):
    copies, out = tmp_path / "copies", tmp_path / "data"
    copies.mkdir()
    for name in ("gsm8k_train.jsonl", "gsm8k_test.jsonl"):
        shutil.copy(DATA / name, copies)
    text = (copies / "gsm8k_test.jsonl").read_text()
    (copies / "gsm8k_test.jsonl").write_text(text.replace("#### 18", "#### 19", 1))
    assert run_script(monkeypatch, "gsm8k", "--out", out, "--from", copies) == 1
    said = capsys.readouterr().err
    assert "the test rows of gsm8k must be 1319 with sha256" in said and "--any-hash" in said
    assert not out.exists()
    assert run_script(monkeypatch, "gsm8k", "--out", out, "--from", copies, "--any-hash") == 0
    assert "other than expected, accepted by --any-hash" in capsys.readouterr().out


@needs_data
def test_a_file_that_was_edited_or_lost_after_it_was_written_is_named(written):
    folder = written("aime", "--limit", 20)
    table = pq.read_table(folder / "train.parquet")
    pq.write_table(table.slice(1), folder / "train.parquet")
    (folder / "test.parquet").unlink()
    edited, lost = problems("aime", folder)
    assert "train.parquet must hash to" in edited and "python -m recipes.aime.data" in edited
    assert "test.parquet, but it is not in" in lost
    (other,) = problems("gsm8k", folder)
    assert "holds that of aime" in other


def test_aime_2025_comes_from_the_hubs_own_file_and_is_left_out_where_that_is_missing(
    monkeypatch, capsys, tmp_path
):
    copies = write_copies(tmp_path / "copies")
    out = tmp_path / "data"
    assert run_script(monkeypatch, "aime", "--out", out, "--from", copies, "--limit", 8) == 0
    rows = rows_of(out / "aime25.parquet")
    assert len(rows) == 8 and {row["data_source"] for row in rows} == {"aime25"}
    assert rows[0]["reward_model"]["ground_truth"] == "5"
    (copies / "aime25.jsonl").unlink()
    assert run_script(monkeypatch, "aime", "--out", out, "--from", copies, "--limit", 8) == 0
    assert "aime25.parquet is left out: there is no aime25.jsonl" in capsys.readouterr().err
    assert "aime25" not in json.loads((out / "data.json").read_text())["splits"]


def test_a_hash_that_was_only_inferred_says_so_when_it_does_not_match(tmp_path):
    rows = [row("openai/gsm8k", "math", "1 + 1?", "1 + 1?", "2", "test", 0)]
    with pytest.raises(RecipeError, match=r"computed from another copy.*may be wrong.*--any-hash"):
        write(tmp_path / "data", "gsm8k", "hub", {"test": rows}, cut=False, any_hash=False)
    assert not (tmp_path / "data").exists()


def test_a_source_without_a_hash_is_said_not_to_be_checked(tmp_path):
    rows = [row("aime24", "math", f"{i}?", f"{i}?", "2", "test", i) for i in range(30)]
    (said,) = write(tmp_path, "aime", "hub", {"test": rows}, cut=False, any_hash=False)
    assert "nobody has computed a hash of this source" in said


def test_no_data_at_all_is_said_with_the_command_that_writes_it(tmp_path):
    (said,) = problems("gsm8k", tmp_path)
    assert "no data.json" in said and "python -m recipes.gsm8k.data --out" in said


def test_a_folder_without_the_copy_is_refused_by_name(tmp_path):
    with pytest.raises(RecipeError, match=r"--from must name a folder with math_train\.json"):
        read(MATH_TRAIN, tmp_path)


def test_without_network_the_download_stops_and_names_set_revision_and_fix(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path))
    with pytest.raises(
        RecipeError, match=rf"{MATH_TRAIN.hub} at {MATH_TRAIN.revision} could not be loaded.*--from"
    ):
        read(MATH_TRAIN, None)


@pytest.mark.parametrize(
    ("raw", "level"),
    [
        ({"level": "Level 3"}, 3.0),
        ({"level": 5}, 5.0),
        ({"difficulty": 1.0}, 1.0),
        ({"level": "Level ?"}, None),
    ],
)
def test_levels_read_alike_from_the_hub_and_from_the_copy(raw, level):
    assert _level(raw) == level


def test_the_hash_sees_every_field_but_neither_order_nor_index():
    def one(index: int, truth: str) -> dict:
        return {
            "data_source": "s",
            "prompt": [{"role": "user", "content": "q"}],
            "reward_model": {"ground_truth": truth},
            "extra_info": {"index": index},
        }

    assert digest([one(0, "1"), one(1, "2")]) == digest([one(5, "2"), one(9, "1")])
    assert digest([one(0, "1")]) != digest([one(0, "2")])
    assert digest([one(0, "1")]) != digest([one(0, "1"), one(1, "1")])
