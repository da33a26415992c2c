"""Gates: which groups they admit, how many they may reject, and that rejected groups are evidence all the same."""

import pytest

from sparft_verl.curricula import CurriculumConfig, build

RATES = [0.0, 0.125, 0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({}, [True] * 6),
        ({"gate": "dapo"}, [False, True, True, True, True, False]),
        ({"gate": "band"}, [False, False, True, True, True, False]),
        ({"gate": "band", "gate_low": 0.0, "gate_high": 0.5}, [True, True, True, True, False, False]),
        # 4 q (1 - q): 0, .4375, .75, 1, .75, 0; VCRL's kappa = .8 keeps q in [.276, .724]
        ({"gate": "variance", "gate_low": 0.3}, [False, True, True, True, True, False]),
        ({"gate": "variance", "gate_low": 0.8}, [False, False, False, True, False, False]),
    ],
)
def test_what_each_gate_admits(arms_of, group_of, settings, wanted):
    curriculum = build(CurriculumConfig.of(settings), arms_of([8]))
    ticket = curriculum.propose(6)
    groups = [group_of(ticket.id, int(row), rate, 8) for row, rate in zip(ticket.rows, RATES, strict=True)]
    assert curriculum.admit(groups) == wanted


def test_after_its_refills_a_gate_admits_everything_until_the_next_step(arms_of, group_of):
    curriculum = build(CurriculumConfig.of(gate="dapo", gate_refills=3), arms_of([8]))
    ticket = curriculum.propose(5)
    dead = [group_of(ticket.id, int(row), 0.0) for row in ticket.rows]
    assert curriculum.admit(dead[:2]) == [False, False]
    assert curriculum.admit(dead) == [False, True, True, True, True]
    curriculum.tick(1)
    assert curriculum.admit(dead) == [False, False, False, True, True]
    metrics = curriculum.metrics()
    assert metrics["sparft/gate/rejected_share"] == 6 / 12 and metrics["sparft/gate/forced_share"] == 6 / 12


def test_the_count_of_refills_is_saved(arms_of, group_of):
    config = CurriculumConfig.of(gate="dapo", gate_refills=2)
    curriculum, again = build(config, arms_of([4])), build(config, arms_of([4]))
    ticket = curriculum.propose(3)
    dead = [group_of(ticket.id, int(row), 1.0) for row in ticket.rows]
    curriculum.admit(dead[:1])
    again.load_state_dict(curriculum.state_dict())
    assert again.admit(dead) == curriculum.admit(dead) == [False, True, True]


def test_a_rejected_group_is_observed_as_discarded_and_counts_as_evidence(arms_of, group_of):
    curriculum = build(CurriculumConfig.of(gate="dapo"), arms_of([4]))
    ticket = curriculum.propose(1)
    row = int(ticket.rows[0])
    assert curriculum.admit([group_of(ticket.id, row, 0.0)]) == [False]
    assert curriculum.observe([group_of(ticket.id, row, 0.0, kind="discarded")]) == 1
    assert (
        curriculum.metrics()["sparft/discarded_share"] == 1.0 and curriculum.arm_table()[0]["observed"] == 1
    )
