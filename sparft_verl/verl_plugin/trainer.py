"""verl's v1 trainer modes under a curriculum; importing this module registers them.

A step is verl's own. The curriculum chooses the rows that the data loader serves, and is told what became of
them inside the step, before verl writes its checkpoint.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import transfer_queue as tq
from omegaconf import DictConfig, open_dict
from transfer_queue import KVBatchMeta
from verl.trainer.ppo.v1 import PPOTrainer, PPOTrainerSync, register_trainer
from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer
from verl.trainer.ppo.v1.trainer_colocate_async import PPOTrainerColocateAsync
from verl.trainer.ppo.v1.trainer_separate_async import PPOTrainerSeparateAsync
from verl.utils.device import get_device_name

from sparft_verl.curricula import Feedback
from sparft_verl.journal import JOURNAL
from sparft_verl.sampler import CurriculumSampler
from sparft_verl.verl_plugin import cpu
from sparft_verl.verl_plugin.errors import CurriculumError
from sparft_verl.verl_plugin.feedback import (
    DISCARDED_FIELDS,
    ROW,
    TICKET,
    TRAINED_FIELDS,
    Rollouts,
    as_list,
    group,
    read_rollouts,
)
from sparft_verl.verl_plugin.keys import uid_of
from sparft_verl.verl_plugin.loader import CurriculumDataLoader
from sparft_verl.verl_plugin.nodes import check_nodes
from sparft_verl.verl_plugin.opening import open_sampler
from sparft_verl.verl_plugin.replay import Tags, reporting
from sparft_verl.verl_plugin.settings import read_settings
from sparft_verl.verl_plugin.switch import MODE_PREFIX


class CurriculumTrainer(PPOTrainer):
    """What a curriculum adds to any of verl's trainer modes."""

    base_mode: str
    curriculum_sampler: CurriculumSampler

    def __init__(self, config: DictConfig) -> None:
        self.settings = read_settings(config)
        self._thrown_away: Counter[str] = Counter()
        self._judged: dict[str, Feedback] = {}
        """Groups that the gate rejected, by uid, until verl deletes them."""
        check_nodes()
        with open_dict(config):  # verl compares this name and looks its mode's own block up by it
            config.trainer.v1.trainer_mode = self.base_mode
        super().__init__(config)
        if get_device_name() == "cpu":
            cpu.tune(self)

    def _build_replay_buffer(self) -> ReplayBuffer:
        return reporting(super()._build_replay_buffer(), self, gated=self.settings.curriculum.gate != "none")

    def _init_resource_pool_mgr(self) -> None:
        super()._init_resource_pool_mgr()
        if get_device_name() == "cpu":
            cpu.use_cpu_workers(self.role_worker_mapping)

    def _init_dataloader(self) -> None:
        super()._init_dataloader()
        batch_size = int(self.config.data.get("gen_batch_size") or self.config.data.train_batch_size)
        journal = Path(self.config.trainer.default_local_dir) / JOURNAL
        self.curriculum_sampler = open_sampler(self.settings, self.train_dataset, batch_size, journal)
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
        pairs = zip(batch.keys, batch.tags, strict=True)
        tags = {key: tag for key, tag in pairs if not tag.get("is_padding", False)}
        with self.curriculum_sampler.clock:
            fields = (
                TRAINED_FIELDS if self.curriculum_sampler.curriculum.uses_advantages else DISCARDED_FIELDS
            )
            self.curriculum_sampler.observe(group(self._rollouts(tags, fields), "trained"))
        return batch

    def step(self, metrics: dict[str, Any], timing_raw: dict[str, float]) -> KVBatchMeta:
        """Run verl's step, then close it for the curriculum; verl saves its checkpoint afterwards."""
        batch = super().step(metrics, timing_raw)
        with self.curriculum_sampler.clock:
            self._close_step()
            metrics.update(self.curriculum_sampler.metrics())
            metrics.update({f"sparft/discarded/{why}": float(n) for why, n in self._thrown_away.items()})
            self._thrown_away.clear()
        return batch

    def _close_step(self) -> None:
        self.curriculum_sampler.tick(self.global_steps)

    def _compute_metrics(
        self, batch: KVBatchMeta, metrics: dict[str, Any], timing_raw: dict[str, float], **more: Any
    ) -> None:
        super()._compute_metrics(batch, metrics, timing_raw, **more)
        seconds = self.curriculum_sampler.clock.take()
        metrics["sparft/overhead_ms"] = 1e3 * seconds
        metrics["sparft/overhead_percent"] = 100.0 * seconds / timing_raw["step"]

    def on_discard(self, reason: str, tags: Tags, lost: set[str]) -> None:
        """Take as evidence what is known of the groups that verl is about to delete."""
        with self.curriculum_sampler.clock:
            uids = {uid_of(key) for key in tags}
            self._thrown_away[reason] += len(uids) + len(lost)
            judged = {uid: self._judged.pop(uid) for uid in sorted(uids & self._judged.keys())}
            unread = {key: tag for key, tag in tags.items() if uid_of(key) not in judged} if judged else tags
            unscored: set[str] = set()
            if self.reward_loop_manager.reward_loop_worker_handles is None:
                # A colocated reward model scores only what will be trained on.
                unscored, unread = set(unread), {}
            self.curriculum_sampler.observe(group(self._rollouts(unread), "discarded"), reason)
            self.curriculum_sampler.observe(judged.values(), reason)
            for ticket, row in self._slots(lost, unscored):
                self.curriculum_sampler.cancel(ticket, row, f"{reason}: no scored rollout")

    def rejected(self, groups: Mapping[str, Tags]) -> set[str]:
        """Return the uids of the finished `groups` that the curriculum's gate does not admit."""
        with self.curriculum_sampler.clock:
            rollouts = self._rollouts({key: tag for tags in groups.values() for key, tag in tags.items()})
            uid = {(rollout.ticket, rollout.row): uid_of(rollout.key) for rollout in rollouts}
            # In one order for every run, because the gate counts what it rejects.
            finished = group(rollouts, "trained")
            admitted = self.curriculum_sampler.curriculum.admit(finished)
            out = {uid[g.ticket, g.row]: g for g, good in zip(finished, admitted, strict=True) if not good}
            # verl deletes them next, and asks `on_discard` first
            self._judged |= {name: replace(one, kind="discarded") for name, one in out.items()}
            return set(out)

    def _rollouts(self, tags: Tags, fields: Sequence[str] = DISCARDED_FIELDS) -> Rollouts:
        if not tags:
            return Rollouts.of([])
        data = tq.kv_batch_get(keys=list(tags), partition_id="train", select_fields=list(fields))
        return read_rollouts(tags, data, self.settings.success)

    def _slots(self, prompts: set[str], trajectories: Collection[str] = ()) -> list[tuple[int, int]]:
        """Return (ticket, row) of prompts, by uid, and of trajectories, by key, in the transfer queue."""
        keys = sorted({*prompts, *trajectories})
        if not keys:
            return []
        data = tq.kv_batch_get(keys=keys, partition_id="train", select_fields=[TICKET, ROW])
        columns = (as_list(data[TICKET]), as_list(data[ROW]))
        return sorted({(int(ticket), int(row)) for ticket, row in zip(*columns, strict=True)})


@register_trainer(MODE_PREFIX + "sync")
class CurriculumTrainerSync(CurriculumTrainer, PPOTrainerSync):
    """Rollout and training in turn; every prompt of a step comes back within it."""

    base_mode = "sync"

    def _close_step(self) -> None:
        for ticket, row in self.curriculum_sampler.outstanding():
            self.curriculum_sampler.cancel(ticket, row, "no rollout came back")
        super()._close_step()

    def _slots(self, prompts: set[str], trajectories: Collection[str] = ()) -> list[tuple[int, int]]:
        # In this mode verl keeps no data of a prompt, only of its trajectories.
        return super()._slots(set(), trajectories)


class _Async(CurriculumTrainer):
    """Rollout runs ahead of training: prompts are in flight between steps, and in the checkpoint."""

    def _load_checkpoint(self) -> None:
        super()._load_checkpoint()
        if self.global_steps == 0:
            return
        items = (tq.kv_list("train") or {}).get("train", {})
        alive = set(self._slots({key for key, tag in items.items() if tag.get("is_prompt", False)}))
        for ticket, row in self.curriculum_sampler.outstanding():
            if (ticket, row) not in alive:
                self.curriculum_sampler.cancel(ticket, row, "not in the checkpoint that was resumed from")


@register_trainer(MODE_PREFIX + "colocate_async")
class CurriculumTrainerColocateAsync(_Async, PPOTrainerColocateAsync):
    """Rollout and training take turns on the same devices; unfinished answers go on in the next turn."""

    base_mode = "colocate_async"


@register_trainer(MODE_PREFIX + "separate_async")
class CurriculumTrainerSeparateAsync(_Async, PPOTrainerSeparateAsync):
    """Rollout and training run at the same time, on devices of their own."""

    base_mode = "separate_async"
