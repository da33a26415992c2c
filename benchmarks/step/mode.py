"""verl's synchronous trainer on CPU workers and nothing else, registered as `bench_sync`.

verl imports this module in each of its processes through VERL_USE_EXTERNAL_MODULES.
"""

from sparft_verl.verl_plugin.imports import after_import


def _register() -> None:
    from omegaconf import DictConfig, open_dict
    from verl.trainer.ppo.v1 import PPOTrainerSync, register_trainer

    from sparft_verl.verl_plugin import cpu

    @register_trainer("bench_sync")
    class BenchTrainer(PPOTrainerSync):
        def __init__(self, config: DictConfig) -> None:
            with open_dict(config):
                config.trainer.v1.trainer_mode = "sync"
            super().__init__(config)
            cpu.tune(self)

        def _init_resource_pool_mgr(self) -> None:
            super()._init_resource_pool_mgr()
            cpu.use_cpu_workers(self.role_worker_mapping)


after_import("verl.trainer.ppo.v1", _register)
