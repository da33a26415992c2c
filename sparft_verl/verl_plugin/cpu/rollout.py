"""The two ends that verl's rollout interface asks for: the replica that is served, and the actor's way to it."""

import os
from collections.abc import AsyncIterable, Iterable
from typing import Any

import ray
import torch
from omegaconf import DictConfig
from verl.utils.config import omega_conf_to_dataclass
from verl.workers.config import HFModelConfig, RolloutConfig
from verl.workers.rollout.base import BaseRollout
from verl.workers.rollout.replica import RolloutMode, RolloutReplica

from sparft_verl.verl_plugin.cpu.server import CpuServer, ServerSpec


def server_name(replica_rank: int, suffix: str = "") -> str:
    """Return the name of a replica's Ray actor within its job."""
    return f"sparft_cpu_server{suffix}_{replica_rank}"


def server_spec(
    rollout: RolloutConfig, model: HFModelConfig, *, replica_rank: int, read_weights: bool
) -> ServerSpec:
    """Return what the server of one replica needs. Raises ValueError for a setting it cannot honour."""
    if rollout.logprobs_mode not in (None, "processed_logprobs"):
        raise ValueError(
            f"rollout.logprobs_mode={rollout.logprobs_mode!r}: the CPU rollout returns the log-probabilities of the "
            "distribution it sampled from; set it to processed_logprobs, verl's default."
        )
    context = getattr(model.hf_config, "max_position_embeddings", None)
    limit = rollout.max_model_len or context or rollout.prompt_length + rollout.response_length
    return ServerSpec(
        hf_config=model.hf_config,
        model_path=model.local_path,
        tokenizer_path=model.local_tokenizer_path,
        trust_remote_code=model.trust_remote_code,
        read_weights=read_weights,
        dtype=rollout.dtype,
        seed=rollout.seed + replica_rank,
        prompt_length=rollout.prompt_length,
        response_length=rollout.response_length,
        max_model_len=limit if context is None else min(limit, context),
        ignore_eos=rollout.ignore_eos,
        max_num_seqs=rollout.max_num_seqs,
        max_num_batched_tokens=rollout.max_num_batched_tokens,
    )


_started: dict[str, Any] = {}
"""Servers of this process by name; a Ray actor lives as long as somebody holds its handle."""


def start_server(
    rollout: Any,
    model: Any,
    *,
    replica_rank: int,
    suffix: str = "",
    hybrid: bool = True,
    concurrency: int = 1000,
) -> Any:
    """Return the handle of a replica's server, started now unless it is there already. Does not wait for it.

    `rollout` and `model` are verl's configurations, as YAML or as dataclass.
    """
    name = server_name(replica_rank, suffix)
    if name not in _started:
        if isinstance(rollout, DictConfig):
            rollout = omega_conf_to_dataclass(rollout)
        if isinstance(model, DictConfig):
            model = omega_conf_to_dataclass(model)
        # The actor sends its weights to a hybrid server before the first prompt; nobody sends any to the others.
        read_weights = not hybrid or rollout.load_format != "dummy"
        spec = server_spec(rollout, model, replica_rank=replica_rank, read_weights=read_weights)
        server = ray.remote(CpuServer).options(name=name, num_cpus=0, max_concurrency=concurrency)
        _started[name] = server.remote(spec)
    return _started[name]


def hybrid_ranks(config: Any) -> range:
    """Return the ranks of the servers that share a trainer's run; none where servers come and go."""
    if config.trainer.v1.trainer_mode == "separate_async":
        return range(0)
    rollout = config.actor_rollout_ref.rollout
    ranks = config.trainer.n_gpus_per_node * config.trainer.nnodes
    return range(ranks // (rollout.tensor_model_parallel_size * rollout.data_parallel_size))


class CpuReplica(RolloutReplica):
    """One server, wherever Ray finds room for it."""

    async def launch_servers(self) -> None:
        """Start the server, if it was not started ahead, and wait until its model is built."""
        self._server_handle = start_server(
            self.config,
            self.model_config,
            replica_rank=self.replica_rank,
            suffix=self.name_suffix,
            hybrid=self.rollout_mode == RolloutMode.HYBRID,
            concurrency=self.max_concurrency,
        )
        self.servers = [self._server_handle]
        await self._server_handle.ready.remote()
        # verl tells servers apart by address and sends nothing there: its clients call the actor.
        name = server_name(self.replica_rank, self.name_suffix)
        self._server_address = f"{ray.util.get_node_ip_address()}:{name}"


class CpuServerAdapter(BaseRollout):
    """Lives with the actor's weights and sends them to the server after every update."""

    def __init__(
        self, config: Any, model_config: Any, device_mesh: Any, replica_rank: int = -1, **_: Any
    ) -> None:
        super().__init__(config, model_config, device_mesh)
        rank = int(os.environ["RANK"])
        world = self.config.tensor_model_parallel_size * self.config.data_parallel_size
        self._name = server_name(rank // world if replica_rank == -1 else replica_rank)
        self._sends = rank % world == 0
        self._server: Any = None
        self.sleep_level = 2

    async def resume(self, tags: list[str]) -> None:
        """Do nothing: the server gave no memory back."""

    async def release(self) -> None:
        """Do nothing: host memory is not shared with the actor's device."""

    @torch.no_grad()
    async def update_weights(
        self,
        weights: Iterable[tuple[str, torch.Tensor]] | AsyncIterable[tuple[str, torch.Tensor]],
        global_steps: int | None = None,
        wire_format: str = "named_tensors",
        peft_config: Any = None,
        base_sync_done: bool = True,
        **_: Any,
    ) -> None:
        """Send all `weights`, named as in the Hugging Face model; returns when the server has them."""
        if wire_format != "named_tensors":
            raise ValueError(
                f"The CPU rollout takes whole tensors, not {wire_format!r}; use the naive engine."
            )
        if peft_config is not None:
            raise ValueError("The CPU rollout has no adapters; set actor_rollout_ref.model.lora.merge=True.")
        # Every rank walks through the generator, because gathering a sharded tensor is a collective call.
        received: dict[str, torch.Tensor] = {}
        if isinstance(weights, AsyncIterable):
            async for name, tensor in weights:
                received[name] = tensor.detach().cpu()
        else:
            for name, tensor in weights:
                received[name] = tensor.detach().cpu()
        if not self._sends:
            return
        if self._server is None:
            self._server = ray.get_actor(self._name)
        await self._server.load_weights.remote(received, global_steps)
