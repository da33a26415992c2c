"""verl on a machine without a GPU: a platform, the FSDP2 engine over gloo, and a transformers rollout.

Everything enters through verl's registries, and only when VERL_PLATFORM=cpu. Importing this package costs
nothing; each registration waits for verl itself to import the module that holds the registry.
"""

from typing import Any

from sparft_verl.verl_plugin.imports import after_import

ROLLOUT = "hf_cpu"
"""Value of actor_rollout_ref.rollout.name for the transformers rollout."""

WEIGHTS = "sparft_file"
"""Value of actor_rollout_ref.rollout.checkpoint_engine.backend for weights that travel through a file in memory."""

AGENT_LOOP_MANAGER = f"{__name__}.agent_loop.CpuAgentLoopManager"
"""Value of actor_rollout_ref.rollout.agent.agent_loop_manager_class for the in-process agent loop."""

AGENT_LOOP = "sparft_single_turn"
"""Value of actor_rollout_ref.rollout.agent.default_agent_loop that goes with it."""

POLL_SECONDS = 0.05
"""How often verl's replay buffer looks for finished groups; its own default of 2 s exceeds a whole step here."""


def register() -> None:
    """Tell verl about the CPU. Harmless when called twice; takes well under a millisecond."""
    after_import("verl.plugin.platform.platform_manager", _register_platform)
    after_import("verl.workers.rollout.replica", _register_replica)
    after_import("verl.workers.rollout.base", _register_rollout)
    after_import("verl.workers.engine", _register_engines)
    after_import("verl.checkpoint_engine.base", _register_weights)


def tune(trainer: Any) -> None:
    """Save a trainer of verl's from waiting; to be called at the end of its constructor.

    Its replay buffer looks more often, through a public attribute. Its rollout servers start now, beside the
    training workers and not after them; verl finds them when it comes to launch them.
    """
    from sparft_verl.verl_plugin.cpu.rollout import hybrid_ranks, start_server

    trainer.replay_buffer.poll_interval = POLL_SECONDS
    settings = trainer.config.actor_rollout_ref
    if settings.rollout.name == ROLLOUT:
        for rank in hybrid_ranks(trainer.config):
            start_server(settings.rollout, settings.model, replica_rank=rank)


def use_cpu_workers(role_worker_mapping: dict[Any, Any]) -> None:
    """Put the classes that can start a gloo-only process group in the place of verl's, role by role.

    Changes the trainer's mapping in place; to be called at the end of `_init_resource_pool_mgr`.
    """
    from sparft_verl.verl_plugin.cpu.workers import on_cpu

    for role, worker in role_worker_mapping.items():
        role_worker_mapping[role] = on_cpu(worker)


def _register_platform() -> None:
    from verl.plugin.platform.platform_manager import PlatformRegistry

    from sparft_verl.verl_plugin.cpu.platform import PlatformCpu

    if PlatformRegistry.get("cpu") is not PlatformCpu:
        PlatformRegistry.register(platform="cpu")(PlatformCpu)


def _register_replica() -> None:
    from verl.workers.rollout.replica import RolloutReplicaRegistry

    RolloutReplicaRegistry.register(ROLLOUT, _load_replica)


def _load_replica() -> type:
    from sparft_verl.verl_plugin.cpu.rollout import CpuReplica

    return CpuReplica


def _register_rollout() -> None:
    from verl.workers.rollout import base

    # The one place where verl has a table and no function to add to it.
    base._ROLLOUT_REGISTRY[(ROLLOUT, "async")] = f"{__name__}.rollout.CpuServerAdapter"


def _register_engines() -> None:
    from verl.workers.engine import EngineRegistry

    from sparft_verl.verl_plugin.cpu.fsdp import CpuEngineWithLMHead, CpuEngineWithValueHead

    # FSDP1 needs an accelerator even to broadcast its weights; FSDP2 does not.
    for model_type, engine in (
        ("language_model", CpuEngineWithLMHead),
        ("value_model", CpuEngineWithValueHead),
    ):
        if "cpu" not in EngineRegistry._engines[model_type]["fsdp2"]:
            EngineRegistry.register(model_type=model_type, backend="fsdp2", device="cpu")(engine)


def _register_weights() -> None:
    from verl.checkpoint_engine.base import CheckpointEngineRegistry

    from sparft_verl.verl_plugin.cpu.weights import FileCheckpointEngine

    CheckpointEngineRegistry.register(WEIGHTS)(FileCheckpointEngine)
