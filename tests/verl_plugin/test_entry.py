"""What loading the plug-in does to verl: nothing, until something is asked for. Each case is a fresh process."""

import functools
import json
import os
import re
import subprocess
import sys

import pytest

pytest.importorskip("verl", reason="needs verl")

LOOK = """
import json, sys
import verl
early = sorted(name for name in sys.modules if name.startswith(("verl.trainer", "sparft_verl")))
from verl.plugin.platform.platform_manager import PlatformRegistry
from verl.workers.rollout import base, replica
from verl.workers.engine import EngineRegistry
from verl.checkpoint_engine.base import CheckpointEngineRegistry
from verl.trainer.ppo.v1.trainer_base import TRAINER_REGISTRY
from verl.utils.device import get_device_name
entry = sys.modules.get("sparft_verl.verl_plugin.entry")
if entry is not None:  # a second load must change nothing
    import importlib
    importlib.reload(entry)
def table(registry):
    name = next(k for k, v in sorted(vars(registry).items()) if isinstance(v, dict) and not k.startswith("__"))
    return repr(sorted((repr(k), repr(v)) for k, v in getattr(registry, name).items()))
print(json.dumps({
    "early": early,
    "platform": table(PlatformRegistry), "rollout": sorted(map(repr, base._ROLLOUT_REGISTRY.items())),
    "replica": table(replica.RolloutReplicaRegistry), "engine": table(EngineRegistry),
    "checkpoint": table(CheckpointEngineRegistry), "device": get_device_name(),
    "trainer": {k: v.__module__ for k, v in TRAINER_REGISTRY.items()},
}))
"""


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    asked = ("VERL_PLATFORM", "SPARFT_CURRICULUM")
    env = {key: value for key, value in os.environ.items() if key not in asked} | environment
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr
    return done


@functools.cache
def look(**environment: str) -> dict:
    """verl's registries, and what `import verl` alone had imported, in a process with this environment."""
    return json.loads(re.sub(r"0x[0-9a-f]+", "0x", run(LOOK, **environment).stdout.splitlines()[-1]))


def test_with_nothing_asked_for_every_registry_equals_stock_verl() -> None:
    ours, stock = dict(look()), dict(look(VERL_USE_EXTERNAL_PLUGINS="none"))
    ours.pop("early"), stock.pop("early")
    assert ours == stock


def test_import_verl_imports_neither_its_trainer_nor_more_of_ours_than_the_entry() -> None:
    light = ["sparft_verl", "sparft_verl.verl_plugin", "sparft_verl.verl_plugin.entry"]
    assert look()["early"] == light
    assert look(SPARFT_CURRICULUM="1")["early"] == [*light, "sparft_verl.verl_plugin.imports"]


def test_a_curriculum_adds_its_trainer_modes_once_and_nothing_else() -> None:
    asked, stock = dict(look(SPARFT_CURRICULUM="1")), dict(look())
    added = dict(asked.pop("trainer").items() - stock.pop("trainer").items())
    modes = ("sync", "colocate_async", "separate_async")
    assert added == {f"sparft_{mode}": "sparft_verl.verl_plugin.trainer" for mode in modes}
    asked.pop("early"), stock.pop("early")
    assert asked == stock


@pytest.mark.parametrize("environment", [{}, {"SPARFT_CURRICULUM": "1"}, {"VERL_PLATFORM": "cpu"}])
def test_the_entry_point_costs_less_than_20_ms(environment: dict[str, str]) -> None:
    # what verl has imported by then is not the entry point's cost, nor is waiting for a busy machine
    code = (
        "import importlib.metadata, importlib.util, threading, time, traceback; t = time.process_time(); "
        "import sparft_verl.verl_plugin.entry; print(time.process_time() - t)"
    )
    assert min(float(run(code, **environment).stdout) for _ in range(5)) < 0.020


def test_a_failure_of_the_plug_in_is_printed_and_reaches_nobody() -> None:
    code = "import sys; sys.modules['sparft_verl.verl_plugin.imports'] = None; import sparft_verl.verl_plugin.entry"
    assert "sparft_verl could not load into verl" in run(code, SPARFT_CURRICULUM="1").stderr
