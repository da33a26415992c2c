"""Who is registered with verl, and when. Each case is a process of its own: registries live as long as that."""

import os
import subprocess
import sys

import pytest

LIST = """
from verl.plugin.platform.platform_manager import PlatformRegistry
from verl.workers.rollout.replica import RolloutReplicaRegistry
from verl.workers.rollout.base import _ROLLOUT_REGISTRY
from verl.workers.engine import EngineRegistry
def listed():
    return {
        "platforms": sorted(PlatformRegistry.registered_names()),
        "replicas": sorted(RolloutReplicaRegistry._registry),
        "rollouts": sorted(name for name, _ in _ROLLOUT_REGISTRY),
        "engines": sorted(
            f"{kind}/{backend}/{device}"
            for kind, backends in EngineRegistry._engines.items()
            for backend, devices in backends.items() for device in devices
        ),
    }
"""


def python(code: str, **environment: str) -> str:
    """Run `code` where verl loads no plug-in by itself, so that the code decides who registers."""
    own = {"VERL_USE_EXTERNAL_PLUGINS": "none", "PYTHONWARNINGS": "ignore", **environment}
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("VERL_")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=inherited | own, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def stock() -> dict[str, list[str]]:
    return eval(python(f"{LIST}\nprint(listed())"))


def test_without_the_platform_variable_every_registry_equals_stock_verl(stock: dict[str, list[str]]) -> None:
    # The real entry point; verl 0.9 finds it by itself in an installed package.
    code = f"import sparft_verl.verl_plugin.entry\n{LIST}\nprint(listed())"
    assert eval(python(code)) == stock


def test_with_it_platform_rollout_and_engines_are_there_and_twice_is_harmless(
    stock: dict[str, list[str]],
) -> None:
    code = f"""
from sparft_verl.verl_plugin import cpu
cpu.register()
cpu.register()
{LIST}
cpu.register()
from verl.plugin.platform import get_platform
from verl.workers.rollout.base import get_rollout_class
from verl.workers.rollout.replica import get_rollout_replica_class
print([listed(), get_platform().device_name, get_rollout_class("hf_cpu").__name__,
       get_rollout_replica_class("hf_cpu").__name__,
       EngineRegistry.get_engine_cls("language_model", "fsdp2").__name__])
"""
    got, device, adapter, replica, engine = eval(python(code, VERL_PLATFORM="cpu"))
    assert (device, adapter, replica) == ("cpu", "CpuServerAdapter", "CpuReplica")
    assert engine == "CpuEngineWithLMHead"
    added = {kind: sorted(set(got[kind]) - set(stock[kind])) for kind in stock}
    assert added == {
        "platforms": ["cpu"],
        "replicas": ["hf_cpu"],
        "rollouts": ["hf_cpu"],
        "engines": ["language_model/fsdp2/cpu", "value_model/fsdp2/cpu"],
    }
    assert all(set(stock[kind]) <= set(got[kind]) for kind in stock)


def test_registering_costs_less_than_20_ms_and_imports_nothing_heavy() -> None:
    code = """
import sys, time
import verl
before = set(sys.modules)
def spent():
    for name in [name for name in sys.modules if name.startswith("sparft_verl")]:
        del sys.modules[name]
    start = time.process_time()
    from sparft_verl.verl_plugin import cpu
    cpu.register()
    return time.process_time() - start
costs = [spent() for _ in range(3)]
new = {name.split(".")[0] for name in set(sys.modules) - before}
print([costs, sorted(new)])
"""
    costs, new = eval(python(code))
    assert new == ["sparft_verl"]
    assert min(costs) < 0.02


def test_what_runs_beside_the_trainer_starts_without_verl() -> None:
    loaded = "print([name for name in ('verl', 'torch', 'transformers', 'ray') if name in sys.modules])"
    balancer = "import sys, sparft_verl.verl_plugin.cpu.router"
    # What the balancer imports when it is handed a server's handle.
    handle = "import sys, sparft_verl.verl_plugin.cpu.server"
    engine = "import sys, sparft_verl.verl_plugin.cpu.engine"
    assert eval(python(f"{balancer}; {loaded}")) == []
    assert eval(python(f"{handle}; {loaded}")) == []
    assert eval(python(f"{engine}; {loaded}")) == ["torch", "transformers"]
