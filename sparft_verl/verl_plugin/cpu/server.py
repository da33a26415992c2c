"""The Ray actor that generates: one Engine, driven by the actor's event loop, behind the calls verl makes.

The actor does not import verl, which would add seconds to the start of its process. The module itself does
not even import torch: whoever is handed the actor's handle imports it, and the load balancer needs neither.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from sparft_verl.verl_plugin.cpu.engine import Engine, Request
    from sparft_verl.verl_plugin.cpu.sampling import SamplingParams

GATHER_SECONDS = 0.002
"""How long an idle server waits for company to the first request; identical prompts that come together are
read once."""


@dataclass(frozen=True)
class ServerSpec:
    """What a server needs to know, as plain values."""

    hf_config: Any
    """transformers config of the model."""
    model_path: str
    """Local folder with the weights."""
    tokenizer_path: str
    """Local folder with the tokenizer."""
    trust_remote_code: bool
    """Whether model and tokenizer may bring code of their own."""
    read_weights: bool
    """False when the actor sends the weights before the first request."""
    dtype: str
    """Floating-point type of the weights, e.g. float32."""
    seed: int
    """Seed of the sampling; replicas need different ones."""
    prompt_length: int
    """Longest prompt of the run, tokens."""
    response_length: int
    """Longest answer of the run, tokens."""
    max_model_len: int
    """Longest sequence the model takes, tokens."""
    ignore_eos: bool
    """Default of the sampling parameter of that name."""
    max_num_seqs: int
    """Most sequences in one batch."""
    max_num_batched_tokens: int
    """Most prompt tokens in one forward pass."""


class Reply:
    """One answer on its way; whoever receives it unpickles verl's TokenOutput."""

    def __init__(self, **fields: Any) -> None:
        self.fields = fields

    def __reduce__(self) -> tuple[Any, ...]:
        return _token_output, (self.fields,)


def _token_output(fields: dict[str, Any]) -> Any:
    from verl.workers.rollout.replica import TokenOutput

    return TokenOutput(**fields)


def build_engine(spec: ServerSpec) -> Engine:
    """Return the engine that `spec` describes, with random weights unless `spec.read_weights`."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from sparft_verl.verl_plugin.cpu.engine import Engine

    dtype = getattr(torch, spec.dtype)
    if spec.read_weights:
        model = AutoModelForCausalLM.from_pretrained(
            spec.model_path, config=spec.hf_config, dtype=dtype, trust_remote_code=spec.trust_remote_code
        )
    else:
        model = AutoModelForCausalLM.from_config(
            spec.hf_config, dtype=dtype, trust_remote_code=spec.trust_remote_code
        )
    tokenizer = AutoTokenizer.from_pretrained(spec.tokenizer_path, trust_remote_code=spec.trust_remote_code)
    ends: set[int] = set()
    for source in (tokenizer, getattr(model, "generation_config", None), spec.hf_config):
        token = getattr(source, "eos_token_id", None)
        ends.update(token if isinstance(token, list | tuple) else () if token is None else (token,))
    return Engine(
        model,
        eos_token_ids=ends,
        pad_token_id=tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0,
        vocabulary=len(tokenizer),
        decode=tokenizer.decode,
        seed=spec.seed,
        max_sequences=spec.max_num_seqs,
        max_prefill_tokens=spec.max_num_batched_tokens,
    )


class CpuServer:
    """The calls of verl's replicas and clients, on one Engine.

    Everything runs on the actor's event loop, so that each call takes effect between two tokens.
    """

    def __init__(self, spec: ServerSpec) -> None:
        self.spec = spec
        self.engine = build_engine(spec)
        self._answers: dict[Request, asyncio.Future[Request]] = {}
        self._driver: asyncio.Task[None] | None = None
        self._open = asyncio.Event()
        self._open.set()
        self._rejecting = False

    async def ready(self) -> None:
        """Return when the model is built."""

    async def generate(
        self,
        prompt_ids: Sequence[int],
        sampling_params: Mapping[str, Any],
        request_id: str,
        image_data: Any = None,
        video_data: Any = None,
        audio_data: Any = None,
        mm_processor_kwargs: Any = None,
        priority: int = 0,
    ) -> Reply:
        """Return the answer to one prompt. `priority` is ignored: every request that fits runs at once."""
        if image_data or video_data or audio_data:
            raise ValueError("The CPU rollout reads text only; this prompt has an image, a video or a sound.")
        return (await self.generate_many([(prompt_ids, sampling_params)]))[0]

    async def generate_many(self, requests: Sequence[tuple[Sequence[int], Mapping[str, Any]]]) -> list[Reply]:
        """Return the answers to several (prompt token ids, sampling parameters), all at once and in order."""
        while not self._open.is_set():
            if self._rejecting:
                return [Reply(token_ids=[], stop_reason="aborted", extra_fields=self._versions(None))] * len(
                    requests
                )
            await self._open.wait()
        # All are checked before any is submitted, so that a refused one leaves nothing behind.
        checked = [(prompt, self._params(prompt, params)) for prompt, params in requests]
        loop = asyncio.get_running_loop()
        futures = []
        for prompt, params in checked:
            request = self.engine.submit(prompt, params)
            self._answers[request] = loop.create_future()
            futures.append(self._answers[request])
        if self._driver is None or self._driver.done():
            self._driver = asyncio.create_task(self._drive())
        return [self._reply(request) for request in await asyncio.gather(*futures)]

    async def abort_all_requests(self, reject_request: bool = False) -> None:
        """Return what every request has so far, and hold (or refuse) new ones until `resume_generation`."""
        self._open.clear()
        self._rejecting = reject_request
        for request in self.engine.abort():
            self._answers.pop(request).set_result(request)

    async def resume_generation(self) -> None:
        self._rejecting = False
        self._open.set()

    async def load_weights(self, weights: Mapping[str, torch.Tensor], global_steps: int | None) -> None:
        """Go on with other weights; `global_steps` names them."""
        self.engine.load_weights(weights, self.engine.version if global_steps is None else global_steps)

    async def set_global_steps(self, global_steps: int) -> None:
        self.engine.version = global_steps

    # The weights and the cache live in host memory, which nobody else waits for.
    async def sleep(self) -> None: ...

    async def wake_up(self, tags: list[str] | None = None) -> None: ...

    async def clear_kv_cache(self) -> None: ...

    async def release_kv_cache(self) -> None: ...

    async def resume_kv_cache(self) -> None: ...

    async def start_profile(self, **_: Any) -> None: ...

    async def stop_profile(self) -> None: ...

    async def _drive(self) -> None:
        await asyncio.sleep(GATHER_SECONDS)
        while self.engine.busy:
            try:
                finished = self.engine.step()
            except Exception as error:
                for request in self.engine.abort():
                    self._answers.pop(request).set_exception(error)
                return
            for request in finished:
                self._answers.pop(request).set_result(request)
            await asyncio.sleep(0)

    def _params(self, prompt: Sequence[int], params: Mapping[str, Any]) -> SamplingParams:
        """Return the parameters with verl's own default and bounds on the length of the answer."""
        from sparft_verl.verl_plugin.cpu.sampling import SamplingParams

        spec = self.spec
        room = spec.max_model_len - len(prompt)
        if room < 1:
            raise ValueError(
                f"The prompt has {len(prompt)} tokens and the model's context {spec.max_model_len}: no room for an "
                "answer. Lower data.max_prompt_length, or raise actor_rollout_ref.rollout.max_model_len."
            )
        default = min(spec.response_length, spec.prompt_length + spec.response_length - len(prompt))
        given = dict(params)
        given.setdefault("ignore_eos", spec.ignore_eos)
        for name in ("max_tokens", "max_new_tokens"):
            if given.get(name) is not None:
                given[name] = max(1, min(int(given[name]), room))
        return SamplingParams.from_verl(given, max_tokens=max(1, min(default, room)))

    def _versions(self, started: int | None) -> dict[str, Any]:
        now = self.engine.version
        return {
            "global_steps": now,
            "min_global_steps": now if started is None else started,
            "max_global_steps": now,
        }

    def _reply(self, request: Request) -> Reply:
        return Reply(
            token_ids=request.tokens,
            log_probs=request.log_probs if request.params.logprobs else None,
            stop_reason="aborted" if request.finish_reason == "abort" else "completed",
            extra_fields=self._versions(request.version),
        )
