"""Settings of difficulty by rollouts, and what the parts that carry them out hand to each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from sparft_verl.prepare.errors import PrepareError, require
from sparft_verl.success import parse_rules

ENGINES = ("auto", "transformers", "vllm")
DTYPES = ("auto", "float32", "bfloat16", "float16")
SETTING = "difficulty.rollouts"


@dataclass
class RolloutsConfig:
    """A reference model that answers every prompt k times, and how its answers are scored."""

    model: str | None = None
    """Hub name or folder of a causal language model with a chat template; null means no rollouts."""
    revision: str | None = None
    """Commit or tag of a hub model, to pin it."""
    engine: str = "auto"
    """vllm, transformers, or auto: vllm where it is installed and torch sees a GPU, else transformers."""
    k: int = 8
    """Answers per prompt."""
    temperature: float = 1.0
    """Divides the logits, as in verl's rollouts; 0 takes the most probable token and needs k=1."""
    top_p: float = 1.0
    """Sample from the smallest set of tokens whose probability reaches this; 1 keeps all."""
    top_k: int = 0
    """Sample from the k most probable tokens; 0 keeps all."""
    max_tokens: int = 1024
    """Longest answer, in tokens; verl's data.max_response_length. Longer ones are cut and scored as they stand."""
    device: str = "auto"
    """Of the transformers engine: auto (cuda if torch sees one, else cpu), cpu, cuda or cuda:N."""
    dtype: str = "auto"
    """Of the weights: auto (float32 on a CPU, else the checkpoint's own), float32, bfloat16 or float16."""
    chat_template: str | None = None
    """A Jinja file to use instead of the tokenizer's own chat template."""
    template_options: dict[str, Any] = field(default_factory=dict)
    """Further arguments of the template, e.g. {enable_thinking: false}; verl's data.apply_chat_template_kwargs."""
    reward: str = "verl.utils.reward_score:default_compute_score"
    """package.module:function or file.py:function with verl's signature compute_score(data_source, solution_str,
    ground_truth, extra_info); use the one that will be trained with."""
    reward_options: dict[str, Any] = field(default_factory=dict)
    """Further arguments of the reward function; verl's reward_kwargs."""
    success: dict[str, Any] = field(default_factory=dict)
    """How scores outside [0, 1] are read, per data source or "*": {threshold: x} or {range: [lo, hi]}; the same
    as curriculum.success in training. A reward's own `acc` comes first."""
    shard: int = 64
    """Prompts per job: what an interrupted run may lose. With vllm also the prompts that are batched together."""
    trust_remote_code: bool = False
    """Run Python code that comes with the model."""
    vllm: dict[str, Any] = field(default_factory=dict)
    """Further arguments of vllm.LLM, e.g. {tensor_parallel_size: 2, max_model_len: 8192}."""

    def __post_init__(self) -> None:
        fix = "correct it on the command line"

        def rule(ok: bool, name: str, must: str) -> None:
            require(ok, f"{SETTING}.{name} must {must}", repr(getattr(self, name)), fix)

        rule(self.model != "", "model", "name a model, or be null for none")
        rule(self.engine in ENGINES, "engine", f"be one of {', '.join(ENGINES)}")
        rule(1 <= self.k <= 2**16, "k", "lie in 1 .. 65536")
        rule(0.0 <= self.temperature < float("inf"), "temperature", "be a number of at least 0")
        rule(self.temperature > 0 or self.k == 1, "k", "be 1 where temperature=0: all answers would be equal")
        rule(0.0 < self.top_p <= 1.0, "top_p", "lie in (0, 1]")
        rule(self.top_k >= 0, "top_k", "be at least 0")
        rule(self.max_tokens >= 1, "max_tokens", "be at least 1")
        device_ok = self.device in ("auto", "cpu") or self.device.startswith("cuda")
        rule(device_ok, "device", "be auto, cpu, cuda or cuda:N")
        rule(self.dtype in DTYPES, "dtype", f"be one of {', '.join(DTYPES)}")
        rule(self.shard >= 1, "shard", "be at least 1")
        module, _, function = self.reward.rpartition(":")
        named = bool(module) and function.isidentifier()
        rule(named, "reward", "be package.module:function or file.py:function")
        parse_rules(self.success, setting=f"{SETTING}.success", error=PrepareError)


class Rows(Protocol):
    """What difficulty asks of the prompts: N rows with their messages, reference answers and columns."""

    @property
    def source(self) -> Sequence[str]:
        """N data sources."""

    @property
    def origin(self) -> np.ndarray[Any, Any]:
        """int64 [N]: row numbers in the input, for messages."""

    def __len__(self) -> int: ...

    def column(self, path: str, option: str) -> list[Any]:
        """Return the N values at a column or a dotted path; PrepareError, naming `option`, without it."""

    def messages(self, rows: Any) -> list[list[dict[str, Any]]]:
        """Return the chat messages of some rows."""

    def truth(self, rows: Any) -> list[Any]:
        """Return the reference answers of some rows."""

    def take(self, rows: Any) -> pa.Table:
        """Return some rows with all their columns."""


@dataclass(frozen=True)
class Plan:
    """Which model runs where, settled before the first job; part of what results are found again by."""

    engine: str
    """transformers or vllm."""
    source: str
    """Where the model is loaded from: a hub name, or a folder's absolute path, which all workers must see."""
    template: str | None
    """Text of the chat template that replaces the tokenizer's own."""
    device: str
    """cpu, cuda or cuda:N."""
    dtype: str
    """Name of a torch type, or auto."""
    revision: str | None
    """Commit of a hub model."""
    identity: dict[str, Any]
    """What makes one model differ from another: commit, or checksum of a folder; that of the chat template."""
    versions: dict[str, str]
    """Of the packages that compute."""
    exact: bool
    """A prompt's answers do not depend on the prompts that are generated with it."""


@dataclass(frozen=True)
class Request:
    """One prompt to be answered k times."""

    digest: str
    """64 hex characters that identify its messages."""
    messages: list[dict[str, Any]]
    """The chat."""


@dataclass(frozen=True)
class Answers:
    """What came back for one prompt. Without texts: prompt and answer together exceed the model's context."""

    texts: list[str]
    """k answers, special tokens left out."""
    cut: list[bool]
    """Per answer: it reached max_tokens."""
    tokens: int
    """Tokens of all answers."""
    prompt_tokens: int
    """Tokens of the prompt, chat template included."""
