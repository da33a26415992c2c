"""A finished batch of the older trainers, read."""

from typing import Any

import numpy as np
import pytest
import torch

from sparft_verl.verl_plugin.errors import CurriculumError
from sparft_verl.verl_plugin.older.rollouts import read_batch
from sparft_verl.verl_plugin.success import SuccessRule

protocol = pytest.importorskip("verl.protocol", reason="needs verl")


def batch(scores: list[float], **extra: list[Any]) -> Any:
    """Two prompts of two rollouts each, in the mixed order that verl's balancing leaves."""
    size = len(scores)
    uids, rows, tickets = ["u", "v", "u", "v"], [7, 5, 7, 5], [3, 3, 3, 3]
    infos = [{"sparft_row": row, "sparft_ticket": t} for row, t in zip(rows, tickets, strict=True)]
    tokens = torch.tensor([[0.0, score, 0.0] for score in scores])
    return protocol.DataProto.from_dict(
        tensors={
            "token_level_scores": tokens,
            "token_level_rewards": tokens - 100.0,  # what is left of it under a KL penalty
            "advantages": torch.tensor([[1.0, 3.0, 100.0]] * size),
            "response_mask": torch.tensor([[1, 1, 0]] * size),
        },
        non_tensors={
            "uid": np.array(uids, dtype=object),
            "data_source": np.array(["toy"] * size, dtype=object),
            "extra_info": np.array(infos, dtype=object),
            **{name: np.array(values) for name, values in extra.items()},
        },
        meta_info={"reward_extra_keys": list(extra)},
    )


def test_rollouts_of_a_prompt_are_gathered_and_prompts_are_in_order() -> None:
    feedback = read_batch(batch([1.0, 0.0, 0.0, 0.0]), {})
    assert [(group.ticket, group.row) for group in feedback] == [(3, 5), (3, 7)]
    assert [group.successes.tolist() for group in feedback] == [[0.0, 0.0], [1.0, 0.0]]
    assert {group.kind for group in feedback} == {"trained"}


def test_the_score_is_the_one_before_kl_and_advantages_are_means_over_the_answer() -> None:
    feedback = read_batch(batch([1.0, 1.0, 1.0, 1.0]), {})
    assert all(group.successes.tolist() == [1.0, 1.0] for group in feedback)
    assert all(group.advantages.tolist() == [2.0, 2.0] for group in feedback)


def test_the_reward_functions_own_verdict_comes_first() -> None:
    scored = batch([-1.0, -1.0, -1.0, -1.0], score=[-1.0] * 4, acc=[True, False, False, True])
    assert [group.successes.tolist() for group in read_batch(scored, {})] == [[0.0, 1.0], [1.0, 0.0]]


def test_acc_without_score_is_the_score_itself_and_falls_under_its_rule() -> None:
    scored = batch([-1.0, 1.0, 1.0, -1.0], acc=[-1.0, 1.0, 1.0, -1.0])
    feedback = read_batch(scored, {"toy": SuccessRule(range=(-1.0, 1.0))})
    assert [group.successes.tolist() for group in feedback] == [[1.0, 0.0], [0.0, 1.0]]


def test_a_batch_whose_columns_were_renamed_names_them() -> None:
    scored = batch([0.0] * 4)
    scored.batch.pop("token_level_scores")
    scored.non_tensor_batch.pop("uid")
    with pytest.raises(CurriculumError, match=r"has no token_level_scores, uid .*'advantages'"):
        read_batch(scored, {})


@pytest.mark.parametrize("info", [{"index": 1}, None])
def test_rows_that_were_not_served_by_the_curriculum_are_refused(info) -> None:
    scored = batch([0.0] * 4)
    scored.non_tensor_batch["extra_info"][2] = info
    with pytest.raises(CurriculumError, match=r"Row 2 .* does not say in extra_info which prompt it was"):
        read_batch(scored, {})
