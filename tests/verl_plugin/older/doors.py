"""verl's doors that sparft-verl uses: where each is and what it must look like. A door that moved is named.

Kept apart from the tests so that it can be run against any verl: `python doors.py` prints one line for each door.
"""

from __future__ import annotations

import importlib
import inspect
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.version import Version


@dataclass(frozen=True)
class Door:
    """One name of verl's, and how we use it."""

    path: str
    """`module:name`, or `module:Class.method`."""
    takes: tuple[str, ...] = ()
    """Parameters that it must accept by name or position."""
    since: str = "0.7.1"
    before: str = "99"
    only: bool = False
    """Whether it must accept no other parameter without a default."""

    def problem(self) -> str | None:
        """Return what is wrong with this door, None if nothing is."""
        module, _, name = self.path.partition(":")
        try:
            found: object = importlib.import_module(module)
        except ImportError as error:
            return f"no module {module} ({error})"
        for part in name.split(".") if name else ():
            if not hasattr(found, part):
                return f"{module} has no {name} (missing at {part!r})"
            found = getattr(found, part)
        if not self.takes and not self.only:
            return None
        parameters = inspect.signature(found).parameters  # type: ignore[arg-type]
        open_ended = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
        missing = [name for name in self.takes if name not in parameters and not open_ended]
        if missing:
            return f"{self.path}{inspect.signature(found)} does not take {', '.join(missing)}"  # type: ignore[arg-type]
        plain = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
        needed = [
            name
            for name, p in parameters.items()
            if p.default is p.empty and p.kind in plain and name not in (*self.takes, "self", "cls")
        ]
        if self.only and needed:
            return f"{self.path} now also needs {', '.join(needed)}"
        return None


@dataclass(frozen=True)
class Setting:
    """One key of verl's configuration."""

    key: str
    since: str = "0.7.1"
    before: str = "99"
    group: str = "_generated_ppo_trainer.yaml"

    @property
    def path(self) -> str:
        return f"configuration:{self.key}"

    def problem(self) -> str | None:
        import verl.trainer
        from omegaconf import OmegaConf

        folder = Path(next(iter(verl.trainer.__path__))) / "config"
        config = OmegaConf.load(folder / self.group)
        for part in self.key.split("."):
            if part not in config:
                return f"{self.group} has no {self.key} (missing at {part!r})"
            config = config[part]
        return None


def applies(door: Door | Setting, version: Version) -> bool:
    """Return whether a verl of `version` must have this door."""
    return Version(door.since) <= Version(version.base_version) < Version(door.before)


DATASET = ("data_files", "tokenizer", "config", "processor", "max_samples")
V1 = "verl.trainer.ppo.v1"
BUFFER = f"{V1}.replay_buffer"
DOORS: list[Door | Setting] = [
    # every line: the loaded data, checkpoints, the logger, the configuration
    Door("verl.utils.dataset.rl_dataset:RLHFDataset", DATASET, only=True),
    Door("verl.utils.dataset.rl_dataset:get_dataset_class", ("data_config",), only=True),
    Door("verl.utils.dataset.rl_dataset:collate_fn"),
    Door("verl.utils.checkpoint.checkpoint_manager:find_latest_ckpt_path", ("path",), only=True),
    Door("verl.utils.tracking:Tracking", ("project_name", "experiment_name", "default_backend"), only=True),
    Door("verl.utils.tracking:Tracking.log", ("data", "step"), only=True),
    Door("verl.utils.import_utils:load_extern_object", ("module_path", "object_name"), only=True),
    *[Setting(f"data.{key}") for key in (
        "train_files", "val_files", "train_batch_size", "dataloader_num_workers", "custom_cls.path", "custom_cls.name",
    )],
    *[Setting(f"trainer.{key}") for key in (
        "default_local_dir", "resume_mode", "resume_from_path", "project_name", "experiment_name", "logger",
    )],
    # the older trainer: 0.7.1, 0.8 and the legacy one of 0.9
    Door("verl.trainer.ppo.ray_trainer:RayPPOTrainer.fit", only=True),
    Door("verl.trainer.ppo.ray_trainer:RayPPOTrainer", ("config", "train_dataset", "val_dataset", "train_sampler")),
    Door("verl.protocol:DataProto"),
    # 0.7.1 alone: its own sampler
    Door("verl.experimental.dataset.sampler:AbstractCurriculumSampler.update", ("batch",), before="0.8", only=True),
    Door("verl.experimental.dataset.sampler:AbstractSampler", ("data_source", "data_config"), before="0.8", only=True),
    Door("verl.trainer.main_ppo:create_rl_sampler", ("data_config", "dataset"), before="0.8", only=True),
    Setting("data.sampler.class_path", before="0.8"),
    Setting("data.sampler.class_name", before="0.8"),
    # 0.9: the switch between its two trainers, and the v1 trainer
    Setting("trainer.use_v1", since="0.9"),
    Setting("trainer.v1.trainer_mode", since="0.9"),
    Door("verl.trainer.main_ppo_v0:TaskRunner", since="0.9"),
    Door(f"{V1}:register_trainer", since="0.9"),
    Door(f"{V1}:get_trainer_cls", since="0.9"),
    Door(f"{V1}:PPOTrainer", ("config",), since="0.9", only=True),
    Door(f"{V1}:PPOTrainer._build_replay_buffer", since="0.9", only=True),
    Door(f"{V1}:PPOTrainer._init_resource_pool_mgr", since="0.9", only=True),
    Door(f"{V1}:PPOTrainer._init_dataloader", since="0.9", only=True),
    Door(f"{V1}:PPOTrainer._load_checkpoint", since="0.9", only=True),
    Door(f"{V1}:PPOTrainer._save_checkpoint", since="0.9", only=True),
    Door(f"{V1}:PPOTrainer.step", ("metrics", "timing_raw"), since="0.9", only=True),
    Door(f"{V1}:PPOTrainer._step_once", ("metrics", "timing_raw", "sample_batch_size"), since="0.9", only=True),
    Door(f"{V1}:PPOTrainer._compute_metrics", ("batch", "metrics", "timing_raw"), since="0.9"),
    Door(f"{V1}:PPOTrainerSync", since="0.9"),
    Door(f"{V1}.trainer_colocate_async:PPOTrainerColocateAsync", since="0.9"),
    Door(f"{V1}.trainer_separate_async:PPOTrainerSeparateAsync", since="0.9"),
    Door(f"{BUFFER}:ReplayBuffer._clear_groups", ("partition_id", "uids"), since="0.9", only=True),
    Door(f"{BUFFER}:ReplayBufferAsync", since="0.9"),
]  # fmt: skip


def moved(version: Version) -> dict[str, str]:
    """Return what is wrong, by door, with those that a verl of `version` must have."""
    problems = {door.path: door.problem() for door in DOORS if applies(door, version)}
    return {path: problem for path, problem in problems.items() if problem is not None}


def main() -> int:
    version = Version(metadata.version("verl"))
    problems = moved(version)
    for door in DOORS:
        if applies(door, version):
            print(f"{'MOVED' if door.path in problems else 'ok':6s}{problems.get(door.path, door.path)}")
    return int(bool(problems))


if __name__ == "__main__":
    raise SystemExit(main())
