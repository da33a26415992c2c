"""Does verl accept what a script says? Its own hydra configuration and its own `validate_config`, without Ray."""

import contextlib
import io
import warnings
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig, OmegaConf

FREE = ("data.apply_chat_template_kwargs", "ray_kwargs.ray_init.runtime_env.env_vars", "curriculum")
"""Blocks of verl's configuration to which a script may add keys; any other added key is one that verl never reads."""
VLLM_LORA_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)


class RecipeError(ValueError):
    """A script says something that verl or the plug-in would refuse, or would not read."""


@contextlib.contextmanager
def verl_config() -> Iterator[None]:
    """Open verl's own configuration folder for `check`."""
    import verl
    from hydra import initialize_config_dir

    warnings.filterwarnings("ignore", module="hydra")
    with initialize_config_dir(str(Path(verl.__file__).parent / "trainer" / "config"), version_base=None):
        yield


def check(overrides: Sequence[str], ours: Sequence[str] = ()) -> DictConfig:
    """Return verl's configuration under `ours`, then `overrides`, composed and validated as `main_ppo` does it.

    `ours` are those that `sparft train` puts first; they may add keys that only the plug-in's own code reads.

    Raises RecipeError for a key that verl does not have, a value that it refuses, or a curriculum block that the
    plug-in refuses.
    """
    from hydra import compose
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException
    from verl.trainer.ppo.utils import need_critic, need_reference_policy
    from verl.utils.config import omega_conf_to_dataclass, validate_config

    for override in overrides:
        _check_added(override)
    try:
        config = compose("ppo_trainer", overrides=[*ours, *overrides])
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that GRPO has no critic
            plain = _without_vllm(config)
            validate_config(plain, need_reference_policy(plain), need_critic(plain))
        # what main_ppo leaves to its actors, long after Ray has started
        omega_conf_to_dataclass(config.actor_rollout_ref.rollout)
        omega_conf_to_dataclass(config.algorithm)
        OmegaConf.to_container(config, resolve=True)
    except (HydraException, OmegaConfBaseException, AssertionError, ValueError, TypeError) as error:
        cause = error.__cause__ or error
        raise RecipeError(f"verl refuses it: {type(cause).__name__}: {cause}") from error
    if "curriculum" in config:
        _check_curriculum(config)
    return config


def _without_vllm(config: DictConfig) -> DictConfig:
    """Return what validate_config can look at here: for LoRA under vLLM it imports vLLM, which a CPU does not have."""
    if not config.actor_rollout_ref.model.lora_rank or find_spec("vllm") is not None:
        return config
    if config.actor_rollout_ref.model.lora_rank not in VLLM_LORA_RANKS:
        rank = config.actor_rollout_ref.model.lora_rank
        raise ValueError(f"lora_rank must be one of vLLM's {VLLM_LORA_RANKS}, got {rank}")
    copy = config.copy()
    copy.actor_rollout_ref.rollout.name = "hf"
    return copy


def _check_added(override: str) -> None:
    key = override.split("=", 1)[0]
    name = key.lstrip("+")
    if key == name or name == "curriculum" or name.rpartition(".")[0] in FREE:
        return
    raise RecipeError(
        f"{override!r} adds {name}, which is not in verl's configuration and which nothing would read. Correct the "
        f"name, or drop the + if it is there; keys may be added to {', '.join(FREE)}"
    )


def _check_curriculum(config: DictConfig) -> None:
    from sparft_verl.curricula import Arms, build
    from sparft_verl.verl_plugin.errors import CurriculumError
    from sparft_verl.verl_plugin.settings import read_settings

    two = Arms(np.arange(4), np.array([0, 0, 1, 1]), ("a", "b"), np.linspace(0, 1, 4), ("s",) * 4, "any")
    try:
        build(read_settings(config).curriculum, two)  # a method looks at its own settings when it is built
    except (CurriculumError, ValueError, TypeError) as error:
        raise RecipeError(f"the plug-in refuses it: {error}") from error
    if config.data.dataloader_num_workers or not config.trainer.use_v1:
        raise RecipeError(
            "a curriculum needs data.dataloader_num_workers=0 and trainer.use_v1=True; remove the override"
        )


@cache
def budget(recipe: Path) -> int | None:
    """Return how many prompts `prepare.yaml` of a folder keeps; None for all of them, or without the file."""
    file = recipe / "prepare.yaml"
    if not file.is_file():
        return None
    loaded: Any = OmegaConf.to_container(OmegaConf.load(file))
    kept = loaded.get("select", {}).get("budget", 100)
    return None if kept == "all" else int(kept)


def check_batch(config: DictConfig, recipe: Path) -> None:
    """Raise RecipeError where a batch holds more prompts than stage A of the same folder keeps."""
    kept = budget(recipe)
    batch = int(config.data.train_batch_size)
    if kept is not None and batch > kept:
        raise RecipeError(
            f"data.train_batch_size={batch}, but {recipe.name}/prepare.yaml keeps {kept} prompts and a batch holds "
            f"different ones; lower the batch or raise select.budget"
        )
