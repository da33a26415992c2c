import numpy as np
import pytest
import torch
from tensordict import NonTensorData, NonTensorStack, TensorDict

from sparft_verl.verl_plugin.errors import CurriculumError
from sparft_verl.verl_plugin.feedback import ROW, TICKET, Rollout, group, read_rollouts
from sparft_verl.verl_plugin.success import SuccessRule


def column(values: list) -> NonTensorStack:
    return NonTensorStack(*[NonTensorData(value) for value in values])


def stored(scores: list[list[float]], accs: list, advantages: list[list[float]] | None = None) -> TensorDict:
    """Rows as verl's TransferQueue returns them: jagged scores, non-tensor columns for the rest."""
    n = len(scores)
    data = {
        "rm_scores": torch.nested.nested_tensor([torch.tensor(s) for s in scores], layout=torch.jagged),
        ROW: column([10 + i // 2 for i in range(n)]),
        TICKET: column([3] * n),
        "data_source": column(["kk"] * n),
        "extra_fields": column([{"reward_extra_info": {} if a is None else a} for a in accs]),
    }
    if advantages is not None:
        data["advantages"] = torch.nested.nested_tensor(
            [torch.tensor(a) for a in advantages], layout=torch.jagged
        )
        data["response_mask"] = torch.nested.nested_tensor(
            [torch.tensor([1] * (len(a) - 1) + [0]) for a in advantages], layout=torch.jagged
        )
    return TensorDict(data, batch_size=[n])


def untagged(keys: list[str]) -> dict[str, dict]:
    return {key: {} for key in keys}


def test_the_oldest_policy_that_worked_on_a_group_dates_it() -> None:
    tags = {"u_0_0": {"min_global_steps": 5}, "u_1_0": {"min_global_steps": 4}, "v_0_0": {}, "v_1_0": {}}
    first, second = group(read_rollouts(tags, stored([[0.0]] * 4, [None] * 4), {}), "trained")
    assert (first.policy_step, second.policy_step) == (4, None)


def test_scores_of_a_group_become_its_successes_in_session_order() -> None:
    keys = ["u_1_0", "u_0_0", "v_0_0", "v_1_0"]
    data = stored([[0.0, 1.0], [0.0], [0.0, 0.0], [1.0]], [None] * 4)
    first, second = group(read_rollouts(untagged(keys), data, {}), "trained")
    assert (first.ticket, first.row, first.kind) == (3, 10, "trained")
    np.testing.assert_array_equal(first.successes, [0.0, 1.0])
    np.testing.assert_array_equal(second.successes, [0.0, 1.0])
    assert first.advantages is None


def test_acc_of_the_reward_function_is_preferred() -> None:
    data = stored([[-1.0], [1.0]], [{"score": -1.0, "acc": 0}, {"score": 1.0, "acc": 1}])
    (feedback,) = group(read_rollouts(untagged(["u_0_0", "u_1_0"]), data, {}), "discarded")
    np.testing.assert_array_equal(feedback.successes, [0.0, 1.0])


def test_a_plain_number_that_verl_files_under_acc_is_read_by_the_rule_of_its_source() -> None:
    data = stored([[-3.5], [3.0]], [{"acc": -3.0}, {"acc": 3.0}])
    rules = {"kk": SuccessRule(range=(-3.0, 3.0))}
    (feedback,) = group(read_rollouts(untagged(["u_0_0", "u_1_0"]), data, rules), "trained")
    np.testing.assert_array_equal(feedback.successes, [0.0, 1.0])
    with pytest.raises(CurriculumError, match="gave score = -3"):
        read_rollouts(untagged(["u_0_0", "u_1_0"]), data, {})


def test_verdicts_scores_and_neither_may_stand_side_by_side() -> None:
    accs = [{"score": -9.0, "acc": True}, {"acc": 0.25}, {"acc": None, "score": 1.0}, None]
    data = stored([[-9.0], [9.0], [1.0, -0.5], [0.75]], accs)
    tags = untagged([f"u_{session}_0" for session in range(4)])
    assert read_rollouts(tags, data, {}).success.tolist() == [1.0, 0.25, 0.5, 0.75]
    data = stored([[0.0], [1.0]], [{"acc": 1.0, "score": -1.0}, {"acc": 0.0, "score": 1.0}])
    assert read_rollouts(untagged(["u_0_0", "u_1_0"]), data, {}).success.tolist() == [1.0, 0.0]
    data["extra_fields"] = column([{}, {}])
    assert read_rollouts(untagged(["u_0_0", "u_1_0"]), data, {}).success.tolist() == [0.0, 1.0]


def test_a_verdict_outside_the_unit_interval_stops_and_names_its_source() -> None:
    data = stored([[0.0], [1.0]], [{"acc": 1.0, "score": 1.0}, {"acc": 2.0, "score": 1.0}])
    with pytest.raises(CurriculumError, match=r"'kk' gave reward_extra_info\.acc = 2"):
        read_rollouts(untagged(["u_0_0", "u_1_0"]), data, {})


def test_advantages_are_averaged_over_the_response_mask() -> None:
    data = stored([[0.0, 1.0, 0.0], [0.0, 0.0]], [None, None], [[0.5, 1.5, 99.0], [-1.0, 99.0]])
    (feedback,) = group(read_rollouts(untagged(["u_0_0", "u_1_0"]), data, {}), "trained")
    np.testing.assert_allclose(feedback.advantages, [1.0, -1.0])


def test_a_score_outside_the_unit_interval_without_a_rule_stops() -> None:
    with pytest.raises(CurriculumError, match="'kk' gave score = -3"):
        read_rollouts(untagged(["u_0_0", "u_1_0"]), stored([[-3.0], [0.0]], [None, None]), {})


def test_the_last_output_of_a_session_speaks_for_it() -> None:
    def rollout(key: str, success: float) -> Rollout:
        return Rollout(key, 0, 5, success, None)

    (feedback,) = group(
        [rollout("u_0_1", 1.0), rollout("u_0_0", 0.0), rollout("u_1_0", 0.0), rollout("u_0_10", 0.5)],
        "trained",
    )
    np.testing.assert_array_equal(feedback.successes, [0.5, 0.0])
