"""A byte-level BPE trained on the tasks' own text, so that prompts and answers are a few tokens long.

transformers 5 maps every ``qwen2`` folder to ``Qwen2Tokenizer`` and rebuilds that class's splitting rule from code,
ignoring any other in the file. So the merges are trained under exactly that rule and handed to exactly that class.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX, Qwen2Tokenizer

PAD, END, START, UNKNOWN = "<pad>", "<|im_end|>", "<|im_start|>", "<unk>"
VOCABULARY = 1024
ROLES = ("system", "user", "assistant", "tool")

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def train_tokenizer(texts: Iterable[str], size: int = VOCABULARY) -> Qwen2Tokenizer:
    """A Qwen2 tokenizer of ``size`` tokens: 4 special ones, all 256 bytes, merges learned from ``texts``.

    Raises ValueError when the texts are too uniform to fill the vocabulary.
    """
    bpe = Tokenizer(models.BPE())
    bpe.normalizer = normalizers.NFC()
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PRETOKENIZE_REGEX), behavior="isolated", invert=False),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[PAD, END, START, UNKNOWN],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    # The chat template's role names occur in every prompt and in no question: make each of them one token.
    roles = [role for role in ROLES for _ in range(1000)]
    bpe.train_from_iterator([*texts, *roles], trainer)
    if bpe.get_vocab_size() != size:
        raise ValueError(
            f"the texts give {bpe.get_vocab_size()} tokens, {size} were asked for; add more varied text"
        )
    merges = _merges(bpe)
    return Qwen2Tokenizer(
        vocab=bpe.get_vocab(),
        merges=merges,
        unk_token=UNKNOWN,
        pad_token=PAD,
        eos_token=END,
        additional_special_tokens=[START],
        chat_template=CHAT_TEMPLATE,
        model_max_length=512,
    )


def _merges(bpe: Tokenizer) -> list[tuple[str, str]]:
    return [(left, right) for left, right in json.loads(bpe.to_str())["model"]["merges"]]
