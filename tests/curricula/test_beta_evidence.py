"""Beta evidence over long runs: sums stay exact and below what the kernel takes, and mean the same."""

import numpy as np
import pytest

from sparft_verl.curricula.estimators.base import Evidence
from sparft_verl.curricula.estimators.beta import BetaBelief
from sparft_verl.curricula.packing import pack, unpack

EXACT_BELOW = 2.0**21


def came(unit, solved, weight):
    n = len(unit)
    zeros = np.zeros(n, np.int64)
    nothing = np.full(n, np.nan)  # a belief about solve rates has no use for the method's statistic
    return Evidence(
        np.array(unit, np.int32),
        np.array(solved, float),
        nothing,
        np.array(weight, float),
        zeros,
        zeros,
        zeros,
    )


def evidence(belief):
    now = belief.posterior()
    return (now.scale * now.success).tolist(), (now.scale * now.failure).tolist()


def test_a_run_of_two_billion_rollouts_in_one_arm_goes_on_and_counts_them_all():
    belief = BetaBelief(2)
    for step in range(1, 2001):
        belief.commit(came([0] * 4 + [1], [65536.0] * 4 + [1.0], [262144.0] * 4 + [4.0]))
        belief.tick(step)
        assert max(belief.posterior().success.max(), belief.posterior().failure.max()) < EXACT_BELOW / 2
    (first, second), (lost, missed) = evidence(belief)
    assert first == pytest.approx(2000 * 4 * 65536, rel=1e-9)
    assert lost == pytest.approx(2000 * 4 * 196608, rel=1e-9)
    assert (second, missed) == (pytest.approx(2000), pytest.approx(6000))
    assert belief.summary()[0][1] == pytest.approx(2001 / 8002)


@pytest.mark.parametrize("discount", [0.999, 0.9, 0.5])
def test_a_discounted_arm_reaches_its_limit_however_large(discount):
    """Evidence after the tick: sum of discount^k m, k >= 1, with a million rollouts a step."""
    belief = BetaBelief(1, discount=discount)
    m = 2.0**18
    for step in range(1, 12001 if discount == 0.999 else 301):
        belief.commit(came([0], [m / 4], [m]))
        belief.tick(step)
    success, failure = evidence(belief)
    limit = m * discount / (1 - discount)
    assert success[0] == pytest.approx(limit / 4, rel=1e-4)
    assert failure[0] == pytest.approx(limit * 3 / 4, rel=1e-4)


def test_after_an_endless_pause_the_prior_is_left():
    belief = BetaBelief(1, discount=0.5)
    belief.commit(came([0], [3.0], [4.0]))
    belief.tick(10**7)
    assert evidence(belief) == ([0.0], [0.0])
    belief.commit(came([0], [3.0], [4.0]))
    assert evidence(belief) == ([3.0], [1.0])


def test_a_grown_scale_goes_through_a_checkpoint():
    belief, again = BetaBelief(1), BetaBelief(1)
    for step in range(1, 20):
        belief.commit(came([0], [2.0**18], [2.0**19]))
        belief.tick(step)
    state = belief.state_dict()
    assert state["scale"] > 1.0
    again.load(unpack(pack(state)))
    for each in (belief, again):
        each.commit(came([0], [2.0**18], [2.0**19]))
        each.tick(20)
    assert pack(again.state_dict()) == pack(belief.state_dict())
    for damage in (-1.0, EXACT_BELOW):
        with pytest.raises(ValueError, match="evidence that is negative, or too large"):
            again.load({**state, "failure": np.array([damage])})
