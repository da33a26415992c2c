"""Finished trajectories as verl's trainer expects to find them in the transfer queue."""

from typing import Any, NamedTuple

import torch
import transfer_queue as tq
from verl.utils.tensordict_utils import list_of_dict_to_tensordict


class Row(NamedTuple):
    """One trajectory on its way into a partition of the queue."""

    partition: str
    key: str
    fields: dict[str, Any]
    tag: dict[str, Any]


def trajectory_row(output: Any, partition: str, prompt: dict[str, Any]) -> Row:
    """Return the row of one text trajectory: verl's AgentLoopOutput and the columns of its `prompt`."""
    fields = output.as_dict() | prompt
    fields.pop("multi_modal_data", None)
    prompts, responses = fields["prompts"], fields["responses"]
    fields["input_ids"] = torch.cat([prompts, responses])
    fields["position_ids"] = torch.arange(len(fields["input_ids"]))
    fields["loss_mask"] = fields["response_mask"]
    fields["multi_modal_inputs"] = {}
    tag = {
        "status": "success",
        "prompt_len": len(prompts),
        "response_len": len(responses),
        "seq_len": len(prompts) + len(responses),
        "global_steps": prompt["global_steps"],
        "min_global_steps": fields["extra_fields"].get("min_global_steps"),
        "max_global_steps": fields["extra_fields"].get("max_global_steps"),
    }
    # The last number counts the outputs of a session; a single-turn session has one.
    return Row(partition, f"{prompt['uid']}_{prompt['session_id']}_0", fields, tag)


async def put_rows(rows: list[Row]) -> list[None]:
    """Write `rows` with as few calls as their partitions and columns allow; one None per row comes back."""
    alike: dict[Any, list[Row]] = {}
    for row in rows:
        alike.setdefault((row.partition, frozenset(row.fields)), []).append(row)
    for (partition, _), group in alike.items():
        await tq.async_kv_batch_put(
            keys=[row.key for row in group],
            fields=list_of_dict_to_tensordict([row.fields for row in group]),
            tags=[row.tag for row in group],
            partition_id=partition,
        )
    return [None] * len(rows)
