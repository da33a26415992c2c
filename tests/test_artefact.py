"""The artefact on disk: written whole or not at all, read only when it is what it says."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sparft_verl.artefact import (
    ITEMS_COLUMNS,
    REFERENCE_COLUMNS,
    REMOVED_COLUMNS,
    SELECTION_COLUMNS,
    Artefact,
    ArtefactError,
    is_artefact,
    read_artefact,
    sha256_file,
    write_artefact,
)
from sparft_verl.artefact.swap import exchange


def _parts(rows: int = 4, tag: str = "a") -> dict[str, Any]:
    common = {
        "sparft_key": [f"{tag}{i}" for i in range(rows)],
        "sparft_occurrence": [0] * rows,
        "sparft_arm": [i % 2 for i in range(rows)],
        "sparft_difficulty": [i / rows for i in range(rows)],
        "sparft_row": list(range(rows)),
    }
    items = {
        **common,
        "sparft_source": ["s"] * rows,
        "sparft_text": [f"{tag}{i}" for i in range(rows)],
        "sparft_difficulty_missing": [False] * rows,
        "sparft_selected": [True] * rows,
    }
    prompt = pa.array([[{"role": "user", "content": f"{tag}{i}"}] for i in range(rows)])
    return {
        "selection": pa.table(
            {"prompt": prompt, **{n: pa.array(common[n], t) for n, t in SELECTION_COLUMNS.items()}}
        ),
        "items": pa.table({n: pa.array(items[n], t) for n, t in ITEMS_COLUMNS.items()}),
        "embeddings": np.arange(rows * 3, dtype=np.float32).reshape(rows, 3),
        "features": np.ones((rows, 2), dtype=np.float32),
        "arms": [{"name": "c0"}, {"name": "c1"}],
        "parameters": {"seed": 0},
        "difficulty_known": True,
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_artefact(tmp_path / "art", **_parts())
    return tmp_path / "art"


def _edit_manifest(folder: Path, **changes: Any) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def _reseal(folder: Path, name: str) -> None:
    files = json.loads((folder / "manifest.json").read_text())["files"]
    files[name]["sha256"] = sha256_file(folder / name)
    _edit_manifest(folder, files=files)


def test_what_was_written_is_read_back(folder: Path) -> None:
    artefact = read_artefact(folder)
    assert artefact.keys == ["a0", "a1", "a2", "a3"]
    assert artefact.occurrence.dtype == np.int64 and artefact.occurrence.tolist() == [0, 0, 0, 0]
    assert artefact.arm.dtype == np.int32 and artefact.arm.tolist() == [0, 1, 0, 1]
    assert artefact.difficulty.dtype == np.float64 and artefact.difficulty.tolist() == [0, 0.25, 0.5, 0.75]
    assert artefact.arm_names == ("c0", "c1")
    assert artefact.items.num_rows == 4
    assert artefact.embeddings.tolist() == _parts()["embeddings"].tolist()
    assert artefact.features.dtype == np.float32
    assert artefact.difficulty_known
    assert artefact.removed.num_rows == 0 and artefact.references is None
    assert artefact.manifest["counts"] == {"items": 4, "removed": 0, "selected": 4, "arms": 2}


def test_removed_rows_and_references_are_read_back(tmp_path: Path) -> None:
    gone = [9, "k", 0, "s", "duplicate", "of row 1", 1, 1.0, "text"]
    removed = pa.table({n: pa.array([v], t) for (n, t), v in zip(REMOVED_COLUMNS.items(), gone, strict=True)})
    parts = _parts()
    for column, values in zip(REFERENCE_COLUMNS, ([0.1, 0.2, 0.3, 0.4], [0.5, 0.6, 0.7, 0.8]), strict=True):
        parts["selection"] = parts["selection"].append_column(column, pa.array(values))
    artefact = write_artefact(tmp_path / "art", **parts, removed=removed)
    assert artefact.removed.to_pylist()[0] == dict(zip(REMOVED_COLUMNS, gone, strict=True))
    assert artefact.references is not None and artefact.references[1].tolist() == [0.2, 0.6]
    assert artefact.manifest["counts"]["removed"] == 1


def test_embeddings_are_kept_as_safetensors_when_asked(folder: Path) -> None:
    pytest.importorskip("safetensors", reason="comes with transformers, not installed here")
    before = read_artefact(folder).embeddings
    artefact = write_artefact(folder, **_parts(), embeddings_format="safetensors")
    assert sorted(os.listdir(folder)) == sorted([*artefact.manifest["files"], "manifest.json"])
    assert "embeddings.npy" not in artefact.manifest["files"]
    np.testing.assert_array_equal(artefact.embeddings, before)
    with pytest.raises(ArtefactError, match="kept as npy or safetensors, found 'pickle'"):
        write_artefact(folder, **_parts(), embeddings_format="pickle")


def test_an_artefact_is_known_by_its_manifest(folder: Path) -> None:
    assert is_artefact(folder)
    assert not is_artefact(folder.parent) and not is_artefact(folder / "manifest.json")


def test_nothing_is_left_beside_a_finished_artefact(folder: Path) -> None:
    assert os.listdir(folder.parent) == ["art"]


def test_an_earlier_artefact_is_replaced_whole(folder: Path) -> None:
    before = read_artefact(folder).fingerprint
    write_artefact(folder, **_parts(rows=6, tag="b"))
    after = read_artefact(folder)
    assert after.keys[0] == "b0" and len(after.keys) == 6
    assert after.fingerprint != before
    assert os.listdir(folder.parent) == ["art"]


def test_an_empty_folder_may_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "art").mkdir()
    assert len(write_artefact(tmp_path / "art", **_parts()).keys) == 4


def test_a_symbolic_link_keeps_pointing_to_the_replaced_artefact(folder: Path) -> None:
    link = folder.parent / "latest"
    link.symlink_to(folder)
    write_artefact(link, **_parts(tag="b"))
    assert link.is_symlink() and read_artefact(folder).keys[0] == "b0"


def test_a_folder_that_is_no_artefact_is_refused_and_untouched(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("x")
    with pytest.raises(ArtefactError, match=r"only an artefact may be replaced.*no manifest\.json"):
        write_artefact(tmp_path, **_parts())
    assert os.listdir(tmp_path) == ["precious.txt"]


def test_an_artefact_with_a_users_file_in_it_is_not_replaced(folder: Path) -> None:
    (folder / "notes.md").write_text("mine")
    with pytest.raises(ArtefactError, match=r"not its own: \['notes.md'\]"):
        write_artefact(folder, **_parts(tag="b"))
    assert read_artefact(folder).keys[0] == "a0"


def test_a_file_as_out_is_refused(tmp_path: Path) -> None:
    (tmp_path / "art").write_text("x")
    with pytest.raises(ArtefactError, match="is a file"):
        write_artefact(tmp_path / "art", **_parts())


@pytest.mark.parametrize("failing", ["write_table", "exchange", "rename"])
def test_a_write_that_fails_leaves_the_earlier_artefact(
    folder: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    rename = Path.rename
    if failing == "write_table":
        monkeypatch.setattr("sparft_verl.artefact.writing.pq.write_table", refuse)
    elif failing == "exchange":
        monkeypatch.setattr("sparft_verl.artefact.swap.exchange", refuse)
    else:
        # a file system without an exchange: the new folder cannot take its name after the earlier one stepped aside
        monkeypatch.setattr("sparft_verl.artefact.swap.exchange", lambda *_: False)
        monkeypatch.setattr(Path, "rename", lambda p, t: refuse() if ".new-" in p.name else rename(p, t))
    with pytest.raises(ArtefactError, match=r"No space left on device.*untouched"):
        write_artefact(folder, **_parts(tag="b"))
    monkeypatch.undo()
    assert read_artefact(folder).keys[0] == "a0"
    assert os.listdir(folder.parent) == ["art"]


def test_a_file_system_that_cannot_exchange_names_replaces_in_two_steps(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sparft_verl.artefact.swap.exchange", lambda *_: False)
    write_artefact(folder, **_parts(tag="b"))
    assert read_artefact(folder).keys[0] == "b0"
    assert os.listdir(folder.parent) == ["art"]


def test_two_folders_exchange_their_names_in_one_step(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    if not exchange(tmp_path / "one", tmp_path / "other"):
        pytest.skip("the file system cannot exchange names")
    assert os.listdir(tmp_path / "one") == ["other"] and os.listdir(tmp_path / "other") == ["one"]
    with pytest.raises(FileNotFoundError):
        exchange(tmp_path / "one", tmp_path / "nowhere")


KILLED = """
import os, runpy, signal, sys
import numpy as np, pyarrow.dataset, pyarrow.parquet as pq
from sparft_verl.artefact import read_artefact, swap, write_artefact

parts, folder = runpy.run_path(sys.argv[1])["_parts"], sys.argv[2]

def aside(do):  # Arrow's threads live in children only
    if child := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os._exit(do() or 0)

def write_and_die(step):
    def counted(inner):
        def call(*given, **more):
            nonlocal step
            step -= 1
            if step == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return inner(*given, **more)
        return call
    pq.write_table, np.save, os.fsync = counted(pq.write_table), counted(np.save), counted(os.fsync)
    swap.exchange, swap.shutil.rmtree = counted(swap.exchange), counted(swap.shutil.rmtree)
    write_artefact(folder, **parts(rows=6, tag="b"))

for step in range(1, 40):
    assert aside(lambda: write_artefact(folder, **parts()) and None) == 0
    died = aside(lambda: write_and_die(step))
    print(died, aside(lambda: {"a": 10, "b": 11}[read_artefact(folder).keys[0][0]]))
    if died == 0:
        break
"""


def test_a_kill_at_any_step_of_the_writing_leaves_one_whole_artefact(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, __file__, str(folder)], capture_output=True, text=True, check=True
    )
    steps = [tuple(map(int, line.split())) for line in done.stdout.splitlines()]
    assert [died for died, _ in steps] == [-9] * (len(steps) - 1) + [0] and len(steps) > 10
    kept = [found for _, found in steps]
    assert kept == sorted(kept) and set(kept) == {10, 11}, "the earlier one until the new one is complete"


def test_parts_of_different_length_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match=r"one row per item.*'features': 3"):
        write_artefact(tmp_path / "art", **_parts() | {"features": np.ones((3, 2))})
    assert os.listdir(tmp_path) == []


def test_an_empty_selection_is_refused(tmp_path: Path) -> None:
    parts = _parts()
    with pytest.raises(ArtefactError, match="must hold a selected row, found 0"):
        write_artefact(tmp_path / "art", **parts | {"selection": parts["selection"].slice(0, 0)})


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match=r"nowhere does not exist; give the folder"):
        read_artefact(tmp_path / "nowhere")


def test_an_artefact_left_aside_by_an_interrupted_replacement_is_named(folder: Path) -> None:
    folder.rename(folder.parent / ".art.old-x")
    with pytest.raises(ArtefactError, match=r"interrupted replacement left.*\.art\.old-x: move it back"):
        read_artefact(folder)


def test_a_file_is_no_artefact(folder: Path) -> None:
    with pytest.raises(ArtefactError, match="an artefact is a folder"):
        read_artefact(folder / "manifest.json")


def test_a_foreign_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match=r"is not a curriculum artefact: it has no manifest\.json"):
        read_artefact(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "found None"),
        ("[1]", "found 'list'"),
        ("{", "not readable JSON"),
        ('{"format": "x"}', "found 'x'"),
    ],
)
def test_the_manifest_of_something_else_is_refused(folder: Path, text: str, message: str) -> None:
    (folder / "manifest.json").write_text(text)
    with pytest.raises(ArtefactError, match=message):
        read_artefact(folder)


def test_another_schema_version_is_refused_with_both_versions(folder: Path) -> None:
    _edit_manifest(folder, schema_version=1)
    with pytest.raises(ArtefactError, match=r"schema version must be 2, but .* has 1; run"):
        read_artefact(folder)


def test_a_changed_file_is_named(folder: Path) -> None:
    with open(folder / "features.npy", "ab") as f:
        f.write(b"x")
    with pytest.raises(ArtefactError, match=r"features\.npy was changed"):
        read_artefact(folder)
    assert isinstance(read_artefact(folder, verify=False), Artefact)


@pytest.mark.parametrize(
    "name", ["selection.parquet", "items.parquet", "removed.parquet", "embeddings.npy", "features.npy"]
)
def test_a_missing_file_is_named_even_unverified(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ArtefactError, match=f"{name} is missing"):
        read_artefact(folder, verify=False)


def test_a_missing_manifest_entry_is_named(folder: Path) -> None:
    _edit_manifest(folder, files={})
    with pytest.raises(ArtefactError, match=r"must list selection\.parquet"):
        read_artefact(folder)


@pytest.mark.parametrize(
    ("name", "column"),
    [("selection", "sparft_key"), ("items", "sparft_selected"), ("removed", "sparft_reason")],
)
def test_a_missing_column_is_named(folder: Path, name: str, column: str) -> None:
    table = pq.read_table(folder / f"{name}.parquet")
    pq.write_table(table.drop_columns([column]), folder / f"{name}.parquet")
    _reseal(folder, f"{name}.parquet")
    with pytest.raises(ArtefactError, match=f"{name}.parquet must have column '{column}'"):
        read_artefact(folder)


def test_a_column_of_another_type_is_named(folder: Path) -> None:
    table = pq.read_table(folder / "selection.parquet")
    at = table.column_names.index("sparft_arm")
    pq.write_table(
        table.set_column(at, "sparft_arm", table["sparft_arm"].cast(pa.int64())), folder / "selection.parquet"
    )
    _reseal(folder, "selection.parquet")
    with pytest.raises(ArtefactError, match=r"'sparft_arm' of .* must be int32, found int64"):
        read_artefact(folder)


def test_an_arm_outside_the_arm_table_is_refused(folder: Path) -> None:
    _edit_manifest(folder, arms=[{"name": "only"}])
    with pytest.raises(ArtefactError, match=r"must lie in 0\.\.0, found 0\.\.1"):
        read_artefact(folder)
