"""The benchmark's characters as a tokenizer that verl can load, with the same token numbers."""

from __future__ import annotations

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from benchmarks.learning.policy import ASK, CHARACTERS, END, PAD

_SPECIAL = {"<pad>": PAD, "<end>": END, "<ask>": ASK}
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ message['content'] }}{% endfor %}"
    "{% if add_generation_prompt %}<ask>{% endif %}"
)


def tokenizer() -> PreTrainedTokenizerFast:
    """Return one token per character; a chat's prompt is its question and the mark that asks for the answer."""
    first = max(_SPECIAL.values()) + 1
    vocabulary = _SPECIAL | {character: index + first for index, character in enumerate(CHARACTERS)}
    characters = Tokenizer(models.WordLevel(vocabulary, unk_token="<pad>"))
    characters.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), behavior="isolated")
    characters.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=characters,
        pad_token="<pad>",
        eos_token="<end>",
        additional_special_tokens=["<ask>"],
        chat_template=CHAT_TEMPLATE,
        clean_up_tokenization_spaces=False,
        model_max_length=64,
    )
