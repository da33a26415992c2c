"""Stage A from end to end, and from the command line."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sparft_verl.artefact import DATA_FILES, ArtefactError, read_artefact
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


def test_all_rows_are_in_items_with_what_became_of_them(settings: Make, rows: Rows, save: Save) -> None:
    rows[5]["extra_info"]["difficulty"] = None
    artefact = run(settings("difficulty.column=extra_info.difficulty", files=save([*rows, rows[0]])))
    items = artefact.items.to_pydict()
    assert items["sparft_key"] == [row_hash(r) for r in [*rows, rows[0]]]
    assert items["sparft_occurrence"] == [0] * len(rows) + [1]
    assert [i for i, gone in enumerate(items["sparft_difficulty_missing"]) if gone] == [5]
    picked = [i for i, s in enumerate(items["sparft_selected"]) if s]
    assert picked == sorted(artefact.selection["sparft_row"].to_pylist()) and len(picked) == 9
    assert artefact.manifest["counts"] == {
        "items": 37,
        "selected": 9,
        "arms": 3,
        "duplicates": 1,
        "difficulty_missing": 1,
    }
    assert len(artefact.embeddings) == len(artefact.features) == 37


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
    assert first.pop("timing").keys() == second.pop("timing").keys()
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
    assert {"read", "embed", "features", "cluster", "select"} <= set(manifest["timing"])
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


def test_one_arm_holds_everything(settings: Make) -> None:
    artefact = run(settings("cluster.k=1", "select.budget=5"))
    assert artefact.arm_names == ("c0",) and artefact.manifest["arms"][0]["size"] == 36
    assert len(artefact.keys) == 5


def test_one_row_is_one_arm(settings: Make, rows: Rows, save: Save) -> None:
    assert len(run(settings("cluster.k=1", files=save(rows[:1]))).keys) == 1


def test_fewer_rows_than_arms_are_refused_before_embedding(settings: Make, rows: Rows, save: Save) -> None:
    with pytest.raises(
        PrepareError, match=r"cluster\.k=3 needs at least as many rows, but found 2; use cluster\.k=2"
    ):
        run(settings("embed.engine=sentence_transformers", "embed.model=none", files=save(rows[:2])))


def test_a_budget_below_the_number_of_arms_is_refused(settings: Make) -> None:
    with pytest.raises(PrepareError, match=r"select\.budget must give every one of the 3 arms .* found 2"):
        run(settings("select.budget=2"))


def test_prompts_that_are_all_alike_cannot_make_several_arms(settings: Make, rows: Rows, save: Save) -> None:
    with pytest.raises(PrepareError, match=r"cluster\.k=3 needs .* found 1 different ones in 5 rows"):
        run(settings(files=save([rows[0]] * 5)))


def test_a_refused_out_folder_is_found_before_any_work(settings: Make, tmp_path: Path) -> None:
    (tmp_path / "art").mkdir()
    (tmp_path / "art" / "mine.txt").write_text("x")
    with pytest.raises(ArtefactError, match="only an artefact may be replaced"):
        run(settings(files="not even there"))


def test_a_failing_run_leaves_the_earlier_artefact(
    settings: Make, tmp_path: Path, rows: Rows, save: Save
) -> None:
    before = run(settings()).fingerprint
    with pytest.raises(PrepareError):
        run(settings("difficulty.column=extra_info.family"))
    assert read_artefact(tmp_path / "art").fingerprint == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["art", "train.parquet"]


def test_large_and_empty_prompts_are_taken(settings: Make, rows: Rows, save: Save) -> None:
    rows[0]["prompt"] = [{"role": "user", "content": ""}]
    rows[1]["prompt"] = [{"role": "user", "content": "word " * 200_000}]
    artefact = run(settings(files=save(rows)))
    assert "1 of 36 prompts hold no text" in artefact.manifest["notes"]
    assert np.isfinite(artefact.features).all()


def test_nested_null_extra_info_is_missing_difficulty(settings: Make, rows: Rows, tmp_path: Path) -> None:
    rows[3]["extra_info"] = None
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "n.parquet")
    artefact = run(settings("difficulty.column=extra_info.difficulty", files=str(tmp_path / "n.parquet")))
    assert artefact.manifest["counts"]["difficulty_missing"] == 1


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


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["out=x"], "data.train_files must name one parquet file"),
        (["data.train_files=a.parquet"], "out must name the artefact's folder"),
        (["out=x", "cluster.kk=3"], "Key 'kk' not in 'ClusterConfig' (at cluster.kk)"),
        (["out=x", "cluster.k=many"], "could not be converted to Integer (at cluster.k)"),
        (["out=x", "cluster.k=0"], "cluster.k must be at least 1, but found 0"),
        (["out=x", "seed=-1"], "seed must lie in [0, 2**63), but found -1"),
        (["--out", "x"], "settings are written as name=value, but found '--out'"),
    ],
)
def test_a_wrong_command_line_stops_with_rule_value_and_fix(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 1
    assert message in capsys.readouterr().err


def test_help_lists_every_setting_with_its_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    assert len(lines) > 20 and all(line.rstrip().endswith(".") for line in lines)


def test_importing_stage_a_loads_no_heavy_library() -> None:
    heavy = "{'torch', 'faiss', 'sklearn', 'sentence_transformers', 'pandas', 'verl'}"
    code = f"import sys, sparft_verl.prepare; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_configuration_made_in_python_equals_one_from_the_command_line() -> None:
    made = PrepareConfig(out="x")
    made.data.train_files = "a.parquet"
    assert from_dotlist(["out=x", "data.train_files=a.parquet"]) == made
