"""Finished rollouts, as they lie in verl's TransferQueue, into feedback for a curriculum."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparft_verl.curricula import Feedback
from sparft_verl.verl_plugin.success import SuccessRule, to_success

ROW = "sparft_row"
"""Column that carries a prompt's row position from the data set to the finished rollout."""
TICKET = "sparft_ticket"
"""Column that carries the ticket under which the prompt was proposed."""

DISCARDED_FIELDS = [ROW, TICKET, "data_source", "rm_scores", "extra_fields"]
TRAINED_FIELDS = [*DISCARDED_FIELDS, "advantages", "response_mask"]


@dataclass(frozen=True)
class Rollout:
    """One finished rollout of one prompt."""

    key: str
    """verl's `{uid}_{session}_{output}`; rollouts of one uid form a group."""
    ticket: int
    row: int
    success: float
    """In [0, 1]."""
    advantage: float | None
    """Mean over the response's tokens; None where it was not computed."""
    version: int | None = None
    """Optimiser steps of the policy that began it; None where the rollout engine does not say."""


def read_rollouts(
    tags: Mapping[str, Mapping[str, Any]], data: Any, rules: Mapping[str, SuccessRule]
) -> list[Rollout]:
    """Return the rollouts in `data`, what verl's `kv_batch_get` gave for the keys of `tags`, verl's tag of each."""
    keys = list(tags)
    columns = {name: as_list(data[name]) for name in (ROW, TICKET, "data_source", "extra_fields")}
    scores = [float(score.sum()) for score in data["rm_scores"].unbind()]
    advantages: list[float | None] = [None] * len(keys)
    if "advantages" in data.keys():  # noqa: SIM118 - a TensorDict, whose `in` asks something else
        masks = [mask.bool() for mask in data["response_mask"].unbind()]
        advantages = [
            float(tokens[mask].mean()) if bool(mask.any()) else 0.0
            for tokens, mask in zip(data["advantages"].unbind(), masks, strict=True)
        ]
    rollouts = []
    for index, key in enumerate(keys):
        extra = columns["extra_fields"][index]
        info = (extra.get("reward_extra_info") if isinstance(extra, dict) else None) or {}
        score, acc = scores[index], info.get("acc")
        if acc is not None and "score" not in info:
            # The reward function gave a plain number, and verl files it under `acc`: a score, not a verdict.
            score, acc = float(acc), None
        rollouts.append(
            Rollout(
                key=key,
                ticket=int(columns[TICKET][index]),
                row=int(columns[ROW][index]),
                success=to_success(score, acc, str(columns["data_source"][index]), rules),
                advantage=advantages[index],
                version=tags[key].get("min_global_steps"),
            )
        )
    return rollouts


def group(rollouts: Sequence[Rollout], kind: str) -> list[Feedback]:
    """Return one Feedback per prompt group, ordered by ticket and row: sums must not depend on verl's batch order.

    A session may leave several outputs (multi-turn agents); its last one speaks for it, as in verl's own
    validation.
    """
    last: dict[str, dict[int, tuple[int, Rollout]]] = {}
    for rollout in rollouts:
        uid, session, output = rollout.key.rsplit("_", 2)
        sessions = last.setdefault(uid, {})
        if int(session) not in sessions or int(output) > sessions[int(session)][0]:
            sessions[int(session)] = (int(output), rollout)
    feedback = []
    for sessions in last.values():
        members = [sessions[session][1] for session in sorted(sessions)]
        advantages = [member.advantage for member in members]
        versions = [member.version for member in members if member.version is not None]
        feedback.append(
            Feedback(
                ticket=members[0].ticket,
                row=members[0].row,
                successes=np.array([member.success for member in members]),
                advantages=None if None in advantages else np.array(advantages, dtype=np.float64),
                kind=kind,
                policy_step=min(versions, default=None),
            )
        )
    return sorted(feedback, key=lambda item: (item.ticket, item.row))


def as_list(column: Any) -> list[Any]:
    """Return a TensorDict column as a list; verl yields tensors, stacks and linked lists for the same field."""
    if hasattr(column, "tolist"):
        return list(column.tolist())
    return [getattr(item, "data", item) for item in column]
