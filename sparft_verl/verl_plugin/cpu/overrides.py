"""What a command line and an environment need so that verl trains on a CPU."""

import os
import tempfile
from pathlib import Path

from sparft_verl.verl_plugin.cpu import AGENT_LOOP, AGENT_LOOP_MANAGER, ROLLOUT, WEIGHTS


def cpu_overrides(
    *,
    batch: int,
    rollouts: int,
    ranks: int = 1,
    nodes: int = 1,
    separate: bool = False,
    cluster: bool = False,
) -> list[str]:
    """Return the hydra overrides that make verl 0.9 train on a CPU; put the user's own after them.

    `batch` prompts with `rollouts` answers each per step go through the model in one micro-batch, on `ranks`
    FSDP2 processes of each of `nodes` nodes; with `separate` (trainer_mode=separate_async) one more process
    generates, all the time, and a step is one update. With `cluster` Ray runs already, its nodes started with
    `--num-gpus` logical devices of their own. Data, model, lengths, learning rate and trainer mode are the user's.
    Raises ValueError when the answers of a step cannot be shared out evenly.
    """
    world = ranks * nodes
    if batch * rollouts % world:
        raise ValueError(
            f"{batch} prompts x {rollouts} rollouts are not divisible by {world} ranks; change one of the three."
        )
    micro_batch = batch * rollouts // world
    actor, rollout = "actor_rollout_ref.actor", "actor_rollout_ref.rollout"
    return [
        f"data.train_batch_size={batch}",
        "data.dataloader_num_workers=0",
        *_engine(actor, f"{actor}.fsdp_config", "actor_rollout_ref.model"),
        f"{actor}.use_torch_compile=False",
        f"{actor}.ppo_mini_batch_size={batch}",
        f"{actor}.ppo_micro_batch_size_per_gpu={micro_batch}",
        f"{rollout}.name={ROLLOUT}",
        f"{rollout}.n={rollouts}",
        f"{rollout}.dtype=float32",
        f"{rollout}.tensor_model_parallel_size=1",
        f"{rollout}.log_prob_micro_batch_size_per_gpu={micro_batch}",
        f"{rollout}.free_cache_engine=False",
        # Read only in a run with a reference policy, which verl then refuses to start without a micro-batch.
        *_sharding("actor_rollout_ref.ref.fsdp_config"),
        f"actor_rollout_ref.ref.log_prob_micro_batch_size_per_gpu={micro_batch}",
        # Read only in a run with a critic.
        *_engine("critic", "critic.fsdp", "critic.model"),
        f"critic.ppo_micro_batch_size_per_gpu={micro_batch}",
        # No Ray actor for the agent loop and the reward (0 stands for the trainer's process), a light one for
        # the balancer: every actor that imports verl pays seconds of CPU at start.
        f"++{rollout}.agent.agent_loop_manager_class={AGENT_LOOP_MANAGER}",
        f"{rollout}.agent.default_agent_loop={AGENT_LOOP}",
        f"++{rollout}.router_config_path={Path(__file__).with_name('router.yaml')}",
        "reward.num_workers=0",
        "transfer_queue.backend.SimpleStorage.num_data_storage_units=1",
        "trainer.device=cpu",
        f"trainer.nnodes={nodes}",
        f"trainer.n_gpus_per_node={ranks}",
        *(("ray_kwargs.ray_init.num_cpus=null",) if cluster else _own_ray(ranks + separate)),
        *(_apart(rollout) if separate else ()),
    ]


def _engine(role: str, fsdp: str, model: str) -> tuple[str, ...]:
    """Return what a training engine and its model need; the three are paths in verl's configuration."""
    return (
        f"{role}.strategy=fsdp2",
        *_sharding(fsdp),
        f"+{model}.override_config.attn_implementation=sdpa",
        f"{model}.use_remove_padding=False",
        f"{model}.enable_gradient_checkpointing=False",
    )


def _sharding(fsdp: str) -> tuple[str, ...]:
    """Return how a model is sharded and in which precision it computes."""
    single = "fp32"  # half precision is slower than single on most CPUs, and the log-probs would not match
    return (
        f"{fsdp}.strategy=fsdp2",
        f"{fsdp}.use_torch_compile=False",
        f"+{fsdp}.mixed_precision.param_dtype={single}",
        f"+{fsdp}.mixed_precision.reduce_dtype={single}",
        f"+{fsdp}.mixed_precision.buffer_dtype={single}",
    )


def _own_ray(devices: int) -> tuple[str, ...]:
    """Return what Ray needs to be told when verl starts it."""
    return (
        # Logical devices: verl counts Ray's GPUs to place its workers, and nothing is ever put on one.
        f"+ray_kwargs.ray_init.num_gpus={devices}",
        f"ray_kwargs.ray_init.num_cpus={4 * devices + 4}",
        "+ray_kwargs.ray_init.include_dashboard=False",
        "+ray_kwargs.ray_init.object_store_memory=500000000",
    )


def _apart(rollout: str) -> tuple[str, ...]:
    """Return what verl needs where the rollout lives apart from the trainer."""
    return (
        "actor_rollout_ref.hybrid_engine=False",
        f"{rollout}.nnodes=1",
        f"{rollout}.n_gpus_per_node=1",
        f"{rollout}.checkpoint_engine.backend={WEIGHTS}",
        "trainer.v1.separate_async.parameter_sync_step=1",
    )


def cpu_env(*, separate: bool = False) -> dict[str, str]:
    """Return the whole environment for a verl process on a CPU; Ray hands it on to its actors.

    It is the present one with what the CPU needs put in; CUDA_VISIBLE_DEVICES goes, because Ray refuses
    logical GPUs beside it. Variables that only tune (threads, directories, logs) keep the user's value.
    """
    environment = {key: value for key, value in os.environ.items() if key != "CUDA_VISIBLE_DEVICES"}
    for name, value in {
        "OMP_NUM_THREADS": "1",
        "TQ_NUM_THREADS": "1",
        "WANDB_MODE": "disabled",
        "TOKENIZERS_PARALLELISM": "false",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        "RAY_DEDUP_LOGS": "0",
        # Ray's idle workers would be of no use: verl gives its actors an environment of their own.
        "RAY_prestart_worker_first_driver": "0",
        # Without it the first start writes a token into the home directory.
        "RAY_AUTH_MODE": "disabled",
        # Unix sockets have short paths, and a working directory may be long.
        "RAY_TMPDIR": str(Path(tempfile.gettempdir()) / f"sparft-ray-{os.getuid()}"),
    }.items():
        environment.setdefault(name, value)
    if separate:
        # verl 0.9.1 ends with a TypeError in one of its own INFO messages in this mode.
        environment.setdefault("VERL_LOGGING_LEVEL", "WARNING")
    return environment | {"VERL_PLATFORM": "cpu"}
