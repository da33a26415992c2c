"""A reference policy in a process of its own: verl decides about the platform once, when it is imported."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
REFERENCE = """
import sys
from types import SimpleNamespace
import torch
from torch.distributed import init_process_group
from torch.distributed.device_mesh import init_device_mesh
from transformers import AutoModelForCausalLM
import verl.workers.engine  # which registers ours
from verl.workers.config import FSDPEngineConfig
from sparft_verl.verl_plugin.cpu.fsdp import CpuEngineWithLMHead

init_process_group("cpu:gloo", init_method=f"file://{sys.argv[1]}/meet", rank=0, world_size=1)
engine = object.__new__(CpuEngineWithLMHead)
engine.engine_config = FSDPEngineConfig(
    strategy="fsdp2", forward_only=True, use_torch_compile=False, mixed_precision={"param_dtype": "fp32"}
)
engine.model_config = SimpleNamespace(lora_rank=0, enable_activation_offload=False)
engine.device_mesh = init_device_mesh("cpu", (1,), mesh_dim_names=("fsdp",))
policy = AutoModelForCausalLM.from_pretrained("recipes/tiny_cpu/policy")
tokens = torch.tensor([[2, 3, 4]])
expected = policy(tokens).logits.detach()
sharded = engine._build_fsdp_module(policy)
torch.testing.assert_close(sharded(tokens).logits, expected)
print("only read:", engine.engine_config.forward_only)
"""


def test_a_reference_that_is_only_read_is_sharded_without_pinned_memory(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", REFERENCE, str(tmp_path)],
        env={**os.environ, "VERL_PLATFORM": "cpu", "PYTHONWARNINGS": "ignore"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "only read: True" in done.stdout
