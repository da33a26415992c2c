"""Cleaning by vectors, and the list of what was removed."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sparft_verl.prepare.cache import Cache
from sparft_verl.prepare.clean import CleanConfig, EvalSet, Removals, clean_text, clean_vectors
from sparft_verl.prepare.clean import neighbours as search
from sparft_verl.prepare.errors import PrepareError
from sparft_verl.prepare.read import DataConfig, DataFile, Prompts, read

Load = Callable[[Sequence[str]], Prompts]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def make(texts: Sequence[str]) -> Prompts:
        path = tmp_path / "train.jsonl"
        rows = [
            {
                "data_source": "own",
                "prompt": [{"role": "user", "content": text}],
                "reward_model": {"style": "rule", "ground_truth": "7"},
            }
            for text in texts
        ]
        path.write_text("\n".join(map(json.dumps, rows)))
        return read(DataConfig(files=[DataFile(path=str(path))]), Cache(None))

    return make


def no_embedder(texts: Sequence[str]) -> np.ndarray[Any, Any]:
    raise AssertionError(f"nothing is to be embedded, but {len(texts)} texts were")


def clean(
    prompts: Prompts,
    vectors: np.ndarray[Any, Any],
    embed: Any = no_embedder,
    threads: int = 1,
    **settings: Any,
) -> Removals:
    config = CleanConfig(**settings)
    return clean_vectors(prompts, vectors, config, embed_texts=embed, cache=Cache(None), threads=threads)


def groups(n: int, copies: int, dim: int = 24, noise: float = 0.01) -> np.ndarray[Any, Any]:
    """Return float32 [n * copies, dim]: `copies` rows around each of n directions far from each other."""
    draw = np.random.default_rng(1)
    centre = draw.normal(size=(n, dim))
    return np.tile(centre, (copies, 1)).astype(np.float32) + noise * draw.normal(
        size=(n * copies, dim)
    ).astype(np.float32)


def test_nothing_is_done_or_embedded_unless_asked(load: Load) -> None:
    assert len(clean(load(["a", "b"]), np.ones((2, 3), np.float32))) == 0


def test_of_semantic_duplicates_the_lowest_row_stays(load: Load) -> None:
    x = groups(20, 3)
    prompts = load([f"word{chr(97 + i % 26)}{'x' * i}" for i in range(60)])
    removals = clean(prompts, x, semantic=True)
    assert removals.row.tolist() == list(range(20, 60)) and set(removals.reason) == {"semantic_duplicate"}
    assert removals.other.tolist() == [row % 20 for row in range(20, 60)]
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    cosine = (unit[removals.row].astype(float) * unit[removals.other]).sum(axis=1)
    assert removals.similarity == pytest.approx(cosine, abs=1e-6)


def test_more_copies_than_one_pass_looks_at_all_go(load: Load) -> None:
    x = groups(2, 100)
    prompts = load([f"{'y' * i}" for i in range(1, 201)])
    assert clean(prompts, x, semantic=True).kept(200).tolist() == [0, 1]


def test_other_numbers_are_no_semantic_duplicate(load: Load) -> None:
    prompts = load(["three plus 4", "3 plus four", "three and 4"])
    removals = clean(prompts, np.ones((3, 4), np.float32), semantic=True)
    assert removals.row.tolist() == [2] and removals.other.tolist() == [0]
    assert removals.notes == ["pairs alike as semantic duplicates that were kept: 1 for other numbers"]


def test_zero_vectors_are_like_nothing(load: Load) -> None:
    assert len(clean(load(["a", "b", "c"]), np.zeros((3, 4), np.float32), semantic=True)) == 0


def test_neighbours_of_evaluation_items_go_and_are_named(load: Load, tmp_path: Path) -> None:
    held_out = tmp_path / "e.json"
    held_out.write_text(json.dumps([{"prompt": "first"}, {"prompt": "second"}, {"prompt": " First"}]))
    vectors = np.eye(4, dtype=np.float32)
    vectors[3] = [0.1, 0.0, 1.0, 0.0]
    seen: list[str] = []

    def embed(texts: Sequence[str]) -> np.ndarray[Any, Any]:
        seen.extend(texts)
        return np.array([[0, 2, 0, 0], [0, 0, 5, 0]], dtype=np.float32)

    evals = [EvalSet("held_out", str(held_out))]
    removals = clean(load(["a", "b", "c", "d"]), vectors, embed, eval_neighbour=True, evals=evals)
    assert seen == ["first", "second"]
    assert removals.row.tolist() == [1, 2, 3] and set(removals.reason) == {"eval_neighbour"}
    assert removals.detail == ["held_out item 0", "held_out item 1", "held_out item 1"]
    assert removals.similarity == pytest.approx([1, 1, 1 / 1.01**0.5]) and set(removals.other) == {-1}


def test_embeddings_of_another_size_are_refused(load: Load, tmp_path: Path) -> None:
    held_out = tmp_path / "e.json"
    held_out.write_text(json.dumps([{"prompt": "first"}]))
    evals = [EvalSet("held_out", str(held_out))]
    with pytest.raises(PrepareError, match=r"of shape \(1, 4\), but found \(1, 3\)"):
        clean(
            load(["a"]),
            np.ones((1, 4), np.float32),
            lambda texts: np.ones((1, 3)),
            eval_neighbour=True,
            evals=evals,
        )
    with pytest.raises(PrepareError, match="one vector per prompt, but found 2 and 1"):
        clean(load(["a"]), np.ones((2, 4), np.float32), semantic=True)


@pytest.mark.parametrize("size", [10, 3000])
def test_engines_and_threads_agree_to_the_bit(size: int) -> None:
    pytest.importorskip("faiss")
    x = search.unit(np.random.default_rng(0).normal(size=(size, 16)))
    results = [
        search.nearest(x, x, 4, threads, engine) for engine in ("faiss", "sklearn") for threads in (1, 3)
    ]
    for rows, cosine in results[1:]:
        assert np.array_equal(cosine, results[0][1]) and np.array_equal(rows, results[0][0])
    assert np.array_equal(results[0][0][:, 0], np.arange(size))


def test_beyond_the_exact_limit_copies_are_still_found(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("faiss")
    x = search.unit(groups(2000, 2, noise=0.001))
    exact = search.nearest(x, x, 2, 1)
    monkeypatch.setattr(search, "EXACT", 1000)
    rows, cosine = search.nearest(x, x, 2, 2)
    assert np.array_equal(np.sort(rows), np.sort(exact[0])) and np.allclose(cosine, exact[1])


def test_both_cleanings_become_one_list_in_rows_of_the_input(load: Load) -> None:
    prompts = load(["alpha", "", "beta", "ALPHA", "gamma"])
    first = clean_text(prompts, CleanConfig(), cache=Cache(None), threads=1)
    rows = first.kept(5)
    second = clean(prompts.keep(rows), np.array([[1, 0], [0, 1], [1, 0]], np.float32), semantic=True)
    whole = first.merge(second, rows)
    assert whole.row.tolist() == [1, 3, 4] and whole.other.tolist() == [-1, 0, 0]
    assert whole.reason == ["empty", "duplicate", "semantic_duplicate"] and whole.kept(5).tolist() == [0, 2]
    assert list(whole.counts()) == ["empty", "duplicate", "semantic_duplicate"]
    assert {"duplicate", "semantic_duplicate"} <= set(whole.costs)
    table = whole.table(prompts)
    assert table["sparft_row"].to_pylist() == [1, 3, 4] and table["sparft_other"].to_pylist() == [-1, 0, 0]
    assert table["sparft_text"].to_pylist() == ["", "ALPHA", "gamma"]
    assert table["sparft_key"].to_pylist() == [prompts.keys[i] for i in (1, 3, 4)]
    # of a cut input the list still names the rows of the whole
    cut = prompts.keep(np.array([2, 0, 3]))
    again = clean_text(cut, CleanConfig(), cache=Cache(None), threads=1)
    assert again.table(cut).select(["sparft_row", "sparft_other"]).to_pylist() == [
        {"sparft_row": 3, "sparft_other": 0}
    ]


def test_nothing_removed_is_an_empty_table_with_all_columns(load: Load) -> None:
    table = Removals.none().table(load(["a"]))
    assert table.num_rows == 0 and "sparft_similarity" in table.column_names
    assert Removals.none().counts() == {} and Removals.none().kept(2).tolist() == [0, 1]


def test_text_is_cut_in_the_list(load: Load) -> None:
    prompts = load(["x" * 500, "x" * 500])
    table = clean_text(prompts, CleanConfig(), cache=Cache(None), threads=1).table(prompts)
    assert table["sparft_text"].to_pylist() == ["x" * 200]
