"""sparft_beta and sparft_target against their formulas, worked by hand; the discount; one definition of the utility."""

import dataclasses

import numpy as np
import pytest

from sparft_verl import bandit
from sparft_verl.bandit import Beta, Gaussian, Learnability, Mixed, Negative, Target
from sparft_verl.curricula import CurriculumConfig, Feedback, build
from sparft_verl.curricula.choosers.base import STREAM_CHOICE
from sparft_verl.curricula.laws import law_of

# solved of 4 rollouts, by arm, pull by pull
SOLVED = {0: [1, 2, 4, 0, 3, 2, 1, 2], 1: [0, 1, 3, 4, 2, 2, 0, 3]}


def steps_by_hand(arms_of, config, belief, utility, steps=4):
    """Drive two slots a step; check the arms against draws from `belief(successes, failures, pulls, values)`."""
    curriculum = build(config, arms_of([8, 8]))
    won, lost, pulls, values = np.zeros(2), np.zeros(2), np.zeros(2, dtype=int), np.zeros(2)
    for step in range(1, steps + 1):
        wanted = bandit.draw(
            belief(won, lost, pulls, values),
            2,
            utility=utility,
            seed=config.seed,
            stream=STREAM_CHOICE,
            step=step - 1,
        ).argmax(axis=1)
        ticket = curriculum.propose(2)
        assert ticket.arms.tolist() == wanted.tolist()
        for row, arm in zip(ticket.rows.tolist(), ticket.arms.tolist(), strict=True):
            solved = SOLVED[arm][pulls[arm]]
            curriculum.observe([Feedback(ticket.id, row, [1.0] * solved + [0.0] * (4 - solved))])
            won[arm], lost[arm] = won[arm] + solved, lost[arm] + 4 - solved
            values[arm] += solved / 4
            pulls[arm] += 1
        curriculum.tick(step)
        keep = config.params.discount
        won, lost, values = won * keep, lost * keep, values * keep
    return curriculum, won, lost


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("discount", [1.0, 0.5])
def test_sparft_beta_by_hand(arms_of, seed, discount):
    """theta_k ~ Beta(2 + s_k, 3 + f_k); at discount 1/2 s and f halve each step."""
    config = CurriculumConfig.of(
        method="sparft_beta", seed=seed, prior_success=2.0, prior_failure=3.0, discount=discount
    )

    def belief(won, lost, pulls, values):
        return Beta(won, lost, prior_success=2.0, prior_failure=3.0)

    curriculum, won, lost = steps_by_hand(arms_of, config, belief, Negative())
    for k, row in enumerate(curriculum.arm_table()):
        a, b = 2.0 + won[k], 3.0 + lost[k]
        assert row["sd"] == pytest.approx(np.sqrt(a * b / (a + b + 1)) / (a + b))
        if row["observed"]:
            assert row["mean"] == pytest.approx(a / (a + b))


@pytest.mark.parametrize("utility", ["target", "learnability", "mixed"])
def test_sparft_target_with_a_beta_by_hand(arms_of, utility):
    config = CurriculumConfig.of(method="sparft_target", utility=utility, target=0.3, group=4)
    function = {"target": Target(0.3), "learnability": Learnability(), "mixed": Mixed(4)}[utility]
    steps_by_hand(arms_of, config, lambda won, lost, pulls, values: Beta(won.copy(), lost.copy()), function)


def test_sparft_target_with_a_gaussian_by_hand(arms_of):
    """An unseen arm is taken to be at the target; N(mean, sigma^2 / (pulls + 1)) thereafter."""
    config = CurriculumConfig.of(method="sparft_target", posterior="gaussian", target=0.3, sigma=0.5)

    def belief(won, lost, pulls, values):
        mean = np.where(pulls > 0, values / np.maximum(pulls, 1), 0.3)
        return Gaussian(mean, 0.5 / np.sqrt(pulls + 1.0))

    steps_by_hand(arms_of, config, belief, Target(0.3))


def test_learnability_and_mixed_choose_as_the_target_one_half_does(arms_of, group_of):
    runs = []
    for settings in ({"target": 0.5}, {"utility": "learnability"}, {"utility": "mixed"}):
        curriculum, served = (
            build(CurriculumConfig.of(method="sparft_target", **settings), arms_of([9] * 4)),
            [],
        )
        for step in range(1, 30):
            ticket = curriculum.propose(3)
            served.append(ticket.rows.tolist())
            curriculum.observe(
                group_of(ticket.id, int(r), a / 4, 8) for r, a in zip(ticket.rows, ticket.arms, strict=True)
            )
            curriculum.tick(step)
        runs.append(served)
    assert runs[0] == runs[1] == runs[2]


def test_discounted_counts_reach_their_steady_state(arms_of, group_of):
    """One pull a step at discount .5: after the tick 1/2 + 1/4 + ... = 1 pull, so sd = sigma / sqrt(2)."""
    curriculum = build(CurriculumConfig.of(discount=0.5), arms_of([5]))
    for step in range(1, 40):
        ticket = curriculum.propose(1)
        curriculum.observe([group_of(ticket.id, int(ticket.rows[0]), 0.75)])
        curriculum.tick(step)
    row = curriculum.arm_table()[0]
    assert row["sd"] == pytest.approx(1 / np.sqrt(2.0)) and row["mean"] == pytest.approx(0.75)


def test_a_cancelled_pull_gives_back_what_is_left_of_it(arms_of):
    curriculum = build(CurriculumConfig.of(discount=0.5), arms_of([5]))
    ticket = curriculum.propose(1)
    for step in range(1, 4):
        curriculum.tick(step)
    curriculum.cancel(ticket.id, int(ticket.rows[0]), "lost")
    assert curriculum.arm_table()[0]["sd"] == 1.0 and curriculum.arm_table()[0]["pulls"] == 0


def test_a_skipped_step_forgets_as_much_as_the_steps_it_stands_for(arms_of, group_of):
    states = []
    for steps in ([1, 2, 3], [3]):
        curriculum = build(CurriculumConfig.of(method="sparft_beta", discount=0.25), arms_of([5]))
        ticket = curriculum.propose(1)
        curriculum.observe([group_of(ticket.id, int(ticket.rows[0]), 0.5)])
        for step in steps:
            curriculum.tick(step)
        states.append(curriculum.arm_table()[0]["sd"])
    assert states[0] == states[1]


def test_the_lazy_scale_survives_a_thousand_steps(arms_of, group_of):
    """Evidence m = 4 a step at discount .9: 4 * .9 / .1 = 36 after the tick; Beta(1 + 18, 1 + 18)."""
    curriculum = build(CurriculumConfig.of(method="sparft_beta", discount=0.9), arms_of([5]))
    for step in range(1, 1001):
        ticket = curriculum.propose(1)
        curriculum.observe([group_of(ticket.id, int(ticket.rows[0]), 0.5)])
        curriculum.tick(step)
    assert curriculum.arm_table()[0]["sd"] == pytest.approx(np.sqrt(0.25 / 39), rel=1e-6)


@pytest.mark.parametrize("utility", [Negative(), Target(0.5)])
def test_thompson_sampling_settles_on_the_best_arm_of_its_utility(utility, arms_of, answer_of):
    """Stationary rates; the arm that maximises the utility is chosen most, and its propensity rises."""
    rates = [0.9, 0.55, 0.15]
    best = {Negative: 2, Target: 1}[type(utility)]
    method = "sparft_beta" if best == 2 else "sparft_target"
    curriculum = build(CurriculumConfig.of(method=method), arms_of([30, 30, 30]))
    for step in range(1, 101):
        ticket = curriculum.propose(4)
        curriculum.observe(answer_of(ticket, slot, rates, 8) for slot in range(4))
        curriculum.tick(step)
    assert set(curriculum.propose(4).arms.tolist()) == {best}
    table = curriculum.arm_table()
    assert table[best]["pulls"] > 0.8 * sum(arm["pulls"] for arm in table)


def test_when_rates_drift_the_discounted_belief_follows_and_the_other_does_not(arms_of, answer_of):
    """Arm 0 is the less solved one for 150 steps, then arm 1: slots on the right arm in the last 50."""
    right = {}
    for discount in (1.0, 0.9):
        config = CurriculumConfig.of(method="sparft_beta", discount=discount)
        curriculum, hits = build(config, arms_of([30, 30])), 0
        for step in range(1, 251):
            rates = [0.2, 0.8] if step <= 150 else [0.95, 0.6]
            ticket = curriculum.propose(4)
            curriculum.observe(answer_of(ticket, slot, rates, 8) for slot in range(4))
            curriculum.tick(step)
            hits += int((ticket.arms == 1).sum()) if step > 200 else 0
        right[discount] = hits / 200
    assert right[0.9] > 0.9 > 0.5 > right[1.0]


def test_the_recorded_probability_is_the_law_of_the_belief(arms_of):
    config = CurriculumConfig.of(method="sparft_beta")
    curriculum = build(dataclasses.replace(config, seed=3), arms_of([9, 9]))
    law = law_of(Beta(np.zeros(2), np.zeros(2)), Negative())
    assert curriculum.propose(1).propensity[0] == pytest.approx(law.argmax_probability(np.ones(2, bool))[0])
