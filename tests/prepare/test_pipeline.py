"""Stage A from end to end, and from the command line."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from sparft_verl.artefact import DATA_FILES, read_artefact
from sparft_verl.identity import join, row_hash
from sparft_verl.prepare import PrepareConfig, PrepareError, from_dotlist, main, run

Make = Callable[..., PrepareConfig]
Rows = list[dict[str, Any]]
Save = Callable[..., str]


def test_families_become_arms_and_the_selection_is_verls_own_rows(settings: Make, rows: Rows) -> None:
    artefact = run(settings("features.difficulty_weight=0", "difficulty.column=extra_info.difficulty"))
    table = artefact.selection
    assert artefact.arm_names == ("c0", "c1", "c2")
    for k in range(3):
        sources = {
            s for s, arm in zip(table["data_source"].to_pylist(), artefact.arm, strict=True) if arm == k
        }
        assert len(sources) == 1
    for row in table.to_pylist():
        assert {k: row[k] for k in rows[0]} == rows[row["sparft_row"]]
        assert row["sparft_key"] == row_hash(row)
    assert join(artefact.keys, artefact.occurrence, [row_hash(r) for r in rows]).tolist() == [
        *table["sparft_row"].to_pylist()
    ]


def test_the_arm_table_says_size_share_difficulty_and_source(settings: Make) -> None:
    arms = run(
        settings("cluster.column=extra_info.level", "difficulty.column=extra_info.difficulty")
    ).manifest["arms"]
    assert [a["name"] for a in arms] == ["0", "1", "2"]
    assert [(a["size"], a["selected"]) for a in arms] == [(12, 3)] * 3
    assert [a["mean_difficulty"] for a in arms] == sorted(a["mean_difficulty"] for a in arms)
    assert arms[0]["source"] == "src_sums" and arms[0]["source_share"] == pytest.approx(1 / 3)


def test_every_input_row_is_in_items_or_in_removed_with_its_reason(
    settings: Make, rows: Rows, save: Save
) -> None:
    rows[5]["extra_info"]["difficulty"] = None
    rows[7]["prompt"] = [{"role": "user", "content": " "}]
    artefact = run(settings("difficulty.column=extra_info.difficulty", files=save([*rows, rows[0]])))
    items, removed = artefact.items.to_pydict(), artefact.removed.to_pydict()
    assert items["sparft_row"] == [i for i in range(36) if i != 7]
    assert items["sparft_key"] == [row_hash(rows[i]) for i in items["sparft_row"]]
    assert removed["sparft_row"] == [7, 36] and removed["sparft_reason"] == ["empty", "duplicate"]
    assert removed["sparft_other"] == [-1, 0] and removed["sparft_key"][1] == items["sparft_key"][0]
    assert [i for i, gone in enumerate(items["sparft_difficulty_missing"]) if gone] == [5]
    picked = [row for row, s in zip(items["sparft_row"], items["sparft_selected"], strict=True) if s]
    assert picked == sorted(artefact.selection["sparft_row"].to_pylist()) and len(picked) == 9
    assert artefact.manifest["counts"] == {
        "input": 37,
        "items": 35,
        "removed": 2,
        "selected": 9,
        "arms": 3,
        "duplicates": 1,
        "difficulty_missing": 1,
        "removed_by_reason": {"empty": 1, "duplicate": 1},
    }
    assert len(artefact.embeddings) == len(artefact.features) == 35


def test_rows_without_difficulty_are_left_out_when_asked(settings: Make, rows: Rows, save: Save) -> None:
    for i in (3, 20):
        rows[i]["extra_info"]["difficulty"] = None
    column = "difficulty.column=extra_info.difficulty"
    artefact = run(settings(column, "difficulty.missing=drop", files=save(rows)))
    assert artefact.removed["sparft_row"].to_pylist() == [3, 20]
    assert set(artefact.removed["sparft_reason"].to_pylist()) == {"difficulty_missing"}
    assert not artefact.items["sparft_difficulty_missing"].to_numpy(zero_copy_only=False).any()
    assert artefact.items.num_rows == len(artefact.embeddings) == 34


def test_pass_rates_of_references_stand_beside_the_selected_rows(
    settings: Make, rows: Rows, save: Save
) -> None:
    for i, row in enumerate(rows):
        row["extra_info"] |= {"weak": i / 100, "strong": 0.5 + i / 100}
    columns = "difficulty.references.columns=[extra_info.weak,extra_info.strong]"
    artefact = run(settings(columns, files=save(rows)))
    expected = [[row / 100, 0.5 + row / 100] for row in artefact.selection["sparft_row"].to_pylist()]
    assert artefact.references is not None
    np.testing.assert_allclose(artefact.references, expected)
    assert artefact.items["sparft_reference_strong"].to_pylist() == [0.5 + i / 100 for i in range(36)]


def test_semantic_duplicates_and_neighbours_of_evaluation_items_leave_after_embedding(
    settings: Make, rows: Rows, save: Save, tmp_path: Path
) -> None:
    twice = [
        *rows,
        {**rows[3], "prompt": [{"role": "user", "content": rows[3]["prompt"][1]["content"] + " !"}]},
    ]
    evals = tmp_path / "evals.jsonl"
    evals.write_text(json.dumps({"q": rows[15]["prompt"][1]["content"] + " ?"}) + "\n")
    artefact = run(
        settings(
            "clean.semantic=true",
            "clean.semantic_threshold=0.75",
            "clean.eval_neighbour=true",
            f"clean.evals=[{{name: exam, path: {evals}, prompt: q}}]",
            files=save(twice),
        )
    )
    gone = dict(zip(*(artefact.removed[f"sparft_{c}"].to_pylist() for c in ("row", "reason")), strict=True))
    assert gone[36] == "semantic_duplicate"
    assert gone[15] in ("eval_neighbour", "eval_ngram")
    assert len(artefact.embeddings) == artefact.items.num_rows == 37 - len(gone)
    left, vectors = artefact.items["sparft_row"].to_pylist(), np.array(artefact.embeddings)
    again = run(settings("clean.exact=false", files=save(twice)))
    np.testing.assert_array_equal(vectors, np.asarray(again.embeddings)[left])


@pytest.mark.parametrize("engine", ["faiss", "sklearn"])
def test_the_same_input_and_seed_give_byte_identical_data_files_with_any_number_of_threads(
    settings: Make, engine: str
) -> None:
    if engine == "faiss":
        pytest.importorskip("faiss", reason="FAISS is an extra and not installed here")
    config = settings(
        f"cluster.engine={engine}", "difficulty.column=extra_info.difficulty", "embed.lexical_dim=8"
    )
    first = run(config).manifest
    second = run(config).manifest
    assert set(first["files"]) == set(DATA_FILES)
    assert first.pop("ledger").keys() == second.pop("ledger").keys()
    assert first == second
    config.threads = 2
    assert run(config).manifest["files"] == first["files"]


def test_the_manifest_records_settings_engines_versions_and_inputs(settings: Make) -> None:
    manifest = run(settings("cluster.engine=sklearn")).manifest
    assert manifest["parameters"]["cluster"]["k"] == 3
    assert manifest["parameters"]["resolved"]["engine"] == "sklearn"
    assert manifest["parameters"]["resolved"]["embedder"]["engine"] == "lexical"
    assert {"numpy", "scikit-learn", "pyarrow", "python"} <= set(manifest["versions"])
    assert manifest["inputs"][0]["rows"] == 36
    stages = {"read", "clean", "difficulty", "embed", "features", "cluster", "select", "tables", "write"}
    assert stages <= set(manifest["ledger"])
    assert manifest["ledger"]["embed"]["items"] == 36 and manifest["ledger"]["embed"]["seconds"] >= 0
    assert manifest["difficulty_known"] is False


def test_the_artefacts_own_parquet_can_be_prepared_again(settings: Make, tmp_path: Path) -> None:
    run(settings())
    (tmp_path / "art").rename(tmp_path / "first")
    again = run(settings(files=str(tmp_path / "first" / "selection.parquet")))
    assert len(again.keys) == 9
    assert again.selection.column_names.count("sparft_arm") == 1


def test_the_data_set_library_reads_the_selection_and_keeps_declared_features(
    settings: Make, rows: Rows, tmp_path: Path
) -> None:
    datasets = pytest.importorskip("datasets", reason="comes with verl, not installed here")
    datasets.Dataset.from_list(rows).to_parquet(str(tmp_path / "hf.parquet"))
    run(settings(files=str(tmp_path / "hf.parquet")))
    table = pq.read_table(tmp_path / "art" / "selection.parquet")
    declared = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
    assert set(declared) == set(table.column_names)
    loaded = datasets.Dataset.from_parquet(
        str(tmp_path / "art" / "selection.parquet"), cache_dir=str(tmp_path / "cache")
    )
    assert loaded["sparft_key"][:] == table["sparft_key"].to_pylist()


def test_a_budget_above_the_rows_keeps_all_and_says_so(settings: Make, rows: Rows) -> None:
    artefact = run(settings("select.budget=1000"))
    assert len(artefact.keys) == len(rows)
    assert "select.budget=1000 exceeds the 36 rows: all are kept" in artefact.manifest["notes"]


def test_embeddings_are_kept_as_safetensors_when_asked(settings: Make) -> None:
    pytest.importorskip("safetensors", reason="comes with transformers, not installed here")
    before = np.array(run(settings()).embeddings)
    artefact = run(settings("embeddings=safetensors"))
    assert "embeddings.safetensors" in artefact.manifest["files"]
    np.testing.assert_array_equal(artefact.embeddings, before)


def test_the_page_is_written_beside_the_artefact(settings: Make, tmp_path: Path) -> None:
    run(settings("report=true"))
    assert "src_knights" in (tmp_path / "art.html").read_text()
    (tmp_path / "art.html").write_text("mine")
    with pytest.raises(PrepareError, match=r"Only an earlier page may be replaced.*report=false"):
        run(settings("report=true", files="not read any more"))


def test_the_command_line_writes_an_artefact_and_shows_its_arms(
    save: Save, rows: Rows, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        f"data.train_files=[{save(rows)}]",
        f"out={tmp_path / 'art'}",
        "embed.engine=lexical",
        "threads=1",
    ]
    assert main([*words, "cluster.column=extra_info.family", "select.budget=10"]) == 0
    shown = capsys.readouterr()
    assert "artefact of 10 rows in 3 arms" in shown.out
    assert [line.split()[0] for line in shown.out.splitlines()[1:4]] == ["sums", "knights", "words"]
    assert "not a semantic model" in shown.err
    assert len(read_artefact(tmp_path / "art").keys) == 10


def test_importing_stage_a_loads_no_heavy_library() -> None:
    heavy = "{'torch', 'faiss', 'sklearn', 'sentence_transformers', 'pandas', 'verl'}"
    code = f"import sys, sparft_verl.prepare; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_configuration_made_in_python_equals_one_from_the_command_line() -> None:
    made = PrepareConfig(out="x")
    made.data.train_files = "a.parquet"
    assert from_dotlist(["out=x", "data.train_files=a.parquet"]) == made
