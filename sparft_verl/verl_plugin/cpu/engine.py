"""Generation for many requests at once with one transformers model; no Ray, no verl, no threads."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from sparft_verl.verl_plugin.cpu.lanes import Lanes, check_model
from sparft_verl.verl_plugin.cpu.sampling import SamplingParams, choose

Decode = Callable[[Sequence[int]], str]


@dataclass(eq=False)
class Request:
    """One answer in the making; `tokens` and `log_probs` grow, `finish_reason` ends it."""

    prompt: tuple[int, ...]
    params: SamplingParams
    uniform: np.ndarray
    """One number in [0, 1) per token that may be sampled."""
    version: int | None
    """Weights the engine had when the request came."""
    tokens: list[int] = field(default_factory=list)
    log_probs: list[float] = field(default_factory=list)
    finish_reason: str | None = None
    """`stop`, `length` or `abort`; None while it runs."""

    @property
    def context(self) -> tuple[int, ...]:
        """All tokens so far; what has to be read to go on."""
        return self.prompt + tuple(self.tokens)


class Engine:
    """Continuous batching: requests join and leave between tokens, each with its own sampling parameters.

    Identical contexts that join together are read once. A request's random numbers come from Philox, keyed by
    the engine's seed, the version of the weights, its prompt, and how many requests with that prompt came
    before under these weights: they do not depend on the order of different prompts or on the batch. (The
    logits do, by rounding in the last bit.) A request with a seed of its own depends on that and its prompt.
    """

    def __init__(
        self,
        model: Any,
        *,
        eos_token_ids: Iterable[int],
        pad_token_id: int,
        vocabulary: int | None = None,
        decode: Decode | None = None,
        seed: int = 0,
        max_sequences: int = 1024,
        max_prefill_tokens: int = 8192,
    ) -> None:
        """`vocabulary`: tokens from this id on have no text and are never sampled. `decode`: for stop strings."""
        check_model(model)
        self.model = model.eval()
        self.version: int | None = None
        self._eos = frozenset(eos_token_ids)
        self._pad = pad_token_id
        self._vocabulary = vocabulary
        self._decode = decode
        self._seed = seed
        self._max_sequences = max_sequences
        self._max_prefill_tokens = max_prefill_tokens
        self._seen: Counter[tuple[int, ...]] = Counter()
        self._waiting: list[Request] = []
        self._running: list[Request] = []
        self._lanes: Lanes | None = None
        # Rows of `_running` that are finished and reported, and still in the lanes.
        self._ghosts: set[Request] = set()

    @property
    def busy(self) -> bool:
        """Whether a step would do anything."""
        return bool(self._waiting) or self._lanes is not None

    def submit(self, prompt: Sequence[int], params: SamplingParams) -> Request:
        """Return a new request, to be advanced by `step`. Raises ValueError for what cannot be generated."""
        if not prompt:
            raise ValueError("The prompt has no token; there is nothing to continue.")
        if params.stop and self._decode is None:
            raise ValueError(
                f"stop={params.stop!r} needs a tokenizer, and this engine has none; use stop_token_ids."
            )
        request = Request(tuple(prompt), params, self._uniform(tuple(prompt), params), self.version)
        self._waiting.append(request)
        return request

    @torch.inference_mode()
    def step(self) -> list[Request]:
        """Advance every running request by one token and return those that finished with it."""
        self._admit()
        if self._lanes is None:
            return []
        tokens = self._sample(self._lanes.logits)
        finished = [
            request for request in self._running if request.finish_reason and request not in self._ghosts
        ]
        self._ghosts.update(finished)
        alive = len(self._running) - len(self._ghosts)
        if alive == 0:
            self._clear()
        else:
            # A finished row costs its share of every later step, cutting it out one copy of the cache.
            if alive <= 0.75 * len(self._running):
                tokens = tokens[self._drop_ghosts()]
            self._lanes.advance(tokens)
        return finished

    def abort(self) -> list[Request]:
        """Stop everything and return the requests, each with the tokens it has; the engine is empty then."""
        unfinished = [r for r in (*self._running, *self._waiting) if r.finish_reason is None]
        for request in unfinished:
            request.finish_reason = "abort"
        self._waiting = []
        self._clear()
        return unfinished

    def load_weights(self, weights: Mapping[str, torch.Tensor], version: int | None) -> None:
        """Copy `weights`, named as the model's state dict, into the model; running requests re-read with them.

        Raises ValueError naming what is missing, unknown or of another shape; nothing is copied then.
        """
        own = self.model.state_dict()
        tied = set(getattr(self.model, "_tied_weights_keys", None) or ()) if self._ties_embeddings else set()
        missing = sorted(set(own) - set(weights) - tied)
        unknown = sorted(set(weights) - set(own))
        shapes = [n for n in own if n in weights and own[n].shape != weights[n].shape]
        if missing or unknown or shapes:
            raise ValueError(
                "The weights do not fit the rollout's model: "
                f"missing {missing[:3]}, unknown {unknown[:3]}, other shape {shapes[:3]} "
                f"({len(missing)}, {len(unknown)}, {len(shapes)} in all). Actor and rollout must be the same "
                "architecture; with LoRA set actor_rollout_ref.model.lora.merge=True."
            )
        with torch.no_grad():
            for name, tensor in weights.items():
                own[name].copy_(tensor)
        self._waiting = [r for r in self._running if r.finish_reason is None] + self._waiting
        self._clear()
        if version != self.version:
            self._seen.clear()
        self.version = version

    @property
    def _ties_embeddings(self) -> bool:
        return bool(getattr(self.model.config, "tie_word_embeddings", False))

    def _uniform(self, prompt: tuple[int, ...], params: SamplingParams) -> np.ndarray:
        if params.seed is None:
            parts = (self._seed, -1 if self.version is None else self.version, self._seen[prompt], *prompt)
            self._seen[prompt] += 1
        else:
            parts = (params.seed, *prompt)
        digest = hashlib.blake2b(np.array(parts, dtype=np.int64).tobytes(), digest_size=16).digest()
        philox = np.random.Philox(key=int.from_bytes(digest, "little"))
        return np.random.Generator(philox).random(params.max_tokens)

    def _clear(self) -> None:
        self._running, self._ghosts, self._lanes = [], set(), None

    def _drop_ghosts(self) -> list[int]:
        """Cut the finished rows out of the lanes and return the rows that stay."""
        rows = [row for row, request in enumerate(self._running) if request.finish_reason is None]
        if self._lanes is not None and len(rows) < len(self._running):
            self._lanes = self._lanes.take(rows) if rows else None
            self._set_running([self._running[row] for row in rows])
        return rows

    def _set_running(self, requests: list[Request]) -> None:
        self._running, self._ghosts = requests, set()
        self._temperature = torch.tensor([r.params.temperature for r in requests])
        self._top_k = torch.tensor([r.params.top_k for r in requests])
        self._top_p = torch.tensor([r.params.top_p for r in requests])

    def _admit(self) -> None:
        room = self._max_sequences - (len(self._running) - len(self._ghosts))
        if not self._waiting or room <= 0:
            return
        joining, self._waiting = self._waiting[:room], self._waiting[room:]
        self._drop_ghosts()
        rows_of: dict[tuple[int, ...], list[Request]] = {}
        for request in joining:
            rows_of.setdefault(request.context, []).append(request)
        for contexts in self._chunks(list(rows_of)):
            lanes = Lanes.prefill(self.model, contexts, self._pad)
            requests = [request for context in contexts for request in rows_of[context]]
            lanes = lanes.take([row for row, context in enumerate(contexts) for _ in rows_of[context]])
            self._lanes = lanes if self._lanes is None else self._lanes.join(lanes)
            self._set_running(self._running + requests)

    def _chunks(self, contexts: list[tuple[int, ...]]) -> Iterator[list[tuple[int, ...]]]:
        """Yield `contexts` in parts of at most `max_prefill_tokens`, padding included, at least one in each."""
        part: list[tuple[int, ...]] = []
        longest = 0
        for context in contexts:
            longest = max(longest, len(context))
            if part and longest * (len(part) + 1) > self._max_prefill_tokens:
                yield part
                part, longest = [], len(context)
            part.append(context)
        if part:
            yield part

    def _sample(self, logits: torch.Tensor) -> torch.Tensor:
        """Give every running request its next token and return the tokens of all lanes, [B]."""
        logits = logits.float()
        if self._vocabulary is not None and self._vocabulary < logits.shape[-1]:
            logits[:, self._vocabulary :] = -torch.inf
        for row, request in enumerate(self._running):
            if len(request.tokens) < request.params.min_tokens:
                logits[row, [*self._ends(request)]] = -torch.inf
        uniform = torch.from_numpy(
            np.array([r.uniform[min(len(r.tokens), len(r.uniform) - 1)] for r in self._running])
        )
        tokens, log_probs = choose(logits, self._temperature, self._top_k, self._top_p, uniform)
        for request, token, log_prob in zip(self._running, tokens.tolist(), log_probs.tolist(), strict=True):
            if request.finish_reason is None:
                request.tokens.append(token)
                request.log_probs.append(log_prob)
                request.finish_reason = self._finish_reason(request)
        return tokens

    def _ends(self, request: Request) -> frozenset[int]:
        own = frozenset(request.params.stop_token_ids)
        return own if request.params.ignore_eos else own | self._eos

    def _finish_reason(self, request: Request) -> str | None:
        params = request.params
        if len(request.tokens) >= params.min_tokens and (
            request.tokens[-1] in self._ends(request) or self._has_stop_string(request)
        ):
            return "stop"
        return "length" if len(request.tokens) >= params.max_tokens else None

    def _has_stop_string(self, request: Request) -> bool:
        if not request.params.stop or self._decode is None:
            return False
        # The last token must be part of the match, and every token decodes to at least one byte of text.
        window = max(len(stop.encode()) for stop in request.params.stop) + 4
        text = self._decode(request.tokens[-window:])
        return any(stop in text for stop in request.params.stop)
