"""E2H's schedules against probabilities worked by hand, for four levels of which 1/S = 2 / (4 * 5) = .1."""

import dataclasses

import numpy as np
import pytest

from sparft_verl.curricula import CurriculumConfig, build
from sparft_verl.curricula.packing import pack, unpack


def make(arms, **settings):
    return build(CurriculumConfig.of(method="e2h", **settings), arms)


def chances(curriculum, slots=300):
    """float64 [K]: probability of each arm as the ticket names it; 0 for one that no slot drew."""
    ticket = curriculum.propose(slots)
    out = np.zeros(len(curriculum.arms.names))
    out[ticket.arms] = ticket.propensity
    return out


def at(arms, step, **settings):
    """The same, of a curriculum that has seen `step` steps."""
    curriculum = make(arms, repeat=True, **settings)
    if step:
        curriculum.tick(step)
    return chances(curriculum)


@pytest.mark.parametrize(
    ("step", "level"), [(0, 0), (2, 0), (3, 1), (5, 2), (7, 2), (8, 3), (10, 3), (25, 3)]
)
def test_classic_by_hand(arms_of, step, level):
    """Level floor(4 t / 10), the last one from t = 10 on."""
    want = np.eye(4)[level]
    assert at(arms_of([3] * 4), step, schedule="classic", total_steps=10).tolist() == want.tolist()


@pytest.mark.parametrize("step", [0, 7, 99])
def test_balanced(arms_of, step):
    assert at(arms_of([3] * 4), step, schedule="balanced") == pytest.approx([0.25] * 4)


@pytest.mark.parametrize(
    ("step", "want"),
    [
        (0, [0.4, 0.3, 0.2, 0.1]),
        (2, [0.325, 0.275, 0.225, 0.175]),  # t/T = 1/3: a = (1 + cos 60 degrees) / 2 = 3/4
        (3, [0.25] * 4),
        (6, [0.1, 0.2, 0.3, 0.4]),
        (9, [0.1, 0.2, 0.3, 0.4]),  # past the end it stays there
    ],
)
def test_cosine_by_hand(arms_of, step, want):
    assert at(arms_of([3] * 4), step, schedule="cosine", total_steps=6) == pytest.approx(want)


@pytest.mark.parametrize(
    ("step", "want"),
    [
        (0, [0.628322, 0.171501, 0.100177, 0.1]),  # bell 1, e^-2, e^-8, e^-18
        # centre (1/4)^.5 * 3 = 1.5: bell e^-4.5, e^-.5, e^-.5, e^-4.5
        (1, [0.105396, 0.394604, 0.394604, 0.105396]),
        (4, [0.1, 0.100177, 0.171501, 0.628322]),
    ],
)
def test_gaussian_by_hand(arms_of, step, want):
    """sigma .5, so that the bell is exp(-2 (i - centre)^2); p = .1 + .6 bell / sum."""
    assert at(arms_of([3] * 4), step, total_steps=4) == pytest.approx(want, abs=1e-6)


def test_gaussian_without_a_least_probability(arms_of):
    """Centre 1/4 * 3 = .75, sigma 2: bell exp(-(i - .75)^2 / 8) = .932103, .992218, .822577, .531096."""
    got = at(arms_of([3] * 4), 1, total_steps=4, mu_exp=1.0, sigma=2.0, min_prob=False)
    bell = np.array([0.932103, 0.992218, 0.822577, 0.531096])
    assert got == pytest.approx(bell / bell.sum(), abs=1e-6)


@pytest.mark.parametrize(
    ("schedule", "want"),
    [("classic", [0, 0, 0, 1]), ("cosine", [0.1, 0.2, 0.3, 0.4]), ("balanced", [0.25] * 4)],
)
def test_a_run_of_no_steps_is_at_its_end(arms_of, schedule, want):
    assert at(arms_of([3] * 4), 0, schedule=schedule, total_steps=0) == pytest.approx(want)


def test_an_empty_level_gives_its_share_to_the_others(arms_of):
    """(.4, .3, .2, .1) without the second."""
    levels = ["arm0", "arm1", "arm2", "arm3"]
    got = at(arms_of([3, 0, 3, 3]), 0, schedule="cosine", levels=levels)
    assert got == pytest.approx([4 / 7, 0, 2 / 7, 1 / 7])


def test_by_difficulty_an_arm_without_prompts_is_no_level(arms_of):
    """Three levels: S = 6."""
    got = at(arms_of([3, 0, 3, 3]), 0, schedule="cosine")
    assert got == pytest.approx([3 / 6, 0, 2 / 6, 1 / 6])


def test_when_a_level_runs_out_within_a_batch_the_nearest_takes_its_place(arms_of):
    curriculum = make(arms_of([2, 3, 2, 2]), schedule="classic", total_steps=4)
    curriculum.tick(2)
    ticket = curriculum.propose(9)
    assert ticket.arms.tolist()[:2] == [2, 2] and ticket.arms[-2:].tolist() == [0, 0]
    assert sorted(ticket.arms.tolist()[2:7]) == [1, 1, 1, 3, 3]
    assert ticket.propensity[:3].tolist() == [1.0, 1.0, 0.5]


def test_levels_follow_difficulty_or_names_or_a_list(arms_of):
    arms = arms_of([3] * 4)
    hard_first = dataclasses.replace(arms, difficulty=1.0 - arms.difficulty)
    easy = {"schedule": "classic", "total_steps": 8}
    assert at(arms, 0, **easy).tolist() == [1, 0, 0, 0]
    assert at(hard_first, 0, **easy).tolist() == [0, 0, 0, 1]
    assert at(hard_first, 0, levels="name", **easy).tolist() == [1, 0, 0, 0]
    given = ["arm2", "arm0", "arm3", "arm1"]
    assert at(arms, 2, levels=given, **easy).tolist() == [1, 0, 0, 0]


def test_unknown_difficulties_are_an_error_unless_levels_are_given(arms_of):
    arms = arms_of([3, 3])
    unknown = dataclasses.replace(arms, difficulty=np.where(arms.arm == 1, np.nan, arms.difficulty))
    with pytest.raises(ValueError, match=r"unknown for \['arm1'\].*difficulty\.column.*curriculum\.levels"):
        make(unknown)
    assert make(unknown, levels="name").propose(2).id == 0


@pytest.mark.parametrize("levels", [["arm0"], ["arm0", "arm0"], ["arm0", "arm1", "arm2"]])
def test_a_list_of_other_arms_is_refused(arms_of, levels):
    with pytest.raises(ValueError, match=r"levels must name each of the arms \['arm0', 'arm1'\] once"):
        make(arms_of([3, 3]), levels=levels)


def test_feedback_changes_nothing_and_a_restore_finds_the_schedule_where_it_was(arms_of, group_of):
    """Late, unordered, duplicate or no feedback: the same prompts."""
    arms = arms_of([5] * 4)
    silent, told = (make(arms, total_steps=12, seed=2) for _ in range(2))
    waiting = []
    for step in range(1, 12):
        tickets = [curriculum.propose(6) for curriculum in (silent, told)]
        assert tickets[0].rows.tolist() == tickets[1].rows.tolist()
        assert tickets[0].propensity.tolist() == tickets[1].propensity.tolist()
        waiting += [group_of(tickets[1].id, row, 0.5) for row in tickets[1].rows.tolist()]
        if step % 3 == 0:
            assert told.observe(waiting[::-1] + waiting[:2]) == 18
            waiting = []
        silent.tick(step)
        again = make(arms, total_steps=12, seed=2)
        again.load_state_dict(unpack(pack(told.state_dict())))
        told = again
        told.tick(step)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("schedule", "linear"),
        ("total_steps", -1),
        ("levels", 3),
        ("levels", "easy"),
        ("mu_exp", 0.0),
        ("sigma", 0.0),
        ("min_prob", 0.1),
    ],
)
def test_a_bad_setting_is_named(key, value):
    with pytest.raises(ValueError, match=rf"{key} must be .*{value}"):
        CurriculumConfig.of({"method": "e2h", key: value})
