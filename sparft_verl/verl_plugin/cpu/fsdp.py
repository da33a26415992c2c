"""verl's FSDP2 engines without what needs an accelerator, and without two loops that cost more than the model does."""

import dataclasses
from typing import Any

import torch
from tensordict import NonTensorStack, TensorDict
from transformers import AutoModelForTokenClassification
from verl.utils import tensordict_utils as tu
from verl.utils.torch_dtypes import PrecisionType
from verl.utils.torch_functional import entropy_from_logits
from verl.workers.engine.fsdp.transformer_impl import FSDPEngineWithLMHead, FSDPEngineWithValueHead

_ELSEWHERE = ("use_remove_padding", "use_fused_kernels", "calculate_sum_pi_squared", "distillation_use_topk")
"""Settings under which verl's own code computes the outputs."""


def computable(data: TensorDict) -> TensorDict:
    """Return `data` without the columns of one Python object per row, which no engine computes with.

    Prompts as text, ground truths and the like travel with a batch; moving them "to the device" rebuilds each
    object of each row, for nothing. Tensors and the settings of the whole batch stay, shared and not copied.
    """
    return data.select(*(key for key, value in data.items() if not isinstance(value, NonTensorStack)))


class CpuEngineWithLMHead(FSDPEngineWithLMHead):
    """Language model. Log-probabilities come from one call for all tokens; verl makes one per token on a CPU."""

    engine_config: Any

    def _build_fsdp_module(self, module: torch.nn.Module) -> torch.nn.Module:
        """Return `module` sharded. One that is only read, the reference, is sharded as one that learns.

        verl would put it in pinned memory, out of the accelerator's way, which only exists beside one.
        """
        asked = self.engine_config
        self.engine_config = dataclasses.replace(asked, forward_only=False)
        try:
            return super()._build_fsdp_module(module)
        finally:
            self.engine_config = asked

    def forward_backward_batch(self, data: TensorDict, *args: Any, **kwargs: Any) -> Any:
        return super().forward_backward_batch(computable(data), *args, **kwargs)

    def prepare_model_outputs(
        self, output: Any, output_args: dict[str, Any], micro_batch: TensorDict, logits_processor_func: Any
    ) -> dict[str, torch.Tensor]:
        """Return nested `log_probs` of the next token, [B, (length)], and `entropy` when asked for."""
        if any(tu.get_non_tensor_data(data=micro_batch, key=key, default=False) for key in _ELSEWHERE):
            return super().prepare_model_outputs(output, output_args, micro_batch, logits_processor_func)
        offsets = micro_batch["input_ids"].offsets()
        length = offsets.diff().unsqueeze(-1)
        real = torch.arange(output.logits.shape[1]) < length
        logits = output.logits[real] / output_args["temperature"].unsqueeze(-1).expand_as(real)[
            real
        ].unsqueeze(-1)
        label = output_args["input_ids_rmpad_rolled"].unsqueeze(-1)
        log_probs = logits.gather(-1, label).squeeze(-1) - logits.logsumexp(-1)
        outputs = {"log_probs": torch.nested.nested_tensor_from_jagged(log_probs, offsets)}
        if tu.get_non_tensor_data(data=micro_batch, key="calculate_entropy", default=False):
            outputs["entropy"] = torch.nested.nested_tensor_from_jagged(entropy_from_logits(logits), offsets)
        return outputs


class CpuEngineWithValueHead(FSDPEngineWithValueHead):
    """Critic. Attention is what the model's configuration says; verl's loader asks for flash attention, always."""

    def _build_module(self) -> torch.nn.Module:
        """Return the model at `critic.model.path` with one new output per token, the value."""
        settings = self.model_config
        if settings.use_liger or settings.use_fused_kernels:
            raise ValueError(
                "critic.model.use_liger and critic.model.use_fused_kernels need a GPU; leave both at False."
            )
        # Without dropout: a value must not depend on when it is asked for.
        settings.hf_config.update({"num_labels": 1, "classifier_dropout": 0.0, "hidden_dropout": 0.0})
        module = AutoModelForTokenClassification.from_pretrained(
            settings.local_path,
            config=settings.hf_config,
            dtype=PrecisionType.to_dtype(self.engine_config.model_dtype or "fp32"),
            trust_remote_code=settings.trust_remote_code,
        )
        if settings.enable_gradient_checkpointing:
            module.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        return module

    def forward_backward_batch(self, data: TensorDict, *args: Any, **kwargs: Any) -> Any:
        return super().forward_backward_batch(computable(data), *args, **kwargs)
