"""A random Qwen2 model of 30 thousand weights, and an engine on it."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

from sparft_verl.verl_plugin.cpu.engine import Engine

VOCABULARY = 61
EOS = 1


def build_model(seed: int = 0) -> Qwen2ForCausalLM:
    config = Qwen2Config(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=128,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=EOS,
        pad_token_id=0,
        initializer_range=0.3,
        attn_implementation="sdpa",
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Qwen2ForCausalLM(config).eval()


@pytest.fixture(scope="session")
def model() -> Qwen2ForCausalLM:
    return build_model()


@pytest.fixture
def make_engine(model: Qwen2ForCausalLM) -> Callable[..., Engine]:
    def make(**settings: Any) -> Engine:
        defaults: dict[str, Any] = {
            "eos_token_ids": [EOS],
            "pad_token_id": 0,
            "seed": 5,
            "decode": lambda tokens: "".join(chr(64 + token) for token in tokens),
        }
        return Engine(settings.pop("model", model), **(defaults | settings))

    return make
