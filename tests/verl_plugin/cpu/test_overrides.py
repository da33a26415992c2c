"""The command line and the environment for a CPU."""

import os
from pathlib import Path

import pytest
from hydra import compose, initialize_config_module
from omegaconf import DictConfig
from verl.utils.import_utils import load_class_from_fqn

from sparft_verl.verl_plugin.cpu import WEIGHTS
from sparft_verl.verl_plugin.cpu.overrides import cpu_env, cpu_overrides


def composed(*extra: str, batch: int = 16, rollouts: int = 8, ranks: int = 1) -> DictConfig:
    with initialize_config_module("verl.trainer.config", version_base=None):
        return compose("ppo_trainer", [*cpu_overrides(batch=batch, rollouts=rollouts, ranks=ranks), *extra])


def test_verls_own_configuration_takes_every_override() -> None:
    config = composed()
    actor, rollout = config.actor_rollout_ref.actor, config.actor_rollout_ref.rollout
    assert (config.trainer.device, rollout.name, actor.strategy) == ("cpu", "hf_cpu", "fsdp2")
    assert (config.data.train_batch_size, rollout.n, actor.ppo_micro_batch_size_per_gpu) == (16, 8, 128)
    assert config.data.dataloader_num_workers == config.reward.num_workers == 0
    assert Path(rollout.router_config_path).is_file()
    manager = load_class_from_fqn(rollout.agent.agent_loop_manager_class)
    assert callable(manager.create)


def test_a_critic_needs_only_its_model_from_the_user() -> None:
    critic = composed("algorithm.adv_estimator=gae", "critic.model.path=folder").critic
    assert (critic.strategy, critic.fsdp.strategy, critic.ppo_micro_batch_size_per_gpu) == (
        "fsdp2",
        "fsdp2",
        128,
    )
    assert critic.fsdp.mixed_precision.param_dtype == "fp32"
    assert critic.model.override_config.attn_implementation == "sdpa"


def test_the_reference_computes_in_the_precision_of_the_policy() -> None:
    config = composed("actor_rollout_ref.actor.use_kl_loss=True").actor_rollout_ref
    assert config.ref.fsdp_config.mixed_precision == config.actor.fsdp_config.mixed_precision
    assert config.ref.fsdp_config.mixed_precision.param_dtype == "fp32"
    assert config.ref.strategy == config.ref.fsdp_config.strategy == "fsdp2"


def test_what_the_user_puts_after_them_holds() -> None:
    config = composed("actor_rollout_ref.rollout.n=4", "reward.num_workers=2")
    assert (config.actor_rollout_ref.rollout.n, config.reward.num_workers) == (4, 2)


def test_several_ranks_share_a_step_and_an_uneven_share_is_refused() -> None:
    config = composed(batch=6, rollouts=4, ranks=2)
    assert config.actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu == 12
    assert config.trainer.n_gpus_per_node == config.ray_kwargs.ray_init.num_gpus == 2
    with pytest.raises(ValueError, match="3 prompts x 3 rollouts are not divisible by 2 ranks"):
        cpu_overrides(batch=3, rollouts=3, ranks=2)


def test_a_cluster_that_runs_already_is_joined_and_not_sized() -> None:
    with initialize_config_module("verl.trainer.config", version_base=None):
        config = compose("ppo_trainer", cpu_overrides(batch=8, rollouts=4, nodes=2, cluster=True))
    assert config.ray_kwargs.ray_init.num_cpus is None and "num_gpus" not in config.ray_kwargs.ray_init
    assert (config.trainer.nnodes, config.actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu) == (2, 16)


def test_a_rollout_that_lives_apart_has_a_device_and_a_way_for_its_weights() -> None:
    with initialize_config_module("verl.trainer.config", version_base=None):
        config = compose("ppo_trainer", cpu_overrides(batch=8, rollouts=4, separate=True))
    rollout = config.actor_rollout_ref.rollout
    assert (rollout.nnodes, rollout.n_gpus_per_node, config.ray_kwargs.ray_init.num_gpus) == (1, 1, 2)
    assert (
        not config.actor_rollout_ref.hybrid_engine
        and config.trainer.v1.separate_async.parameter_sync_step == 1
    )
    assert rollout.checkpoint_engine.backend == WEIGHTS
    assert cpu_env(separate=True)["VERL_LOGGING_LEVEL"] == "WARNING"


def test_the_environment_switches_the_platform_and_keeps_what_the_user_tuned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("VERL_PLATFORM", "cuda")
    monkeypatch.delenv("WANDB_MODE", raising=False)
    environment = cpu_env()
    assert environment["VERL_PLATFORM"] == "cpu"
    assert environment["OMP_NUM_THREADS"] == "3"
    assert environment["WANDB_MODE"] == "disabled"
    assert "CUDA_VISIBLE_DEVICES" not in environment
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "", "our own environment stays as it was"
