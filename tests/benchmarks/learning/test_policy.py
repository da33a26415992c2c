from collections.abc import Sequence

import numpy as np
import pytest
import torch

from benchmarks.learning.evaluate import HeldOut
from benchmarks.learning.mixes import Task
from benchmarks.learning.policy import (
    END,
    PAD,
    RESPONSE_TOKENS,
    Batch,
    answer_log_probs,
    decode,
    encode_answer,
    encode_question,
    new_policy,
    sample,
)
from benchmarks.learning.rollouts import Rollouts, joined, roll
from benchmarks.learning.update import Learner, advantages_of


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def task(question: str, answer: str) -> Task:
    return Task(question, answer, "add", 0, "useful", 0.0)


def told(answers: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
    ids = [encode_answer(answer) for answer in answers]
    width = max(map(len, ids))
    target = torch.tensor([[*row, *[PAD] * (width - len(row))] for row in ids])
    return target, (target != PAD).long()


def test_it_is_tiny() -> None:
    assert sum(weights.numel() for weights in new_policy(0).parameters()) <= 100_000


def test_answers_end_or_are_none() -> None:
    assert decode(encode_answer("12")) == "12"
    assert decode([*encode_answer("12"), PAD, PAD]) == "12"
    assert decode(encode_answer("12")[:-1]) is None
    assert decode([PAD, END]) is None
    with pytest.raises(ValueError, match="at most 11 characters"):
        encode_answer("x" * RESPONSE_TOKENS)


def test_padding_changes_no_probability() -> None:
    policy = new_policy(0).eval()
    questions = [encode_question("add 1 2"), encode_question("sort 5283917")]
    target, seen = told(["3", "1235789"])
    together = (answer_log_probs(policy, Batch.of(questions), target, seen) * seen).sum(1)
    for row, question in enumerate(questions):
        alone = answer_log_probs(policy, Batch.of([question]), target[row : row + 1], seen[row : row + 1])
        assert (alone * seen[row]).sum().item() == pytest.approx(together[row].item(), abs=1e-4)


def test_samples_follow_the_probabilities_that_training_sees() -> None:
    policy = new_policy(1).eval()
    with torch.no_grad():  # peaked enough for single answers to be frequent
        for weights in policy.parameters():
            weights *= 1.5
    batch = Batch.of([encode_question("add 1 2")] * 3000)
    answers, seen = sample(policy, batch, torch.Generator().manual_seed(0), limit=2)
    first = torch.bincount(answers[:, 0], minlength=60).float() / len(answers)
    token = int(first.argmax())
    logs = answer_log_probs(policy, batch, answers, seen)
    p = logs[answers[:, 0] == token][0, 0].exp().item()
    assert first[token].item() == pytest.approx(p, abs=4 * (p * (1 - p) / 3000) ** 0.5)
    ended = answers[:, 0] == END
    assert (answers[ended, 1] == PAD).all() and (seen[ended, 1] == 0).all()


def rollouts_of(policy, seed: int = 0) -> Rollouts:
    tasks = [task("add 1 2", "3"), task("add 10 2", "12"), task("sub 9 9", "0")]
    return roll(policy, tasks, 4, torch.Generator().manual_seed(seed))


def test_scores_compare_the_whole_answer() -> None:
    assert task("add 1 2", "3").score(encode_answer("3")) == 1.0
    assert task("add 1 2", "3").score(encode_answer("33")) == 0.0
    assert task("add 1 2", "3").score(encode_answer("3")[:-1]) == 0.0


def test_advantages_are_grpos() -> None:
    rollouts = rollouts_of(new_policy(0).eval())
    scores = torch.tensor([1.0, 0, 0, 0, 1, 1, 1, 1, 0, 1, 0, 1])
    advantages = advantages_of(Rollouts(rollouts.batch, rollouts.answers, rollouts.seen, scores, 4))
    grouped = scores.view(3, 4)
    wanted = (grouped - grouped.mean(1, keepdim=True)) / (grouped.std(1, keepdim=True) + 1e-6)
    assert torch.allclose(advantages[:, 0], wanted.view(-1), atol=1e-5)
    assert (advantages * (1 - rollouts.seen) == 0).all()


def test_an_update_makes_what_was_right_likelier() -> None:
    policy = new_policy(0).eval()
    rollouts = rollouts_of(policy)
    scores = torch.zeros(12)
    scores[1] = 1.0
    rollouts = Rollouts(rollouts.batch, rollouts.answers, rollouts.seen, scores, 4)

    def right() -> float:
        logs = answer_log_probs(policy, rollouts.batch, rollouts.answers, rollouts.seen) * rollouts.seen
        return logs.sum(1)[1].item()

    before = right()
    Learner(policy).update(rollouts)
    assert right() > before


def test_groups_taken_apart_and_joined_are_the_same() -> None:
    policy = new_policy(0).eval()
    one, two = rollouts_of(policy, 0), rollouts_of(policy, 1)
    both = joined([one.of_groups(np.array([True, False, True])), two])
    assert both.scores.tolist() == [*one.scores[:4].tolist(), *one.scores[8:].tolist(), *two.scores.tolist()]
    assert both.tokens == one.tokens - int(one.seen[4:8].sum()) + two.tokens
    logs = (answer_log_probs(policy, both.batch, both.answers, both.seen) * both.seen).sum(1)
    alone = (answer_log_probs(policy, two.batch, two.answers, two.seen) * two.seen).sum(1)
    assert torch.allclose(logs[8:], alone, atol=1e-4)


def test_accuracy_is_the_probability_of_the_right_answer() -> None:
    policy, held_out = new_policy(0).eval(), HeldOut("train")
    found = held_out.accuracies(policy)
    batch, answers, seen = held_out._parts["add"]
    rows = [
        answer_log_probs(
            policy,
            Batch(batch.ids[i : i + 1], batch.mask[i : i + 1], batch.positions[i : i + 1]),
            answers[i : i + 1],
            seen[i : i + 1],
        )[0][seen[i] == 1]
        for i in range(len(answers))
    ]
    wanted = float(np.mean([row.sum().exp().item() for row in rows]))
    assert found.sampled["add"] == pytest.approx(wanted, rel=1e-3)
    assert held_out.overall(dict.fromkeys(held_out.useful, 0.5)) == 0.5
    assert set(found.sampled) == {*held_out.useful, *held_out.mastered}
