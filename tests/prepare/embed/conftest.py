"""A small real embedding model made on the spot, and prompts for it."""

from pathlib import Path

import pytest

WORDS = ["what", "is", "the", "sum", "of", "two", "three", "seven", "knight", "knave", "who", "lies", "truth"]
WORDS += ["count", "letters", "in", "plus", "minus", "times", "?"]


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder of a sentence-transformers model with random weights: two BERT layers, 32 dimensions."""
    pytest.importorskip("sentence_transformers", reason="an extra, not installed here")
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("tiny_model")
    plain, whole = folder / "plain", folder / "whole"
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *dict.fromkeys(WORDS), *"0123456789"]
    vocabulary += [f"##{digit}" for digit in "0123456789"]
    plain.mkdir()
    (plain / "vocab.txt").write_text("\n".join(vocabulary))
    BertTokenizerFast(str(plain / "vocab.txt")).save_pretrained(plain)
    with torch.random.fork_rng():
        torch.manual_seed(5)
        BertModel(
            BertConfig(
                vocab_size=len(vocabulary),
                hidden_size=32,
                num_hidden_layers=2,
                num_attention_heads=4,
                intermediate_size=64,
                max_position_embeddings=64,
            )
        ).save_pretrained(plain)
    words = Transformer(str(plain), max_seq_length=64)
    SentenceTransformer(modules=[words, Pooling(32)], device="cpu").save(str(whole))
    return str(whole)


@pytest.fixture(scope="session")
def prompts() -> list[str]:
    """150 distinct prompts of very different lengths, in no order of length."""
    return [f"{' '.join(WORDS[i % 7 : i % 7 + 1 + i * 7 % 13])} {i} ?" for i in range(150)]


@pytest.fixture
def offline_hub(tiny_model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a model that lies in the local cache of the hub and nowhere else."""
    from huggingface_hub import constants

    entry = tmp_path / "hub" / "models--some-one--tiny"
    (entry / "refs").mkdir(parents=True)
    (entry / "refs" / "main").write_text("c0ffee" * 6 + "beef")
    (entry / "snapshots").mkdir()
    (entry / "snapshots" / ("c0ffee" * 6 + "beef")).symlink_to(tiny_model)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return "some-one/tiny"
