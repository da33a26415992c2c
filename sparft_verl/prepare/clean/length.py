"""How many tokens a prompt has when verl shows it to the model."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from sparft_verl.prepare.cache import Cache, digest_texts
from sparft_verl.prepare.clean.config import CleanConfig
from sparft_verl.prepare.errors import PrepareError, require
from sparft_verl.prepare.ledger import Cost

if TYPE_CHECKING:
    from sparft_verl.prepare.read import Prompts

_BATCH = 512


def token_counts(
    prompts: Prompts, rows: np.ndarray[Any, Any], config: CleanConfig, cache: Cache, cost: Cost
) -> np.ndarray[Any, Any]:
    """Return int64: tokens of each of `rows`, counted as verl's filter_overlong_prompts does, images left out.

    Chat template with generation prompt, no further special tokens. Adds to `cost`. Raises PrepareError when the
    tokenizer cannot be had, has no chat template, or its template refuses a prompt.
    """
    tokenizer = load_tokenizer(str(config.tokenizer))
    identity = _identity(tokenizer)
    counts = [np.zeros(0, dtype=np.int64)]
    # in shards, so that an interrupted or grown run counts only what is new
    for first in range(0, len(rows), 32 * _BATCH):
        shard = rows[first : first + 32 * _BATCH]
        texts = _rendered(tokenizer, prompts, shard, config.template_kwargs)
        entry = cache.entry("clean-tokens", {"tokenizer": identity, "texts": digest_texts(texts)})
        known = entry.load("tokens")
        if known is not None and len(known) == len(shard):
            cost.cached += len(shard)
            counts.append(known)
            continue
        found = [
            len(ids)
            for at in range(0, len(texts), _BATCH)
            for ids in tokenizer(texts[at : at + _BATCH], add_special_tokens=False)["input_ids"]
        ]
        counts.append(np.array(found, dtype=np.int64))
        entry.save("tokens", counts[-1])
        cost.items += len(shard)
        cost.tokens += int(counts[-1].sum())
    return np.concatenate(counts)


def load_tokenizer(name: str) -> Any:
    """Return the tokenizer of a folder or hub model. PrepareError when it cannot be had or has no chat template."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(name)
    # the hub, the file system and the tokenizer's own format each have their tree of errors
    except Exception as e:
        cause = (str(e).strip().splitlines() or [type(e).__name__])[0]
        raise PrepareError(
            f"clean.tokenizer must be a folder, in the local cache, or reachable on the hub, but {name!r} is none "
            f"of these ({type(e).__name__}: {cause}); give the folder or name of the model that is to train"
        ) from e
    rule = "clean.tokenizer must have a chat template, for verl counts tokens with it"
    require(bool(tokenizer.chat_template), rule, f"none in {name!r}", "name the instruct model's tokenizer")
    return tokenizer


def _rendered(
    tokenizer: Any, prompts: Prompts, rows: np.ndarray[Any, Any], arguments: dict[str, Any]
) -> list[str]:
    texts = []
    for row, messages in zip(rows.tolist(), prompts.messages(rows), strict=True):
        try:
            texts.append(
                tokenizer.apply_chat_template(
                    messages, **{**arguments, "add_generation_prompt": True, "tokenize": False}
                )
            )
        # a template may raise anything: its own refusals, and whatever its expressions do to unforeseen messages
        except Exception as e:
            raise PrepareError(
                f"the chat template of clean.tokenizer must accept every prompt, but it refuses input row "
                f"{prompts.origin[row]} ({type(e).__name__}: {e}); correct the row's messages or the template"
            ) from e
    return texts


def _identity(tokenizer: Any) -> str:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    model = backend.to_str() if backend is not None else json.dumps(tokenizer.get_vocab(), sort_keys=True)
    return hashlib.sha256(f"{type(tokenizer).__name__}\n{model}".encode()).hexdigest()
