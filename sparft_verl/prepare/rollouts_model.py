"""The reference model: what it is, where it can run, and how a chat becomes its tokens."""

from __future__ import annotations

import hashlib
import importlib.util
import os
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sparft_verl.prepare.errors import PrepareError, require
from sparft_verl.prepare.rollouts_config import SETTING, Plan, RolloutsConfig

_PATTERNS = ("*.safetensors", "*.bin", "*.json", "*.jinja", "*.model", "*.txt", "*.py")
_FIX = f"give {SETTING}.model=FOLDER with the model in it, or fetch it beforehand with `hf download`"


def plan(config: RolloutsConfig) -> Plan:
    """Return what will run. PrepareError when the model or the packages cannot be had; no silent fallback.

    `auto` is settled by what this process sees, also where workers are other machines.
    """
    if importlib.util.find_spec("torch") is None or importlib.util.find_spec("transformers") is None:
        raise PrepareError(
            f"{SETTING}.model needs torch and transformers, but they are not installed; install sparft-verl[cpu] "
            "or [gpu], or take the difficulty from a column"
        )
    import torch

    has_cuda, has_vllm = torch.cuda.is_available(), importlib.util.find_spec("vllm") is not None
    engine = config.engine
    if engine == "auto":
        engine = "vllm" if has_cuda and has_vllm else "transformers"
    if engine == "vllm":
        require(has_vllm, f"{SETTING}.engine=vllm needs vLLM", "no such package", "install sparft-verl[gpu]")
        device = "cuda"
    else:
        device = ("cuda" if has_cuda else "cpu") if config.device == "auto" else config.device
    dtype = "float32" if config.dtype == "auto" and device == "cpu" else config.dtype
    template = None if config.chat_template is None else read_template(config.chat_template)
    source, revision, identity = _identify(config, template)
    packages = ("torch", "transformers", "vllm") if engine == "vllm" else ("torch", "transformers")
    return Plan(
        engine=engine,
        source=source,
        template=template,
        device=device,
        dtype=dtype,
        revision=revision,
        identity=identity,
        versions={name: version(name) for name in packages},
        # one prompt a batch, or vLLM's own kernels for it
        exact=engine == "transformers" or os.environ.get("VLLM_BATCH_INVARIANT") == "1",
    )


def _identify(config: RolloutsConfig, template: str | None) -> tuple[str, str | None, dict[str, Any]]:
    """Return where the model is, its commit (None for a folder), and what makes it differ from another."""
    model = str(config.model)
    own = None if template is None else hashlib.sha256(template.encode()).hexdigest()
    if (folder := Path(model)).is_dir():
        identity = {"files_sha256": _folder_sha256(folder), "chat_template_sha256": own}
        return str(folder.resolve()), None, identity
    commit = _cached_commit(model, config.revision) or _hub_commit(model, config.revision)
    return model, commit, {"model": model, "commit": commit, "chat_template_sha256": own}


def _folder_sha256(folder: Path) -> str:
    from sparft_verl.artefact import sha256_file

    files = sorted({path for pattern in _PATTERNS for path in folder.glob(pattern)})
    require(
        (folder / "config.json").is_file(),
        f"{SETTING}.model must be a model's folder, with config.json",
        f"{[path.name for path in files][:5]} in {str(folder)!r}",
        "check the path",
    )
    lines = "\n".join(f"{path.name} {sha256_file(path)}" for path in files)
    return hashlib.sha256(lines.encode()).hexdigest()


def _cached_commit(model: str, revision: str | None) -> str | None:
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(model, "config.json", revision=revision)
    except HFValidationError as e:
        raise PrepareError(f"{SETTING}.model must be a folder or a hub name, but {e}; {_FIX}") from e
    return Path(found).parent.name if isinstance(found, str) else None


def _hub_commit(model: str, revision: str | None) -> str:
    from huggingface_hub import HfApi

    try:
        return str(HfApi().model_info(model, revision=revision, timeout=10).sha)
    # httpx and requests have error trees of their own, and which of them is in use depends on the version
    except Exception as e:
        cause = (str(e).strip().splitlines() or [type(e).__name__])[0]
        raise PrepareError(
            f"{SETTING}.model must be a folder, in the local cache, or reachable on the hub, but {model!r} is "
            f"none of these ({type(e).__name__}: {cause}); {_FIX}"
        ) from e


def read_template(path: str) -> str:
    """Return the text of a chat template's file."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as e:
        raise PrepareError(f"{SETTING}.chat_template must be a text file, but {e}; check the path") from e


class Renderer:
    """Chats as tokens, by the model's own tokenizer and chat template, as verl renders them."""

    def __init__(self, config: RolloutsConfig, plan: Plan) -> None:
        from transformers import AutoTokenizer

        try:
            self.tokenizer = AutoTokenizer.from_pretrained(
                plan.source, revision=plan.revision, trust_remote_code=config.trust_remote_code
            )
        except (OSError, ValueError) as e:
            raise PrepareError(
                f"{SETTING}.model={config.model} must have a tokenizer, but {e}; {_FIX}"
            ) from e
        if plan.template is not None:
            self.tokenizer.chat_template = plan.template
        require(
            bool(self.tokenizer.chat_template),
            f"{SETTING}.model={config.model} must have a chat template, for prompts are chats",
            "none in its tokenizer",
            f"give {SETTING}.chat_template=FILE.jinja, or the instruction-tuned model",
        )
        self._options = dict(config.template_options)

    def tokens(self, messages: list[dict[str, Any]]) -> list[int]:
        """Return the token ids of a chat, up to where the model's turn begins."""
        for message in messages:
            content = message.get("content")
            parts = content if isinstance(content, list) else []
            require(
                not any(isinstance(part, dict) and part.get("type", "text") != "text" for part in parts),
                "difficulty by rollouts reads text prompts only",
                f"a prompt with {[part.get('type') for part in parts if isinstance(part, dict)]}",
                "take the difficulty of such prompts from a column",
            )
        try:
            ids = self.tokenizer.apply_chat_template(
                messages, tokenize=True, add_generation_prompt=True, return_dict=False, **self._options
            )
        # templates raise what they like
        except Exception as e:
            raise PrepareError(
                f"the chat template of {SETTING}.model must render every prompt, but it raised "
                f"{type(e).__name__}: {e} on {messages!r:.200}; correct the prompt, or give "
                f"{SETTING}.chat_template"
            ) from e
        return [int(i) for i in ids]

    def text(self, ids: list[int]) -> str:
        """Return an answer's text without special tokens, as verl hands it to the reward function."""
        return str(self.tokenizer.decode(ids, skip_special_tokens=True))
