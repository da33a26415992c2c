"""Switching a run of an older verl over to a curriculum: which of its doors are used, before Ray starts."""

from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf, open_dict
from packaging.version import Version

from sparft_verl.verl_plugin.errors import CurriculumError
from sparft_verl.verl_plugin.older import BLOCK
from sparft_verl.verl_plugin.settings import check_workers

ROWS = "pkg://sparft_verl.verl_plugin.older.rows"
SAMPLER = "pkg://sparft_verl.verl_plugin.older.native"
TRAINER_KEYS = (
    "default_local_dir", "resume_mode", "resume_from_path", "project_name", "experiment_name", "logger",
)  # fmt: skip


def is_older(config: DictConfig, version: Version) -> bool:
    """Return whether this run's trainer is one that verl has left behind: before 0.9, or `trainer.use_v1=False`."""
    return version.release[:2] < (0, 9) or not OmegaConf.select(config, "trainer.use_v1")


def switch_older(config: DictConfig, version: Version) -> bool:
    """Return whether this run is of an older line; if so, point verl's own doors in `config` at the curriculum.

    Needs only the configuration. Raises CurriculumError when the run could not honour the curriculum.
    """
    if not is_older(config, version):
        return False
    _check(config)
    native = version.release[:2] < (0, 8)
    with open_dict(config):
        for name in ("train_files", "val_files"):
            # a list is an object of its own, by which the data set can tell which of the two it was given
            files = config.data[name]
            config.data[name] = list(files) if isinstance(files, ListConfig) else [files]
        config.data.custom_cls = {
            "path": ROWS,
            "name": _class_name("LabelledRows" if native else "ServedRows", config.data.custom_cls),
        }
        if native:
            config.data.sampler = {"class_path": SAMPLER, "class_name": "NativeSampler"}
        config.data[BLOCK] = {
            "curriculum": OmegaConf.to_container(config.curriculum, resolve=True),
            **{name: _plain(OmegaConf.select(config, f"trainer.{name}")) for name in TRAINER_KEYS},
        }
    return True


def _check(config: DictConfig) -> None:
    check_workers(config)
    sampler = OmegaConf.select(config, "data.sampler.class_path")
    if sampler:
        raise CurriculumError(
            f"A curriculum cannot run beside data.sampler.class_path={sampler!r}: both choose the prompts. "
            "Remove one of the two."
        )
    gate = OmegaConf.select(config, "curriculum.gate") or "none"
    if gate != "none":
        raise CurriculumError(
            f"curriculum.gate={gate} needs a trainer that can refill a batch; this trainer of verl trains on "
            "whatever it rolled out. Drop curriculum.gate, or use verl>=0.9.1 with trainer.use_v1=True."
        )


def _class_name(ours: str, custom: DictConfig | None) -> str:
    """Return the name under which `rows` offers our class, over verl's own data set or over the user's."""
    if custom is None or custom.get("path") is None:
        return ours
    return f"{ours}::{custom.path}::{custom.name}"


def _plain(value: Any) -> Any:
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
