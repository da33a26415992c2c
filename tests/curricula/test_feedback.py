"""Feedback as a trainer gives it: late, twice, in part, never, foreign or malformed."""

import pytest

from sparft_verl.curricula import Curriculum, Feedback, build
from sparft_verl.curricula.packing import pack


def test_late_feedback_counts_once_however_often_it_comes(config, arms_of, group_of):
    curriculum = build(config, arms_of([4, 4]))
    first = curriculum.propose(2)
    for step in range(1, 6):
        curriculum.propose(2)
        curriculum.tick(step)
    groups = [group_of(first.id, int(row), 0.5) for row in first.rows]
    assert curriculum.observe([groups[1], groups[0], groups[1]]) == 2
    once = pack(curriculum.state_dict())
    assert curriculum.accept(groups) == [False, False]
    assert pack(curriculum.state_dict()) == once


def test_a_duplicate_is_known_after_its_ticket_is_forgotten_and_after_a_restore(config, arms_of, group_of):
    arms = arms_of([4, 4])
    curriculum = build(config, arms)
    old = curriculum.propose(1)
    duplicate = group_of(old.id, int(old.rows[0]), 1.0)
    curriculum.observe([duplicate])
    for step in range(1, 60):
        ticket = curriculum.propose(3)
        curriculum.observe(group_of(ticket.id, int(row), 0.5) for row in ticket.rows)
        curriculum.tick(step)
    again = build(config, arms)
    again.load_state_dict(curriculum.state_dict())
    for subject in (curriculum, again):
        assert subject.outstanding() == []
        assert subject.observe([duplicate]) == 0


def test_the_state_does_not_grow_with_the_number_of_steps(config, arms_of, group_of):
    curriculum, sizes = build(config, arms_of([5, 5])), []
    for step in range(1, 121):
        ticket = curriculum.propose(4)
        curriculum.observe(group_of(ticket.id, int(row), 0.5) for row in ticket.rows)
        curriculum.tick(step)
        if step % 12 == 1:
            sizes.append(len(pack(curriculum.state_dict())["arrays"]))
    assert max(sizes) <= sizes[0] + 16 * 10  # at most every prompt put off: two numbers each


def test_a_cancelled_group_that_comes_after_all_changes_nothing(config, arms_of, group_of):
    curriculum = build(config, arms_of([4]))
    ticket = curriculum.propose(2)
    row = int(ticket.rows[0])
    assert curriculum.cancel(ticket.id, row, "timed out")
    assert not curriculum.cancel(ticket.id, row, "timed out")
    assert curriculum.observe([group_of(ticket.id, row, 1.0)]) == 0
    assert curriculum.arm_table()[0]["observed"] == 0
    assert curriculum.metrics()["sparft/cancelled"] == 1.0


def test_cancelling_everything_leaves_the_belief_of_the_start(config, arms_of):
    curriculum = build(config, arms_of([4, 4]))
    before = pack(curriculum.state_dict()["estimator"])
    ticket = curriculum.propose(5)
    for row in ticket.rows.tolist():
        curriculum.cancel(ticket.id, row, "failed")
    assert pack(curriculum.state_dict()["estimator"]) == before


def test_cancelling_many_at_once_is_cancelling_each(config, arms_of, group_of):
    one_by_one, at_once = (build(config, arms_of([4, 4])) for _ in range(2))
    for curriculum in (one_by_one, at_once):
        tickets = [curriculum.propose(3), curriculum.propose(4)]
        curriculum.observe([group_of(tickets[0].id, int(tickets[0].rows[1]), 0.5)])
    slots = [(t.id, int(row)) for t in tickets for row in t.rows[:3]]
    slots.append(slots[0])  # named twice: closed once
    want = [one_by_one.cancel(ticket, row, "lost") for ticket, row in slots]
    assert want == [True, False, *[True] * 4, False]
    assert at_once.cancel_many(*zip(*slots, strict=True), "lost") == want
    assert pack(at_once.state_dict()) == pack(one_by_one.state_dict())
    assert Curriculum.cancel_many(one_by_one, [1], [int(tickets[1].rows[3])], "lost") == [True]
    assert at_once.cancel_many([], [], "nothing") == []
    with pytest.raises(ValueError, match="ticket 9 was never issued"):
        at_once.cancel_many([1, 9], [int(tickets[1].rows[3])] * 2, "lost")
    assert len(at_once.outstanding()) == 1


def test_a_ticket_never_issued_or_a_row_it_does_not_hold_stops_the_whole_call(config, arms_of, group_of):
    curriculum = build(config, arms_of([4, 4]))
    ticket = curriculum.propose(2)
    good = group_of(ticket.id, int(ticket.rows[0]), 0.5)
    other = next(int(row) for row in curriculum.arms.rows if row not in ticket.rows)
    before = pack(curriculum.state_dict())
    with pytest.raises(ValueError, match="ticket 7 was never issued"):
        curriculum.observe([good, group_of(7, good.row, 0.5)])
    with pytest.raises(ValueError, match=f"row {other} is not in ticket 0"):
        curriculum.observe([good, group_of(ticket.id, other, 0.5)])
    with pytest.raises(ValueError, match="ticket -1 was never issued"):
        curriculum.cancel(-1, good.row, "no reason")
    assert pack(curriculum.state_dict()) == before


@pytest.mark.parametrize("step", [3, 2, -1, 1.5, True])
def test_a_tick_that_does_not_rise_is_refused(config, arms_of, step):
    curriculum = build(config, arms_of([2]))
    curriculum.tick(3)
    with pytest.raises(ValueError, match=r"once per optimiser step .* after 3"):
        curriculum.tick(step)


@pytest.mark.parametrize("n", [0, -1, 1.0, True])
def test_a_batch_of_no_prompt_is_refused(config, arms_of, n):
    with pytest.raises(ValueError, match="at least one prompt"):
        build(config, arms_of([2])).propose(n)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"successes": [1.5]}, r"lies in \[0, 1\], got 1.5.*curriculum.success"),
        ({"successes": [0.5, -1.0]}, r"got -1.0"),
        ({"successes": [float("nan")]}, r"got nan"),
        ({"successes": []}, "empty; use cancel"),
        ({"successes": [[1.0]]}, "must be a vector"),
        ({"successes": [1.0], "split": "val"}, "split='val' is refused"),
        ({"successes": [1.0], "kind": "lost"}, "kind must be one of"),
        ({"successes": [1.0], "advantages": [0.1, 0.2]}, "vector of 1 values"),
        ({"successes": [1.0], "advantages": [float("inf")]}, "must be finite"),
    ],
)
def test_malformed_feedback_cannot_be_made(fields, message):
    with pytest.raises(ValueError, match=message):
        Feedback(ticket=0, row=1, **fields)
