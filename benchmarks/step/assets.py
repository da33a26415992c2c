"""A random model of 140 thousand weights, a byte tokenizer, prompts and a reward: the shape that is timed."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from tokenizers.pre_tokenizers import ByteLevel
from transformers import Qwen2Config, Qwen2ForCausalLM
from transformers.models.qwen2.tokenization_qwen2 import Qwen2Tokenizer

PROMPTS = 16
ROLLOUTS = 8
TOKENS = 8

REWARD = '''
def compute_score(data_source, solution_str, ground_truth, extra_info=None, **kwargs):
    """Share of the characters that are digits, and of those that are the digit asked for."""
    length = max(len(solution_str), 1)
    digits = sum(c.isdigit() for c in solution_str) / length
    hits = sum(c == ground_truth for c in solution_str) / length
    return {"score": 0.5 * digits + 0.5 * hits, "acc": float(solution_str[:1] == ground_truth)}
'''


@dataclass(frozen=True)
class Assets:
    """Where things lie."""

    model: Path
    data: Path
    reward: Path


def build_model(vocabulary: int, end: int, pad: int) -> Qwen2ForCausalLM:
    """Return the model, the same at every call."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Qwen2ForCausalLM(
            Qwen2Config(
                vocab_size=vocabulary,
                hidden_size=64,
                intermediate_size=256,
                num_hidden_layers=2,
                num_attention_heads=4,
                num_key_value_heads=2,
                max_position_embeddings=256,
                tie_word_embeddings=True,
                bos_token_id=None,
                eos_token_id=end,
                pad_token_id=pad,
                initializer_range=0.05,
            )
        )


def build_tokenizer() -> Qwen2Tokenizer:
    """Return a tokenizer with one token per byte."""
    alphabet = sorted(ByteLevel.alphabet())
    tokens = ["<pad>", "<|im_end|>", "<|im_start|>", "<unk>", *alphabet]
    tokenizer = Qwen2Tokenizer(
        vocab={token: index for index, token in enumerate(tokens)},
        merges=[],
        unk_token="<unk>",
        pad_token="<pad>",
        eos_token="<|im_end|>",
        additional_special_tokens=["<|im_start|>"],
    )
    tokenizer.chat_template = (
        "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>' + '\\n' }}"
        "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
    )
    return tokenizer


def write(folder: Path) -> Assets:
    """Write everything below `folder`."""
    assets = Assets(folder / "model", folder / "train.parquet", folder / "reward.py")
    tokenizer = build_tokenizer()
    tokenizer.save_pretrained(assets.model)
    vocabulary = -(-len(tokenizer) // 8) * 8
    build_model(vocabulary, tokenizer.eos_token_id, tokenizer.pad_token_id).save_pretrained(assets.model)
    rows = [
        {
            "data_source": "copydigit",
            "prompt": [{"role": "user", "content": f"copy {index % 10}"}],
            "ability": "toy",
            "reward_model": {"style": "rule", "ground_truth": str(index % 10)},
            "extra_info": {"index": index, "split": "train"},
        }
        for index in range(4 * PROMPTS)
    ]
    pq.write_table(pa.Table.from_pylist(rows), assets.data)
    assets.reward.write_text(REWARD)
    return assets
