"""Switching a verl run over to a curriculum: what is checked and changed before Ray starts."""

import os
import sys
from importlib import metadata

from omegaconf import DictConfig, OmegaConf, open_dict
from packaging.version import Version

from sparft_verl.artefact import ArtefactError, read_artefact
from sparft_verl.verl_plugin import GATE_METRIC, SWITCH
from sparft_verl.verl_plugin.errors import CurriculumError
from sparft_verl.verl_plugin.nodes import single_node
from sparft_verl.verl_plugin.older.switch import switch_older
from sparft_verl.verl_plugin.settings import CurriculumSettings, check_workers, read_settings

SUPPORTED_VERL = (Version("0.7.1"), Version("0.10"))
MODE_PREFIX = "sparft_"
MODES = ("sync", "colocate_async", "separate_async")


def switch_on(config: DictConfig) -> CurriculumSettings:
    """Return the settings of the curriculum in `config`, after mapping verl's trainer mode to ours in place.

    Needs only the configuration, the artefact's manifest and the installed versions; raises CurriculumError
    when the run could not honour the curriculum.
    """
    settings = read_settings(config)
    version = _check_verl()
    if switch_older(config, version):
        _check_artefact(settings, config, one_at_a_time=False)
        _tell_every_process(config)
        return settings
    check_workers(config)
    mode = base_mode(config)
    _check_artefact(settings, config, one_at_a_time=mode != "sync")
    with open_dict(config):
        config.trainer.v1.trainer_mode = MODE_PREFIX + mode
    if OmegaConf.select(config, "algorithm.filter_groups.enable"):
        _warn_of_endless_refills(settings)
    elif settings.curriculum.gate != "none":
        _let_the_gate_filter(config)
    _tell_every_process(config)
    return settings


def _tell_every_process(config: DictConfig) -> None:
    """Let the plug-in in Ray's workers, on this machine and others, know what the driver was asked for."""
    os.environ[SWITCH] = "1"
    for name in (SWITCH, "VERL_PLATFORM"):
        if name in os.environ:
            key = f"ray_kwargs.ray_init.runtime_env.env_vars.{name}"
            OmegaConf.update(config, key, os.environ[name], force_add=True)


def base_mode(config: DictConfig) -> str:
    """Return verl's own name of the trainer mode in `config`; raise CurriculumError if we have none for it."""
    mode = str(OmegaConf.select(config, "trainer.v1.trainer_mode")).removeprefix(MODE_PREFIX)
    if mode not in MODES:
        raise CurriculumError(
            f"A curriculum runs under trainer.v1.trainer_mode={'|'.join(MODES)}, got {mode!r}. "
            f"Set trainer.v1.trainer_mode={MODES[0]}."
        )
    return mode


def check_batch(batch_size: int, selected: int, repeat: bool) -> None:
    """Raise CurriculumError if a batch of `batch_size` different prompts cannot be drawn from `selected`."""
    if batch_size > selected and not repeat:
        raise CurriculumError(
            f"A batch holds different prompts, but data.train_batch_size (or gen_batch_size) is {batch_size} "
            f"and the curriculum has {selected} selected rows. Either lower data.train_batch_size to at most "
            f"{selected}, or select more rows with `sparft prepare ... select.budget={batch_size}` or more "
            "(curriculum.repeat=true allows repeats within a batch)."
        )


def _check_verl() -> Version:
    low, high = SUPPORTED_VERL
    try:
        installed = Version(metadata.version("verl"))
    except metadata.PackageNotFoundError as error:
        raise CurriculumError(
            f"verl is not installed beside sparft-verl; install verl>={low},<{high} "
            "(pip install 'sparft-verl[cpu]' or 'sparft-verl[gpu]')."
        ) from error
    if not low <= installed < high:
        raise CurriculumError(
            f"sparft-verl supports verl>={low},<{high}, found verl {installed}. "
            f"Install a supported one: pip install 'verl>={low},<{high}'."
        )
    return installed


def _let_the_gate_filter(config: DictConfig) -> None:
    """Have verl refill what the curriculum's gate rejects, and filter nothing by rules of its own."""
    OmegaConf.update(config, "algorithm.filter_groups.enable", True, force_add=True)
    OmegaConf.update(config, "algorithm.filter_groups.metric", GATE_METRIC, force_add=True)


def _warn_of_endless_refills(settings: CurriculumSettings) -> None:
    """Say that verl's filter, which has no limit, can starve beside a rule that seeks what is never solved."""
    seeks_failure = settings.curriculum.method in ("sparft", "sparft_beta", "kimi")
    if seeks_failure and not getattr(settings.curriculum.params, "guard_rollouts", 0):
        print(
            "sparft-verl: warning: algorithm.filter_groups refills without limit, and "
            f"{settings.curriculum.method} goes where prompts fail: on prompts that are never solved a step may not "
            "end. Set curriculum.gate=dapo in its place (limited by curriculum.gate_refills), or "
            "curriculum.guard_rollouts=64, or take +curriculum=auto.",
            file=sys.stderr,
        )


def _check_artefact(settings: CurriculumSettings, config: DictConfig, *, one_at_a_time: bool) -> None:
    if not os.path.exists(settings.artefact) and not single_node(config):
        return  # the trainer may run on another node, which has it; it looks again there
    try:
        artefact = read_artefact(settings.artefact, verify=False)
    except ArtefactError as error:
        raise CurriculumError(f"curriculum.artefact: {error}") from error
    if not one_at_a_time:
        batch = OmegaConf.select(config, "data.gen_batch_size") or config.data.train_batch_size
        check_batch(int(batch), artefact.selection.num_rows, settings.curriculum.repeat)
