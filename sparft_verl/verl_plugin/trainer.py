"""verl's v1 trainer modes under a curriculum; importing this module registers them.

A step is verl's own. The curriculum chooses the rows that the data loader serves, and is told what became of
them inside the step, before verl writes its checkpoint.
"""

import os
from pathlib import Path
from typing import Any

import transfer_queue as tq
from omegaconf import DictConfig, open_dict
from transfer_queue import KVBatchMeta
from verl.trainer.ppo.v1 import PPOTrainer, PPOTrainerSync, register_trainer
from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer
from verl.utils.debug import marked_timer
from verl.utils.device import get_device_name

from sparft_verl.artefact import read_artefact
from sparft_verl.curricula import build
from sparft_verl.journal import JournalWriter
from sparft_verl.sampler import CurriculumSampler
from sparft_verl.verl_plugin import cpu
from sparft_verl.verl_plugin.errors import CurriculumError
from sparft_verl.verl_plugin.feedback import DISCARDED_FIELDS, TRAINED_FIELDS, group, read_rollouts
from sparft_verl.verl_plugin.join import join_arms
from sparft_verl.verl_plugin.loader import CurriculumDataLoader
from sparft_verl.verl_plugin.replay import reporting
from sparft_verl.verl_plugin.settings import read_settings
from sparft_verl.verl_plugin.switch import MODE_PREFIX

JOURNAL = Path("sparft") / "journal.jsonl"
"""Where the journal lies, below trainer.default_local_dir."""


class CurriculumTrainer(PPOTrainer):
    """What a curriculum adds to any of verl's trainer modes."""

    base_mode: str
    curriculum_sampler: CurriculumSampler

    def __init__(self, config: DictConfig) -> None:
        self.settings = read_settings(config)
        with open_dict(config):  # verl compares this name and looks its mode's own block up by it
            config.trainer.v1.trainer_mode = self.base_mode
        super().__init__(config)
        if get_device_name() == "cpu":
            cpu.tune(self)

    def _build_replay_buffer(self) -> ReplayBuffer:
        return reporting(super()._build_replay_buffer(), self._on_discard)

    def _init_resource_pool_mgr(self) -> None:
        super()._init_resource_pool_mgr()
        if get_device_name() == "cpu":
            cpu.use_cpu_workers(self.role_worker_mapping)

    def _init_dataloader(self) -> None:
        super()._init_dataloader()
        arms = join_arms(
            read_artefact(self.settings.artefact), self.train_dataset, max_missing=self.settings.max_missing
        )
        batch_size = int(self.config.data.get("gen_batch_size") or self.config.data.train_batch_size)
        self.curriculum_sampler = CurriculumSampler(
            build(self.settings.curriculum, arms),
            batch_size=batch_size,
            length=len(self.train_dataset),
            journal=JournalWriter(Path(self.config.trainer.default_local_dir) / JOURNAL),
        )
        self.train_dataloader = CurriculumDataLoader(self.train_dataset, self.curriculum_sampler, batch_size)

    def _load_checkpoint(self) -> None:
        super()._load_checkpoint()
        if self.global_steps == 0:
            return
        if not self.train_dataloader.restored:
            folder = os.path.join(self.config.trainer.default_local_dir, f"global_step_{self.global_steps}")
            raise CurriculumError(
                f"Resuming at step {self.global_steps}, but {folder} has no data.pt, where verl keeps the state of "
                "the curriculum. Resume from a complete checkpoint (trainer.resume_mode=resume_path), or start anew."
            )
        # torchdata restores the sampler at the first iteration; do it now, so that a state of other data or
        # another configuration stops here and not after the first validation.
        self.train_dataloader_it = iter(self.train_dataloader)

    def _step_once(
        self, metrics: dict[str, Any], timing_raw: dict[str, float], sample_batch_size: int
    ) -> KVBatchMeta:
        batch = super()._step_once(metrics, timing_raw, sample_batch_size)
        with marked_timer("sparft", timing_raw):
            keys = [
                key
                for key, tag in zip(batch.keys, batch.tags, strict=True)
                if not tag.get("is_padding", False)
            ]
            self._observe(keys, "trained", TRAINED_FIELDS)
        return batch

    def step(self, metrics: dict[str, Any], timing_raw: dict[str, float]) -> KVBatchMeta:
        """Run verl's step, then close it for the curriculum; verl saves its checkpoint afterwards."""
        batch = super().step(metrics, timing_raw)
        with marked_timer("sparft", timing_raw):
            self._close_step()
            metrics.update(self.curriculum_sampler.metrics())
        return batch

    def _close_step(self) -> None:
        self.curriculum_sampler.tick(self.global_steps)

    def _on_discard(self, keys: list[str]) -> None:
        self._observe(keys, "discarded", DISCARDED_FIELDS)

    def _observe(self, keys: list[str], kind: str, fields: list[str]) -> None:
        if not keys:
            return
        data = tq.kv_batch_get(keys=keys, partition_id="train", select_fields=fields)
        self.curriculum_sampler.observe(group(read_rollouts(keys, data, self.settings.success), kind))


@register_trainer(MODE_PREFIX + "sync")
class CurriculumTrainerSync(CurriculumTrainer, PPOTrainerSync):
    """Rollout and training in turn; every prompt of a step comes back within it."""

    base_mode = "sync"

    def _close_step(self) -> None:
        for ticket, row in self.curriculum_sampler.outstanding():
            self.curriculum_sampler.cancel(ticket, row, "no rollout came back")
        super()._close_step()
