"""What stands in for a part of verl, held against that part."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tensordict import NonTensorData, NonTensorStack, TensorDict
from transformers import AutoConfig
from verl.experimental.agent_loop import AgentLoopOutput
from verl.trainer.ppo.v1 import agent_loop_tq
from verl.workers.engine.fsdp.transformer_impl import FSDPEngineWithLMHead

from sparft_verl.verl_plugin.cpu.fsdp import CpuEngineWithLMHead, CpuEngineWithValueHead, computable
from sparft_verl.verl_plugin.cpu.rows import trajectory_row

from .conftest import build_model

LENGTHS = [5, 9, 3, 7]


def batch(**settings: Any) -> TensorDict:
    """Four sequences of different lengths, as verl hands a micro-batch to an engine."""
    generator = torch.Generator().manual_seed(0)
    rows = [torch.randint(2, 60, (length,), generator=generator) for length in LENGTHS]
    data = TensorDict(
        {
            "input_ids": torch.nested.as_nested_tensor(rows, layout=torch.jagged),
            "position_ids": torch.nested.as_nested_tensor(
                [torch.arange(length) for length in LENGTHS], layout=torch.jagged
            ),
            "raw_prompt": NonTensorStack(*([{"role": "user", "content": str(i)}] for i in range(4))),
        },
        batch_size=[4],
    )
    defaults = {"use_remove_padding": False, "temperature": 0.7, "calculate_entropy": True}
    for key, value in (defaults | settings).items():
        data[key] = value if isinstance(value, torch.Tensor) else NonTensorData(value)
    return data


def outputs(engine_class: Any, data: TensorDict) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Model outputs of an engine and the gradient of the embedding under their sum."""
    model = build_model()
    engine = object.__new__(engine_class)
    engine.pad_to_length = None
    engine.engine_config = SimpleNamespace(entropy_checkpointing=False)
    inputs, arguments = engine.prepare_model_inputs(data)
    got = engine.prepare_model_outputs(model(**inputs, use_cache=False), arguments, data, None)
    sum(tensor.values().sum() for tensor in got.values()).backward()
    return got, model.get_input_embeddings().weight.grad


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"temperature": 1.0},
        {"calculate_entropy": False},
        {"temperature": torch.tensor([0.5, 1.0, 1.5, 2.0])},
    ],
    ids=["scaled", "unit temperature", "no entropy", "a temperature per row"],
)
def test_log_probs_entropy_and_gradients_are_verls(settings: dict[str, Any]) -> None:
    expected, expected_gradient = outputs(FSDPEngineWithLMHead, batch(**settings))
    got, gradient = outputs(CpuEngineWithLMHead, batch(**settings))
    assert set(got) == set(expected)
    for name, tensor in expected.items():
        assert got[name].offsets().tolist() == tensor.offsets().tolist() == [0, 5, 14, 17, 24]
        torch.testing.assert_close(got[name].values(), tensor.values(), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(gradient, expected_gradient, atol=1e-4, rtol=1e-4)


def critic(folder: Path, **settings: Any) -> CpuEngineWithValueHead:
    """A critic's engine, before verl shards its model, on the test's model saved in `folder`."""
    build_model().save_pretrained(folder)
    engine = object.__new__(CpuEngineWithValueHead)
    engine.pad_to_length = None
    engine.engine_config = SimpleNamespace(model_dtype="fp32", entropy_checkpointing=False)
    defaults = {"use_liger": False, "use_fused_kernels": False, "enable_gradient_checkpointing": False}
    engine.model_config = SimpleNamespace(
        local_path=str(folder),
        hf_config=AutoConfig.from_pretrained(folder, attn_implementation="sdpa"),
        trust_remote_code=False,
        **(defaults | settings),
    )
    return engine


def test_a_critic_is_the_model_with_a_value_per_token_and_the_attention_of_its_configuration(
    tmp_path,
) -> None:
    engine = critic(tmp_path)
    engine.module = engine._build_module()
    assert engine.module.config._attn_implementation == "sdpa"
    embedding = engine.module.get_input_embeddings().weight
    torch.testing.assert_close(embedding, build_model().get_input_embeddings().weight)
    data = batch()
    inputs, arguments = engine.prepare_model_inputs(data)
    values = engine.prepare_model_outputs(engine.module(**inputs, use_cache=False), arguments, data, None)
    assert values["values"].offsets().tolist() == [0, 5, 14, 17, 24]
    values["values"].values().sum().backward()
    assert engine.module.score.weight.grad.abs().sum() > 0 and embedding.grad.abs().sum() > 0


@pytest.mark.parametrize("setting", ["use_liger", "use_fused_kernels"])
def test_a_critic_with_kernels_of_a_gpu_is_refused_by_name(tmp_path, setting: str) -> None:
    with pytest.raises(ValueError, match=f"{setting}.*False"):
        critic(tmp_path, **{setting: True})._build_module()


def test_only_columns_of_objects_stay_behind() -> None:
    data = batch(metrics={"a": 1})
    kept = computable(data)
    assert set(data.keys()) - set(kept.keys()) == {"raw_prompt"}
    assert kept["input_ids"] is data["input_ids"]
    assert (kept["temperature"], kept["metrics"]) == (0.7, {"a": 1})


def test_a_row_has_the_key_the_columns_and_the_tag_that_verl_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    def output() -> AgentLoopOutput:
        return AgentLoopOutput(
            prompt_ids=[5, 6, 7],
            response_ids=[8, 9],
            response_mask=[1, 1],
            response_logprobs=[-0.5, -0.25],
            reward_score=1.0,
            num_turns=2,
            metrics={"generate_sequences": 0.5},
            multi_modal_data={},
            extra_fields={"min_global_steps": 3, "max_global_steps": 4, "reward_extra_info": {"acc": 1.0}},
        )

    prompt = {
        "uid": "u1",
        "session_id": 2,
        "global_steps": 4,
        "raw_prompt": [{"role": "user", "content": "hello"}],
        "extra_info": {"index": 9},
    }
    written: dict[str, Any] = {}

    async def record(**call: Any) -> None:
        written.update(call)

    monkeypatch.setattr(agent_loop_tq, "tq", SimpleNamespace(async_kv_batch_put=record))
    stock = agent_loop_tq.AgentLoopWorkerTQ.__ray_actor_class__
    worker = object.__new__(stock)
    worker.processor, worker.reward_loop_worker_handles, worker.distillation_enabled = None, None, False
    asyncio.run(worker._agent_loop_postprocess(output(), False, **prompt))

    row = trajectory_row(output(), "train", prompt)
    assert [row.key] == written["keys"]
    assert row.partition == written["partition_id"]
    assert [row.tag] == written["tags"]
    assert set(row.fields) == set(written["fields"].keys())
    for name, value in row.fields.items():
        expected = written["fields"][name]
        if isinstance(value, torch.Tensor):
            assert value.dtype == expected.dtype
            assert value.tolist() == expected[0].tolist(), name
        else:
            assert value == expected[0], name
