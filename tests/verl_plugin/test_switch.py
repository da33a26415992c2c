"""`+curriculum=sparft curriculum.artefact=...` on verl's own configuration, by hydra's own start."""

import json
import os
import subprocess
import sys
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf

from sparft_verl.verl_plugin import GATE_METRIC, SWITCH
from sparft_verl.verl_plugin.errors import CurriculumError
from sparft_verl.verl_plugin.switch import switch_on

verl = find_spec("verl")
if verl is None:
    pytest.skip("needs verl", allow_module_level=True)
CONFIG = Path(next(iter(verl.submodule_search_locations or []))) / "trainer" / "config"

# An application with verl's configuration but none of its imports: what hydra does before `main` is the same.
APPLICATION = """
import hydra, json
from omegaconf import OmegaConf
KEY = "ray_kwargs.ray_init.runtime_env.env_vars"
@hydra.main(config_path=CONFIG, config_name="ppo_trainer", version_base=None)
def main(config):
    curriculum = config.get("curriculum")
    print(json.dumps({
        "mode": config.trainer.v1.trainer_mode,
        "workers": config.data.dataloader_num_workers,
        "dataset": config.data.custom_cls.name,
        "filter": [config.algorithm.filter_groups.enable, config.algorithm.filter_groups.metric],
        "env": OmegaConf.to_container(OmegaConf.select(config, KEY) or OmegaConf.create()),
        "curriculum": OmegaConf.to_container(curriculum) if OmegaConf.is_config(curriculum) else curriculum,
    }))
main()
"""


def start(
    tmp_path: Path, *overrides: str, prelude: str = "", flags: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    code = prelude + APPLICATION.replace("CONFIG", repr(str(CONFIG)))
    environment = {key: value for key, value in os.environ.items() if key != SWITCH}
    line = [sys.executable, "-", *flags, f"hydra.run.dir={tmp_path}/hydra", *overrides]
    return subprocess.run(
        line, input=code, cwd=tmp_path, capture_output=True, text=True, timeout=120, env=environment
    )


@pytest.fixture
def artefact(rows, make_artefact) -> str:
    return str(make_artefact(rows, list(range(20))).path)


def asked(artefact: str, *more: str) -> list[str]:
    return ["+curriculum=sparft", f"curriculum.artefact={artefact}", "data.train_batch_size=16", *more]


def test_one_override_and_the_artefact_switch_the_curriculum_on(tmp_path, artefact) -> None:
    done = start(tmp_path, *asked(artefact))
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["mode"] == "sparft_sync"
    assert seen["workers"] == 0
    assert seen["env"][SWITCH] == "1"
    assert seen["curriculum"]["method"] == "sparft"


def test_the_legacy_trainer_gets_a_data_set_that_serves_the_curriculum(tmp_path, artefact) -> None:
    done = start(tmp_path, *asked(artefact, "trainer.use_v1=False"))
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["mode"] == "sync" and seen["dataset"] == "ServedRows"


@pytest.mark.parametrize("mode", ["sync", "colocate_async", "separate_async"])
def test_the_mode_is_mapped_whatever_the_command_line_says(tmp_path, artefact, mode) -> None:
    done = start(tmp_path, *asked(artefact, f"trainer.v1.trainer_mode={mode}"))
    assert json.loads(done.stdout.splitlines()[-1])["mode"] == f"sparft_{mode}"


def test_modes_that_ask_for_one_prompt_at_a_time_may_train_on_more_than_are_selected(
    tmp_path, artefact
) -> None:
    more = ("trainer.v1.trainer_mode=colocate_async", "data.train_batch_size=64")
    assert start(tmp_path, *asked(artefact, *more)).returncode == 0


@pytest.mark.parametrize(("own", "metric"), [((), GATE_METRIC), (("acc",), "acc")])
def test_a_gate_has_verl_refill_what_it_rejects_and_leaves_the_users_own_filter_on(
    tmp_path, artefact, own, metric
) -> None:
    more = [f"algorithm.filter_groups.metric={name}" for name in own]
    more += ["algorithm.filter_groups.enable=True"] if own else []
    done = start(tmp_path, *asked(artefact, "curriculum.gate=band", *more))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["filter"] == [True, metric]


def test_uniform_is_switched_on_in_the_same_way_and_keys_can_be_overridden(tmp_path, artefact) -> None:
    done = start(
        tmp_path, "+curriculum=uniform", f"curriculum.artefact={artefact}", "data.train_batch_size=16",
        "curriculum.seed=7", "+curriculum.success={openai/gsm8k:{threshold:1.0},*:{range:[-1,1]}}",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    curriculum = json.loads(done.stdout.splitlines()[-1])["curriculum"]
    assert (curriculum["method"], curriculum["seed"]) == ("uniform", 7)
    assert curriculum["success"] == {"openai/gsm8k": {"threshold": 1.0}, "*": {"range": [-1, 1]}}


def test_without_the_override_verls_configuration_is_its_own(tmp_path) -> None:
    seen = json.loads(start(tmp_path).stdout.splitlines()[-1])
    assert (seen["mode"], seen["curriculum"], seen["env"]) == ("sync", None, {})
    assert seen["workers"] > 0


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["data.dataloader_num_workers=8"], r"data.dataloader_num_workers=0, got 8"),
        (["trainer.v1.trainer_mode=mine"], r"sync\|colocate_async\|separate_async, got 'mine'"),
        (["data.train_batch_size=21"], r"is 21 .* 20 selected rows. Either lower data.train_batch_size"),
        (["data.train_batch_size=21"], r"select.budget=21"),
        (["curriculum.max_missing=1.5"], r"curriculum.max_missing is a share in \[0, 1\), got 1.5"),
        (["curriculum.choice=arm"], r"choice"),
        (["+curriculum.sigmoid=1"], r"curriculum.sigmoid is not a setting"),
        (["curriculum.method=nonsense"], r"nonsense"),
        (["+curriculum.success={kk:{treshold:1}}"], r"treshold"),
    ],
)  # fmt: skip
def test_a_broken_rule_leaves_before_the_application_starts(tmp_path, artefact, overrides, message) -> None:
    import re

    done = start(tmp_path, *asked(artefact, *overrides))
    assert done.returncode == 1 and done.stdout == ""
    assert re.search(message, done.stderr.replace("\n", " ")), done.stderr


def test_the_artefact_is_mandatory(tmp_path) -> None:
    done = start(tmp_path, "+curriculum=sparft")
    assert done.returncode == 1 and "curriculum.artefact is missing" in done.stderr


def test_an_artefact_that_only_another_node_may_have_is_left_to_the_trainer(tmp_path) -> None:
    elsewhere = asked(str(tmp_path / "nowhere"), "+ray_kwargs.ray_init.address=auto")
    assert start(tmp_path, *elsewhere).returncode == 0


def test_a_missing_and_a_foreign_artefact_are_named_with_the_fix(tmp_path) -> None:
    missing = start(tmp_path, *asked(str(tmp_path / "nowhere")))
    assert missing.returncode == 1 and "nowhere does not exist" in missing.stderr
    (tmp_path / "foreign").mkdir()
    foreign = start(tmp_path, *asked(str(tmp_path / "foreign")))
    assert foreign.returncode == 1 and "not a curriculum artefact" in foreign.stderr


def test_a_multirun_is_refused_because_its_jobs_would_train_without_the_curriculum(
    tmp_path, artefact
) -> None:
    done = start(tmp_path, f"hydra.sweep.dir={tmp_path}/sweep", *asked(artefact), flags=("-m",))
    assert done.returncode == 1 and "multirun" in done.stderr and done.stdout == ""


def test_on_a_machine_without_the_package_the_command_line_is_refused(tmp_path, artefact) -> None:
    hide = (
        "import sys\n"
        "class Hidden:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('sparft_verl', 'hydra_plugins'):\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Hidden())\n"
        "sys.path[:] = [p for p in sys.path if 'site-packages' in p or 'lib/python' in p]\n"
    )
    done = start(tmp_path, *asked(artefact), prelude=hide)
    assert done.returncode != 0 and done.stdout == ""


@pytest.mark.parametrize(
    ("more", "warned"),
    [
        (("algorithm.filter_groups.enable=True",), True),
        (("algorithm.filter_groups.enable=True", "curriculum.guard_rollouts=64"), False),
        (("curriculum.gate=dapo",), False),
    ],
)
def test_a_filter_without_limit_beside_a_rule_that_seeks_failure_is_warned_of(
    tmp_path, artefact, more, warned
) -> None:
    done = start(tmp_path, *asked(artefact, "algorithm.filter_groups.metric=reward", *more))
    assert done.returncode == 0 and ("a step may not end" in done.stderr) is warned


def test_whatever_goes_wrong_while_switching_on_stops_the_run(tmp_path, artefact) -> None:
    broken = (
        "import sparft_verl.verl_plugin.switch as switch\n"
        "def base_mode(config): raise NameError('planted')\n"
        "switch.base_mode = base_mode\n"
    )
    done = start(tmp_path, *asked(artefact), prelude=broken)
    assert done.returncode == 1 and done.stdout == ""
    assert "could not be switched on (NameError: planted)" in done.stderr


@pytest.mark.parametrize("found", ["0.7.0", "0.10.1"])
def test_an_unsupported_verl_is_refused_with_the_supported_ones(monkeypatch, found) -> None:
    monkeypatch.setattr(metadata, "version", lambda name: found)
    config = OmegaConf.create({"curriculum": {"artefact": "x", "method": "sparft"}})
    with pytest.raises(CurriculumError, match=rf"verl>=0\.7\.1,<0\.10, found verl {found}"):
        switch_on(config)


@pytest.mark.parametrize("block", ["sparft", None])
def test_a_bare_string_for_the_group_is_refused(block) -> None:
    with pytest.raises(CurriculumError, match=r"hydra\.searchpath=\[pkg://sparft_verl\.config\]"):
        switch_on(DictConfig({"curriculum": block}))
