"""The baselines beside uniform, prompt by prompt."""

import dataclasses

import numpy as np
import pytest

from sparft_verl.curricula import CurriculumConfig, build


def rows_of(curriculum, batches, n):
    out = []
    for step in range(1, batches + 1):
        out.append(curriculum.propose(n).rows.tolist())
        curriculum.tick(step)
    return out


def test_sequential_walks_through_the_training_data_and_begins_again(arms_of):
    arms = arms_of([3, 4])
    shuffled = dataclasses.replace(arms, rows=arms.rows[::-1])
    served = rows_of(build(CurriculumConfig.of(method="sequential"), shuffled), 5, 3)
    walk = sorted(arms.rows.tolist())
    assert [row for rows in served for row in rows] == (walk * 3)[:15]


def test_sequential_puts_off_what_is_in_the_batch_already_and_then_serves_it_first(arms_of):
    arms = arms_of([3])
    a, b, c = arms.rows.tolist()
    served = rows_of(build(CurriculumConfig.of(method="sequential"), arms), 4, 2)
    assert served == [[a, b], [c, a], [b, c], [a, b]]


@pytest.mark.parametrize("reverse", [False, True])
def test_easy_to_hard_follows_the_difficulty(arms_of, reverse):
    arms = arms_of([4, 4])
    arms = dataclasses.replace(arms, difficulty=np.array([0.7, 0.2, 0.2, 0.9, 0.0, 0.5, 1.0, 0.6]))
    by_row = dict(zip(arms.rows.tolist(), arms.difficulty.tolist(), strict=True))
    served = rows_of(build(CurriculumConfig.of(method="easy_to_hard", reverse=reverse), arms), 8, 2)
    values = [by_row[row] for rows in served for row in rows]
    wanted = sorted(arms.difficulty.tolist(), reverse=reverse)
    assert values == wanted + wanted


def test_easy_to_hard_refuses_data_without_difficulties(arms_of):
    arms = dataclasses.replace(arms_of([4]), difficulty=np.full(4, np.nan))
    with pytest.raises(ValueError, match=r"no difficulty of a prompt is known; .*difficulty\.column"):
        build(CurriculumConfig.of(method="easy_to_hard"), arms)


def test_stratified_serves_each_arm_equally_often_whatever_its_size(arms_of):
    curriculum, counts = build(CurriculumConfig.of(method="stratified"), arms_of([2, 40, 7])), np.zeros(3)
    for step in range(1, 60):
        ticket = curriculum.propose(1 + step % 6)
        counts += np.bincount(ticket.arms, minlength=3)
        assert counts.max() - counts.min() <= 1
        curriculum.tick(step)


def test_stratified_by_hand(arms_of):
    """Three arms level: 1/3, 1/2, 1, then the next round; a cancelled pull is made up for."""
    curriculum = build(CurriculumConfig.of(method="stratified"), arms_of([9, 9, 9]))
    ticket = curriculum.propose(4)
    assert ticket.propensity.tolist() == [1 / 3, 1 / 2, 1.0, 1 / 3]
    behind = set(range(3)) - {int(ticket.arms[3])}
    assert set(curriculum.propose(2).arms.tolist()) == behind
    lost = int(ticket.arms[0])
    curriculum.cancel(ticket.id, int(ticket.rows[0]), "lost")
    assert curriculum.propose(1).arms.tolist() == [lost]


def test_weighted_keeps_the_proportions_of_the_weights(arms_of):
    """maths : logic : code = 3 : 1 : 1, the last one by `other`."""
    arms = arms_of([30, 30])
    source = dict(zip(arms.rows.tolist(), arms.source, strict=True))
    curriculum = build(CurriculumConfig.of(method="weighted", weights={"maths": 3, "logic": 1}), arms)
    counts = [[source[row] for row in rows].count("maths") for rows in rows_of(curriculum, 6, 10)]
    assert counts == [6] * 6
    served = {row for rows in rows_of(build(curriculum.config, arms), 4, 10) for row in rows}
    assert sum(source[row] == "maths" for row in served) == 20  # each of its 20 prompts once before any again


def test_weighted_follows_its_schedule(arms_of):
    """maths 0 -> 1 against code 1 -> 0 over 10 steps; logic nothing."""
    arms = arms_of([60])
    source = dict(zip(arms.rows.tolist(), arms.source, strict=True))
    weights = {"maths": [[0, 0], [10, 1]], "code": [[0, 1], [10, 0]]}
    served = rows_of(build(CurriculumConfig.of(method="weighted", weights=weights, other=0), arms), 12, 10)
    assert [sum(source[row] == "maths" for row in rows) for rows in served] == [*range(11), 10]
    assert not any(source[row] == "logic" for rows in served for row in rows)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"weights": {"law": 1}}, "weights: no selected prompt has the data source 'law'"),
        ({"other": 0}, "weights: all are 0"),
        ({"weights": {"maths": -1}}, r"weights\['maths'\]: values must lie in 0 .. inf"),
        (
            {"quota": {"maths": 0.5}},
            "quota=.* means nothing to method 'weighted': its weights are the shares",
        ),
    ],
)
def test_weights_that_mean_nothing_are_refused(settings, message, arms_of):
    with pytest.raises(ValueError, match=message):
        build(CurriculumConfig.of(method="weighted", **settings), arms_of([6]))
