"""Rows on disk: read where asked, kept in the cache, never half written."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow.parquet as pq
import pytest

from sparft_verl.prepare.cache import Cache
from sparft_verl.prepare.errors import PrepareError
from sparft_verl.prepare.read import DataConfig, DataFile, Prompts, read
from sparft_verl.prepare.sources import json_rows, opened
from sparft_verl.prepare.sources import rows as rows_module
from sparft_verl.prepare.sources.opened import Json, Parquet

Rows = list[dict[str, Any]]
Save = Callable[..., str]


@pytest.fixture
def prompts(rows: Rows, save: Save, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Prompts:
    """36 rows in many small batches of two files with different columns."""
    monkeypatch.setattr(json_rows, "_BATCH_ROWS", 5)
    monkeypatch.setattr(rows_module, "_CHUNK", 7)
    (tmp_path / "b.jsonl").write_text("".join(json.dumps({**row, "late": 1}) + "\n" for row in rows[10:]))
    return read(DataConfig([save(rows[:10], "a.parquet"), str(tmp_path / "b.jsonl")]), Cache(None))


@pytest.mark.parametrize("seed", range(3))
def test_rows_come_in_the_order_asked(prompts: Prompts, rows: Rows, seed: int) -> None:
    asked = np.random.default_rng(seed).integers(0, len(rows), 40)
    wanted = [{**rows[i], "late": 1 if i >= 10 else None} for i in asked]
    assert prompts.take(asked).to_pylist() == wanted
    assert [row for batch in prompts.batches(asked) for row in batch.to_pylist()] == wanted
    assert prompts.messages(asked) == [rows[i]["prompt"] for i in asked]
    assert prompts.truth(asked) == [rows[i]["reward_model"]["ground_truth"] for i in asked]
    assert prompts.take(asked[:0]).num_rows == 0


def test_texts_are_read_one_by_one_in_slices_and_in_turn(prompts: Prompts, rows: Rows) -> None:
    wanted = [row["prompt"][1]["content"] for row in rows]
    assert list(prompts.text) == wanted and list(prompts.text) == wanted
    assert [prompts.text[i] for i in range(len(rows))] == wanted
    assert prompts.text[-1] == wanted[-1] and prompts.text[3:20:4] == wanted[3:20:4]
    with pytest.raises(IndexError):
        prompts.text[len(rows)]


def test_kept_rows_know_where_they_came_from(prompts: Prompts, rows: Rows) -> None:
    first = np.array([30, 2, 11, 12])
    kept = prompts.keep(first).keep(np.array([3, 0, 1]))
    origin = [12, 30, 2]
    assert kept.origin.tolist() == origin and len(kept) == len(kept.text) == 3
    assert kept.keys == [prompts.keys[i] for i in origin]
    assert kept.source == [rows[i]["data_source"] for i in origin]
    assert list(kept.text) == [rows[i]["prompt"][1]["content"] for i in origin] == kept.text[:]
    assert kept.text[1] == rows[30]["prompt"][1]["content"]
    assert kept.column("extra_info.index", "x") == [rows[i]["extra_info"]["index"] for i in origin]
    assert [row["prompt"] for row in kept.take(np.array([2, 0])).to_pylist()] == [
        rows[2]["prompt"],
        rows[12]["prompt"],
    ]
    assert kept.truth(np.array([1])) == [rows[30]["reward_model"]["ground_truth"]]


def test_occurrence_stays_that_of_the_input(rows: Rows, save: Save) -> None:
    prompts = read(DataConfig(save([rows[0], rows[1], rows[0]])), Cache(None))
    assert prompts.keep(np.array([2, 1])).occurrence.tolist() == [1, 0]


@pytest.mark.parametrize("path", ["extra_info.nothing", "nothing", "prompt.role", "extra_info.index.x"])
def test_a_column_that_is_not_there_is_named_with_those_that_are(prompts: Prompts, path: str) -> None:
    with pytest.raises(
        PrepareError, match=rf"difficulty.column must name .*'{path}' is not among .*'extra_info.index'"
    ):
        prompts.column(path, "difficulty.column")


def test_a_row_that_is_not_there_is_refused(prompts: Prompts) -> None:
    for asked in ([36], [-1]):
        with pytest.raises(PrepareError, match=r"numbers in 0\.\.35"):
            prompts.take(np.array(asked))


def test_without_a_cache_nothing_is_left_behind(
    rows: Rows, save: Save, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    aside = tmp_path / "aside"
    aside.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(aside))
    prompts = read(DataConfig(save(rows)), Cache(None))
    kept = prompts.keep(np.array([1]))
    del prompts
    assert kept.text[0] and list(aside.iterdir())
    del kept
    assert not list(aside.iterdir())


def test_the_second_run_reads_the_cache_and_not_the_file(
    rows: Rows, save: Save, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "b.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = DataConfig([save(rows, "a.parquet"), str(tmp_path / "b.jsonl")])
    cache = Cache(tmp_path / "cache")
    cold = read(config, cache)
    done: list[str] = []
    for kind in (Parquet, Json):
        before = kind.batches
        monkeypatch.setattr(kind, "batches", lambda self, *a, f=before: done.append(self.name) or f(self, *a))
    warm = read(config, cache)
    assert done == []
    assert (warm.keys, warm.source, warm.notes, warm.inputs) == (
        cold.keys,
        cold.source,
        cold.notes,
        cold.inputs,
    )
    assert warm.take(np.arange(72)).equals(cold.take(np.arange(72)))
    # a changed file and a changed mapping are read anew, the other file is not
    (tmp_path / "b.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[1:]))
    assert len(read(config, cache)) == 71 and done == [str(tmp_path / "b.jsonl")]
    read(DataConfig(files=[DataFile(path=save(rows, "a.parquet"), source="other")]), cache)
    assert done[1:] == [str(tmp_path / "a.parquet")]


def test_a_damaged_cache_is_read_anew(rows: Rows, save: Save, tmp_path: Path) -> None:
    config, cache = DataConfig(save(rows)), Cache(tmp_path / "cache")
    whole = read(config, cache).keys
    (stored,) = (tmp_path / "cache").rglob("rows.arrow")
    for damage in (b"", b"no arrow at all", stored.read_bytes()[:-200]):
        stored.write_bytes(damage)
        again = read(config, cache)
        assert again.keys == whole and again.take(np.arange(36)).to_pylist() == rows


def test_a_run_that_breaks_off_leaves_no_half_file(rows: Rows, save: Save, tmp_path: Path) -> None:
    bad = [*rows, {**rows[0], "prompt": None}]
    with pytest.raises(PrepareError):
        read(DataConfig(save(bad)), Cache(tmp_path / "cache"))
    assert [p.name for p in (tmp_path / "cache").rglob("*") if p.is_file()] == []


def test_what_killed_runs_left_is_removed_after_a_day(rows: Rows, save: Save, tmp_path: Path) -> None:
    config, cache = DataConfig(save(rows)), Cache(tmp_path / "cache")
    read(config, cache)
    (stored,) = (tmp_path / "cache").rglob("rows.arrow")
    old, young = (stored.with_name(f".rows.arrow.{name}") for name in ("old", "young"))
    for left in (old, young):
        left.write_bytes(b"x")
    os.utime(old, times=(time.time() - 90_000,) * 2)
    stored.unlink()
    read(config, cache)
    assert young.exists() and not old.exists()


def test_a_disk_that_refuses_is_said_with_what_to_do(rows: Rows, save: Save, tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "read").write_text("a file where a folder must be made")
    with pytest.raises(PrepareError, match=r"the disk refused .*; free space, give another cache=FOLDER"):
        read(DataConfig(save(rows)), Cache(tmp_path / "cache"))


def test_a_disk_that_fills_up_while_rows_are_written_leaves_nothing(
    rows: Rows, save: Save, tmp_path: Path
) -> None:
    code = """
import resource, signal, sys
from sparft_verl.prepare.cache import Cache
from sparft_verl.prepare.errors import PrepareError
from sparft_verl.prepare.read import DataConfig, read
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    read(DataConfig(sys.argv[1]), Cache(sys.argv[2]))
except PrepareError as e:
    print(e)
"""
    path = save([{**row, "note": "x" * 1000} for row in rows])
    command = [sys.executable, "-c", code, path, str(tmp_path / "cache")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "but the disk refused" in done.stdout and "free space" in done.stdout
    assert [p.name for p in (tmp_path / "cache").rglob("*") if p.is_file()] == []


def test_a_folder_and_a_pattern_are_read_by_name(rows: Rows, save: Save, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    (folder / "deep").mkdir(parents=True)
    for name, one in [("b.parquet", rows[2:4]), ("a.parquet", rows[:2]), ("deep/c.parquet", rows[4:5])]:
        save(one, f"data/{name}")
    (folder / "_SUCCESS").write_text("")
    (folder / ".part.parquet").write_text("half")
    whole = read(DataConfig(str(folder)), Cache(None))
    assert whole.text[:] == [row["prompt"][1]["content"] for row in rows[:5]]
    assert len(read(DataConfig(str(folder / "*.parquet")), Cache(None))) == 4
    for empty in (tmp_path / "data" / "*.json", tmp_path / "none"):
        (tmp_path / "none").mkdir(exist_ok=True)
        with pytest.raises(PrepareError, match=r"must match a file|must hold files ending"):
            read(DataConfig(str(empty)), Cache(None))


def test_a_saved_data_set_is_read_by_split(rows: Rows, tmp_path: Path) -> None:
    two = datasets.DatasetDict(
        {n: datasets.Dataset.from_list(r) for n, r in [("train", rows), ("more", rows[3:5])]}
    )
    two.save_to_disk(tmp_path / "saved")
    assert read(DataConfig(str(tmp_path / "saved")), Cache(None)).take(np.arange(36)).to_pylist() == rows
    other = DataFile(path=str(tmp_path / "saved"), split="more")
    prompts = read(DataConfig(files=[other]), Cache(None))
    assert len(prompts) == 2 and prompts.inputs[0]["format"] == "saved"
    other.split = "none"
    with pytest.raises(PrepareError, match=r"must be one of .*, but found 'none' beside \['more', 'train'\]"):
        read(DataConfig(files=[other]), Cache(None))


def test_a_data_set_is_loaded_by_the_library_and_cached_by_content(
    rows: Rows, save: Save, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hf")
    (tmp_path / "repo").mkdir()
    save(rows, "repo/train-00000.parquet")
    prompts = read(DataConfig(f"hf:{tmp_path / 'repo'}:train[:7]"), Cache(tmp_path / "cache"))
    assert prompts.take(np.arange(7)).to_pylist() == rows[:7]
    assert prompts.inputs[0] | {"sha256": ""} == {
        "path": f"hf:{tmp_path / 'repo'}",
        "format": "hub",
        "revision": None,
        "subset": None,
        "split": "train[:7]",
        "sha256": "",
        "rows": 7,
    }
    again = read(DataConfig(f"hf:{tmp_path / 'repo'}:train[:5]"), Cache(tmp_path / "cache"))
    assert len(again) == 5 and again.inputs[0]["sha256"] != prompts.inputs[0]["sha256"]


@pytest.mark.parametrize(
    "name, seen",
    [
        ("hf:openai/gsm8k", ("hf:openai/gsm8k", None, None, "train")),
        ("hf:openai/gsm8k@v1#main:test", ("hf:openai/gsm8k", "v1", "main", "test")),
        ("hf:openai/gsm8k#main:train[:10%]", ("hf:openai/gsm8k", None, "main", "train[:10%]")),
    ],
)
def test_a_hub_name_says_revision_subset_and_split(name: str, seen: tuple[str | None, ...]) -> None:
    spec = DataFile(path=name)
    assert (spec.path, spec.revision, spec.subset, spec.split) == seen


def test_a_data_set_that_cannot_be_loaded_says_what_to_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    with pytest.raises(
        PrepareError, match=r"data set 'no/such' .* must be loadable.*check name, subset and split"
    ):
        read(DataConfig("hf:no/such"), Cache(None))


def test_large_rows_are_read_in_smaller_batches(
    rows: Rows, save: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opened, "_BATCH_BYTES", 1 << 20)
    path = save([{**rows[0], "note": f"{i:05d}" * 4000} for i in range(200)])
    monkeypatch.setattr(opened, "_BATCH_ROWS", 1 << 20)
    sizes = [batch.num_rows for batch in Parquet(Path(path)).batches()]
    assert sum(sizes) == 200 and max(sizes) < 200
    assert pq.ParquetFile(path).metadata.num_row_groups == 1
