"""AdaRFT against its formula: T' = clip(T + eta tanh(alpha (R - beta)), d_min, d_max), worked by hand."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparft_verl.curricula import Arms, CurriculumConfig, build
from sparft_verl.curricula.choosers.base import Request
from sparft_verl.curricula.choosers.nearest import NearestPrompts
from sparft_verl.curricula.packing import pack, unpack

TANH_1, TANH_HALF = 0.7615941559557649, 0.46211715726000973


def graded(difficulty):
    """One arm with these difficulties; rows are the indices."""
    n = len(difficulty)
    return Arms(
        np.arange(n), np.zeros(n, np.int32), ("all",), np.array(difficulty, float), ("s",) * n, "fingerprint"
    )


def make(difficulty, **settings):
    return build(CurriculumConfig.of(method="adarft", **settings), graded(difficulty))


def target(curriculum):
    return curriculum.state_dict()["estimator"]["target"]


def test_four_steps_by_hand(group_of):
    """Mean rewards 1, .5, .75, 0: T = .3808, the same, + .5 tanh(.5) = .6119, - .3808 = .2311."""
    curriculum = make(np.arange(10) / 10)
    seen = []
    for step, rates in enumerate([(1.0, 1.0), (0.25, 0.75), (1.0, 0.5), (0.0, 0.0)], start=1):
        ticket = curriculum.propose(2)
        curriculum.observe(
            group_of(ticket.id, row, rate) for row, rate in zip(ticket.rows.tolist(), rates, strict=True)
        )
        curriculum.tick(step)
        seen.append((set(ticket.rows.tolist()), target(curriculum)))
    assert [rows for rows, _ in seen] == [{0, 1}, {3, 4}, {3, 4}, {6, 7}]
    first, third = 0.5 * TANH_1, 0.5 * TANH_1 + 0.5 * TANH_HALF
    assert [value for _, value in seen] == pytest.approx([first, first, third, 0.5 * TANH_HALF], abs=1e-12)
    assert set(curriculum.propose(2).rows.tolist()) == {2, 3}


def test_every_rollout_weighs_the_same(group_of):
    """1 of 1 and 1 of 3: the mean reward is 2 / 4, at which the target stays."""
    curriculum = make([0.1, 0.2, 0.9], start=0.4)
    a, b = (ticket := curriculum.propose(2)).rows.tolist()
    curriculum.observe([group_of(ticket.id, a, 1.0, rollouts=1), group_of(ticket.id, b, 1 / 3, rollouts=3)])
    curriculum.tick(1)
    assert target(curriculum) == 0.4
    curriculum.tick(2)  # nothing came
    assert target(curriculum) == 0.4


@pytest.mark.parametrize("lag", [0, 1, 3])
def test_the_gain_is_divided_by_the_steps_since_the_proposal(group_of, lag):
    curriculum = make(np.arange(10) / 10)
    ticket = curriculum.propose(1)
    for step in range(1, lag + 1):
        curriculum.tick(step)
    policy = (
        curriculum.step
    )  # a prefetched batch is answered by the newest policy: that does not undo the lag
    curriculum.observe([group_of(ticket.id, int(ticket.rows[0]), 1.0, policy_step=policy)])
    curriculum.tick(lag + 1)
    assert target(curriculum) == pytest.approx(0.5 * TANH_1 / (lag + 1), abs=1e-12)


@pytest.mark.parametrize(("rate", "end"), [(0.0, 0.1), (1.0, 0.8)])
def test_with_all_zero_or_all_one_the_target_stays_at_its_bound(group_of, rate, end):
    curriculum = make(np.arange(10) / 10, start=0.4, d_min=0.1, d_max=0.8)
    for step in range(1, 8):
        ticket = curriculum.propose(1)
        curriculum.observe([group_of(ticket.id, int(ticket.rows[0]), rate)])
        curriculum.tick(step)
    assert target(curriculum) == end
    assert abs(int(curriculum.propose(1).rows[0]) / 10 - end) < 1e-12


def test_the_target_survives_a_resume(group_of):
    curriculum = make(np.arange(10) / 10)
    ticket, late = curriculum.propose(2), curriculum.propose(2)
    curriculum.observe(group_of(ticket.id, int(row), 1.0) for row in ticket.rows)
    curriculum.tick(1)
    curriculum.observe(
        group_of(late.id, int(late.rows[0]), 1.0) for _ in range(1)
    )  # half of a step's evidence
    again = make(np.arange(10) / 10)
    again.load_state_dict(unpack(pack(curriculum.state_dict())))
    assert target(again) == target(curriculum) == pytest.approx(0.5 * TANH_1)
    for each in (curriculum, again):
        each.tick(2)
    assert target(again) == target(curriculum) == pytest.approx(0.75 * TANH_1)
    state = curriculum.state_dict()
    with pytest.raises(ValueError, match="a target outside"):
        again.load_state_dict({**state, "estimator": {**state["estimator"], "target": 1.5}})


def test_ties_are_drawn_anew_and_all_come_up():
    """One prompt is nearest, one of eight equally far ones comes with it: never the same for ever."""
    curriculum = make([0.0] + [0.5] * 8 + [1.0])
    counts = np.zeros(10, int)
    for step in range(1, 801):
        ticket = curriculum.propose(2)
        counts[ticket.rows] += 1
        for row in ticket.rows.tolist():
            curriculum.cancel(ticket.id, row, "only looked")
        curriculum.tick(step)
    assert counts[0] == 800 and counts[9] == 0
    assert ((counts[1:9] > 60) & (counts[1:9] < 140)).all()


def test_a_cool_down_moves_on_from_a_target_that_stands_still(group_of):
    curriculum = make(np.arange(12) / 12, cooldown=2, eta=0.0)
    served = []
    for step in range(1, 5):
        ticket = curriculum.propose(3)
        served.append(sorted(ticket.rows.tolist()))
        curriculum.observe(group_of(ticket.id, int(row), 0.5) for row in ticket.rows)
        curriculum.tick(step)
    assert served == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [0, 1, 2]]


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_the_window_finds_what_a_full_sort_finds(data):
    grade = st.integers(0, 8).map(lambda value: value / 8)
    difficulty = np.array(data.draw(st.lists(grade | st.floats(0, 1), min_size=1, max_size=40)))
    blocked = np.array(data.draw(st.lists(st.booleans(), min_size=len(difficulty), max_size=len(difficulty))))
    blocked[data.draw(st.integers(0, len(difficulty) - 1))] = False
    n = data.draw(st.integers(1, int((~blocked).sum())))
    at = data.draw(grade)
    want = np.sort(np.abs(difficulty[~blocked] - at))[:n]
    request = Request(n, 7, 0, 0, np.array([len(difficulty)]), blocked.copy(), False)
    items = NearestPrompts(difficulty, seed=3).choose(request, at).items
    assert len(set(items.tolist())) == n and not blocked[items].any() and request.blocked[items].all()
    assert np.sort(np.abs(difficulty[items] - at)).tolist() == want.tolist()


def test_more_than_there_are_come_round_again():
    curriculum = make([0.1, 0.2, 0.3], repeat=True)
    assert sorted(np.bincount(curriculum.propose(7).rows).tolist()) == [2, 2, 3]


def test_missing_difficulties_and_bad_bounds_are_refused_with_the_fix(arms_of):
    arms = arms_of([3])
    unknown = dataclasses.replace(arms, difficulty=np.array([0.5, np.nan, np.nan]))
    with pytest.raises(ValueError, match=r"2 of 3 is unknown; run `sparft prepare` with difficulty\.column"):
        build(CurriculumConfig.of(method="adarft"), unknown)
    with pytest.raises(ValueError, match=r"start must lie in d_min \.\. d_max = 0\.2 \.\. 1\.0, got 0\.0"):
        CurriculumConfig.of(method="adarft", d_min=0.2)
    with pytest.raises(ValueError, match=r"floor=0\.1 means nothing"):
        CurriculumConfig.of(method="adarft", floor=0.1)
