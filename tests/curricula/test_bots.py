"""BOTS against its formula: a <- (1 - decay) a + decay a0 + (1 - rho) s + rho s~, b likewise, worked by hand."""

import dataclasses

import numpy as np
import pytest

from sparft_verl.bandit import Beta, draw
from sparft_verl.curricula import CurriculumConfig, build
from sparft_verl.curricula.choosers.base import STREAM_CHOICE
from sparft_verl.curricula.estimators.base import Evidence
from sparft_verl.curricula.estimators.implicit import InterpolatedBeta
from sparft_verl.curricula.packing import pack, unpack


def make(arms, **settings):
    return build(CurriculumConfig.of(method="bots", **settings), arms)


def came(*groups):
    """Evidence of (prompt, successes, rollouts)."""
    unit, solved, weight = (np.array(column) for column in zip(*groups, strict=True))
    zeros = np.zeros(len(unit), np.int64)
    return Evidence(
        unit.astype(np.int32), solved * 1.0, solved * 1.0, weight * 1.0, zeros, zeros, np.arange(len(unit))
    )


def parameters(belief):
    """a and b of every prompt."""
    now = belief.posterior()
    return [
        (now.prior_success + now.scale * now.success).tolist(),
        (now.prior_failure + now.scale * now.failure).tolist(),
    ]


def close(*rows):
    return [pytest.approx(row, abs=1e-8) for row in rows]


def run(references, steps, *, rho=0.1, decay=0.1, rollouts=16):
    belief = InterpolatedBeta(
        len(references), decay=decay, rho=rho, rollouts=rollouts, references=np.array(references, float)
    )
    for step, groups in enumerate(steps, start=1):
        if groups:
            belief.commit(came(*groups))
        belief.tick(step)
    return belief


def test_three_steps_by_hand_with_direct_evidence_alone(arms_of, group_of):
    """3 of 4; nothing; 1 of 2. a: 4, .9*4+.1 = 3.7, .9*3.7+.1+1 = 4.43. b: 2, 1.9, 2.81."""
    curriculum = make(arms_of([2]))
    seen = []
    for step, group in enumerate([(0.75, 4), None, (0.5, 2)], start=1):
        ticket = curriculum.propose(2)  # N <= B: everything is served
        for row in ticket.rows.tolist():
            if row == 100 and group:
                curriculum.observe([group_of(ticket.id, row, *group)])
            else:
                curriculum.cancel(ticket.id, row, "lost")
        curriculum.tick(step)
        state = curriculum.state_dict()["estimator"]
        seen.append([1 + state["scale"] * state[key][0] for key in ("success", "failure")])
        assert state["success"][1] == state["failure"][1] == 0
    assert seen == close([4, 2], [3.7, 1.9], [4.43, 2.81])


def test_three_steps_by_hand_with_interpolated_evidence():
    """References (.2, .6) and (.4, .8), 16 rollouts, decay = rho = .1.

    Step 1, prompt 0 solves 2 of 4: c = (.5 - .2) / .4 = .75; interpolated rates .5 and .7.
    Step 2, prompt 1 solves 3 of 4: c = .9 * .75 + .1 * (.75 - .4) / .4 = .7625; rates .505 and .705.
    Step 3, nothing comes: c stays, all decay, interpolated evidence goes on.
    """
    references = [(0.2, 0.6), (0.4, 0.8)]
    steps = [[(0, 2, 4)], [(1, 3, 4)], []]
    one, two, three = (run(references, steps[:count]) for count in (1, 2, 3))
    assert parameters(one) == close([1 + 1.8 + 0.8, 1 + 1.12], [1 + 1.8 + 0.8, 1 + 0.48])
    assert parameters(two) == close([4.148, 5.836], [4.132, 2.804])
    assert parameters(three) == close([4.6412, 6.4804], [4.6108, 3.0956])
    assert [belief.standing for belief in (one, two, three)] == pytest.approx([0.75, 0.7625, 0.7625])


@pytest.mark.parametrize(("solved", "standing"), [(10, 1.0), (0, 0.0), (4, 1.0), (3, 0.5)])
def test_the_standing_is_clipped_between_the_references(solved, standing):
    assert run([(0.2, 0.4)], [[(0, solved, 10)]]).standing == pytest.approx(standing)


def test_two_equal_references_give_no_standing_and_interpolate_their_own_rate():
    """w = g = .25: c stays 1/2, rates are .25 whatever c is: a = 1 + .9 * 4 + .1 * 4, b = 1 + .1 * 12."""
    belief = run([(0.25, 0.25)], [[(0, 4, 4)]])
    assert belief.standing == 0.5
    assert parameters(belief) == close([5.0], [2.2])
    # equal only on the step's prompts: the standing found before is kept
    belief = run([(0.25, 0.25), (0.0, 1.0)], [[(1, 1, 4)], [(0, 4, 4)]])
    assert belief.standing == 0.25
    near = run([(0.5, 0.509)], [[(0, 4, 4)]])  # an explosive (1 - .5) / .009
    assert near.standing == 0.5


def test_before_the_first_group_nothing_is_interpolated():
    assert parameters(run([(0.2, 0.6)], [[], []])) == [[1.0], [1.0]]


def test_groups_weigh_by_their_rollouts_and_the_same_prompt_twice_counts_twice():
    """8 rollouts at rate 1 and 2 at rate 0 of references (0, 1): c = .8. Prompt 0 twice: 1 + .9 * (8 + 1)."""
    belief = run([(0.0, 1.0), (0.0, 1.0)], [[(0, 8, 8), (1, 0, 2)]], rho=0.5)
    assert belief.standing == pytest.approx(0.8)
    twice = run([(0.0, 1.0)], [[(0, 6, 8), (0, 1, 2)]])
    assert parameters(twice) == close([1 + 0.9 * 7 + 1.6 * 0.7], [1 + 0.9 * 3 + 1.6 * 0.3])


@pytest.mark.parametrize(
    ("rho", "served", "limit"), [(0.0, True, 162), (0.1, True, 162), (0.1, False, 18), (0, False, 2)]
)
def test_steady_states(rho, served, limit):
    """Served every step with 16 rollouts: 2 + m / decay; never served: 2 + rho m / decay."""
    steps = [[(1, 8, 16)] + ([(0, 8, 16)] if served else [])] * 200
    a, b = parameters(run([(0.2, 0.6), (0.4, 0.8)], steps, rho=rho))
    assert a[0] + b[0] == pytest.approx(limit, rel=1e-6)


def test_decay_goes_by_steps_not_by_calls_of_feedback(arms_of, group_of):
    states = []
    for calls in ("one", "many"):
        curriculum = make(arms_of([4]), rho=0.2)
        ticket = curriculum.propose(4)
        groups = [group_of(ticket.id, int(row), 0.5) for row in ticket.rows]
        for part in [groups] if calls == "one" else [[group] for group in groups]:
            curriculum.observe(part)
        curriculum.tick(1)
        states.append(pack(curriculum.state_dict()))
    assert states[0] == states[1]
    walked, leapt = run([(0.2, 0.6)], [[(0, 2, 4)], [], [], []]), run([(0.2, 0.6)], [[(0, 2, 4)]])
    leapt.tick(4)
    assert [pytest.approx(row) for row in parameters(walked)] == parameters(leapt)


def test_a_prompt_never_solved_drifts_back_to_the_prior():
    stuck = parameters(run([(0, 0)], [[(0, 0, 16)]] * 50, rho=0.0))
    back = parameters(run([(0, 0)], [[(0, 0, 16)]] * 50 + [[]] * 100, rho=0.0))
    assert stuck[0] == [1.0] and stuck[1][0] > 150
    assert back == [[1.0], pytest.approx([1.0], abs=0.01)]


def test_a_batch_is_the_draws_nearest_to_the_target(arms_of, group_of):
    curriculum = make(arms_of([5, 4]), seed=9, target=0.3, decay=0.5)
    a, b = np.ones(9), np.ones(9)
    for step in (1, 2, 3):
        zero = np.zeros(9)
        theta = draw(Beta(zero, zero, 1.0, a, b), 1, seed=9, stream=STREAM_CHOICE, step=step - 1)[0]
        want = np.argsort(np.abs(theta - 0.3), kind="stable")[:3]
        ticket = curriculum.propose(3)
        assert ticket.rows.tolist() == curriculum.arms.rows[want].tolist()
        assert np.isnan(ticket.propensity).all()
        curriculum.observe(group_of(ticket.id, int(row), 0.25) for row in ticket.rows)
        curriculum.tick(step)
        a, b = 0.5 * a + 0.5, 0.5 * b + 0.5
        a[want], b[want] = a[want] + 1, b[want] + 3


def test_a_prompt_in_flight_is_not_chosen_again_while_there_are_others(arms_of):
    curriculum = make(arms_of([6]))
    first, second = curriculum.propose(3), curriculum.propose(3)
    assert not set(first.rows.tolist()) & set(second.rows.tolist())


def test_a_resume_keeps_the_evidence_and_the_standing(arms_of, group_of):
    curriculum = make(arms_of([5]), rho=0.3)
    for step in (1, 2, 3):
        ticket = curriculum.propose(3)
        curriculum.observe(group_of(ticket.id, int(row), 0.5) for row in ticket.rows)
        curriculum.tick(step)
    state = curriculum.state_dict()
    again = make(arms_of([5]), rho=0.3)
    again.load_state_dict(unpack(pack(state)))
    assert pack(again.state_dict()) == pack(state) and state["estimator"]["implicit"][2] != 0.5
    assert again.propose(3).rows.tolist() == curriculum.propose(3).rows.tolist()
    other = dataclasses.replace(arms_of([5]), references=np.full((5, 2), 0.5))
    with pytest.raises(ValueError, match="layout"):
        make(other, rho=0.3).load_state_dict(state)
    broken = {**state["estimator"], "implicit": np.array([1.0, 1.0, 2.0, 1.0, 1.0])}
    with pytest.raises(ValueError, match="a standing outside"):
        again.load_state_dict({**state, "estimator": broken})


def test_references_are_needed_for_rho_and_checked(arms_of):
    plain = dataclasses.replace(arms_of([3]), references=None)
    with pytest.raises(
        ValueError, match=r"rho=0\.1 needs the pass rates of two reference .* set curriculum\.rho=0"
    ):
        make(plain, rho=0.1)
    assert len(make(plain).propose(3).rows) == 3
    for bad in (np.full((3, 3), 0.5), np.full((3, 2), 1.5), np.full((3, 2), np.nan)):
        with pytest.raises(ValueError, match=r"references must be two pass rates in \[0, 1\]"):
            dataclasses.replace(plain, references=bad)
