"""What holds for every registered method: a new one is covered by registering it."""

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from sparft_verl.curricula import METHODS, CurriculumConfig, Feedback, build
from sparft_verl.curricula.packing import pack, unpack

sizes_of = st.lists(st.integers(0, 6), min_size=1, max_size=5).filter(lambda sizes: sum(sizes) > 0)
quick = settings(max_examples=10, deadline=None)


def same(a, b):
    """Whether two tickets are equal to the last bit."""
    return (
        a.id == b.id
        and a.step == b.step
        and all(
            getattr(a, name).tobytes() == getattr(b, name).tobytes()
            for name in ("rows", "arms", "propensity")
        )
    )


@quick
@given(sizes=sizes_of, seed=st.integers(0, 2**63 - 1), data=st.data())
def test_a_batch_holds_different_selected_rows_of_the_arms_it_names(
    config, arms_of, script, sizes, seed, data
):
    arms = arms_of(sizes)
    curriculum = build(dataclasses.replace(config, seed=seed), arms)
    where = dict(zip(arms.rows.tolist(), arms.arm.tolist(), strict=True))
    trainer = script(solve=[k / len(sizes) for k in range(len(sizes))])
    for step in range(1, 8):
        n = data.draw(st.integers(1, sum(sizes)))
        ticket = trainer.step(curriculum, step, n)
        assert len(set(ticket.rows.tolist())) == n
        assert [where[row] for row in ticket.rows.tolist()] == ticket.arms.tolist()
        known = ~np.isnan(ticket.propensity)
        assert known.all() or not known.any()  # methods that rank single prompts know no arm's probability
        assert ((ticket.propensity > 0) & (ticket.propensity <= 1 + 1e-12))[known].all()
        assert all(np.isfinite(value) for value in curriculum.metrics().values())


@quick
@given(sizes=sizes_of, seed=st.integers(0, 2**63 - 1), data=st.data())
def test_same_seed_and_feedback_serve_the_same_prompts(config, arms_of, script, sizes, seed, data):
    n = data.draw(st.integers(1, sum(sizes)))
    config = dataclasses.replace(config, seed=seed)
    runs = []
    for noise in (1, 2):
        curriculum, trainer = build(config, arms_of(sizes)), script(solve=[0.5] * len(sizes))
        np.random.seed(noise)  # the global generator must not matter
        runs.append([trainer.step(curriculum, step, n) for step in range(1, 10)])
    assert all(same(a, b) for a, b in zip(*runs, strict=True))


SERVE_ALL = """
import json, sys
import numpy as np
from sparft_verl.curricula import Arms, CurriculumConfig, Feedback, build
arms = Arms(np.arange(30), np.repeat(np.arange(3), 10).astype(np.int32), tuple("abc"), np.arange(30) / 30,
            tuple("s" * 30), "x", np.full((30, 2), 0.5))
served = []
for settings in json.load(sys.stdin):
    curriculum = build(CurriculumConfig.of(settings), arms)
    served.append([])
    for step in range(1, 20):
        ticket = curriculum.propose(7)
        curriculum.observe([Feedback(ticket.id, int(r), [r % 2]) for r in ticket.rows])
        curriculum.tick(step)
        served[-1].append(ticket.rows.tolist())
json.dump(served, sys.stdout)
"""


@pytest.fixture(scope="module")
def by_hash_seed(every_config):
    """Rows that every configuration serves in 19 steps, in a process of each of two hash seeds."""
    return [
        json.loads(
            subprocess.run(
                [sys.executable, "-c", SERVE_ALL],
                input=json.dumps([config.as_dict() for config in every_config]),
                stdout=subprocess.PIPE,
                text=True,
                check=True,
                env={"PYTHONHASHSEED": seed},
            ).stdout
        )
        for seed in ("1", "2")
    ]


def test_prompts_do_not_depend_on_the_hash_seed(config, every_config, by_hash_seed):
    one, two = (served[every_config.index(config)] for served in by_hash_seed)
    assert one == two and len(one) == 19 and all(len(set(rows)) == 7 for rows in one)


def exact(state):
    """A state as values that compare to the last bit; what `pack` would write, without the npz."""
    if isinstance(state, dict):
        return {key: exact(value) for key, value in state.items()}
    return (state.dtype.str, state.tobytes()) if isinstance(state, np.ndarray) else state


def test_restored_at_any_of_200_steps_the_tail_is_identical(config, arms_of, script):
    """At each step a new curriculum is restored; it serves a batch, and is then in the state of the uninterrupted run.

    From that state the tail follows: it is the next restored one's start. One runs to the end nevertheless, for what a
    curriculum may keep beside its state.
    """
    arms = arms_of([5, 1, 0, 7, 3])
    solve = [0.0, 1.0, 0.5, 0.3, 0.7]
    curriculum, trainer = build(config, arms), script(solve)
    saves, tickets = [], []
    for step in range(1, 201):
        saves.append((curriculum.state_dict(), list(trainer.waiting)))
        tickets.append(trainer.step(curriculum, step, 4))
    saves.append((curriculum.state_dict(), list(trainer.waiting)))
    wanted = [exact(state) for state, _ in saves]
    for start, (state, waiting) in enumerate(saves[:-1]):
        stop = 200 if start == 17 else start + 1
        again, trainer = build(config, arms), script(solve, waiting=list(waiting))
        again.load_state_dict(unpack(pack(state)) if start % 10 == 0 else state)
        assert exact(again.state_dict()) == wanted[start]
        for step in range(start, stop):
            assert same(trainer.step(again, step + 1, 4), tickets[step])
        assert exact(again.state_dict()) == wanted[stop]


@quick
@given(seed=st.integers(0, 1000), rollouts=st.integers(1, 7))
def test_the_order_of_feedback_leaves_the_same_state_to_the_last_bit(
    config, arms_of, answer_of, seed, rollouts
):
    arms = arms_of([4, 5, 3])
    states = []
    for order in ("as served", "shuffled"):
        curriculum = build(config, arms)
        tickets = [curriculum.propose(6) for _ in range(3)]
        come = [answer_of(t, slot, [0.2, 0.5, 0.9], rollouts) for t in tickets for slot in range(6)]
        if order == "shuffled":
            come = [come[i] for i in np.random.default_rng(seed).permutation(len(come))]
        for feedback in come:
            curriculum.observe([feedback])
        curriculum.tick(1)
        states.append(pack(curriculum.state_dict()))
    assert states[0] == states[1]


@pytest.mark.parametrize("solve", [0.0, 1.0], ids=["never solved", "always solved"])
@pytest.mark.parametrize("sizes", [[1], [6], [3, 0, 2], [1, 1, 1, 1]], ids=str)
def test_a_batch_is_always_produced(config, arms_of, answer_of, sizes, solve):
    curriculum = build(config, arms_of(sizes))
    for step in range(1, 40):
        ticket = curriculum.propose(1 + step % sum(sizes))
        groups = [answer_of(ticket, slot, [solve] * len(sizes)) for slot in range(len(ticket.rows))]
        curriculum.observe(groups[step % 2 :])  # every other step loses a group for good
        curriculum.tick(step)
    assert curriculum.metrics()["sparft/coverage"] == 1.0
    assert len(curriculum.outstanding()) == 20


def test_a_batch_larger_than_the_selection_names_every_fix(config, arms_of):
    curriculum = build(config, arms_of([3, 2]))
    with pytest.raises(
        ValueError, match=r"6 different .* 5 selected .*train_batch_size .*select\.budget.*repeat"
    ):
        curriculum.propose(6)
    assert curriculum.outstanding() == []


@quick
@given(sizes=sizes_of, n=st.integers(1, 40))
def test_with_repeat_any_batch_is_served_and_every_slot_can_be_settled(config, arms_of, group_of, sizes, n):
    curriculum = build(dataclasses.replace(config, repeat=True), arms_of(sizes))
    for step in (1, 2):
        ticket = curriculum.propose(n)
        groups = [group_of(ticket.id, int(row), 0.5) for row in ticket.rows]
        assert curriculum.observe(groups) == n
        assert curriculum.observe(groups) == 0
        curriculum.tick(step)
    assert curriculum.outstanding() == []


def test_propensities_match_how_often_arms_are_chosen(config, arms_of, answer_of):
    """Chi-square over seeds, for a history with unequal arms and a batch that empties one of them."""
    runs, n, sizes = 400, 5, [3, 4, 2]
    arms = arms_of(sizes)
    warm = build(config, arms)
    for step in range(1, 4):
        ticket = warm.propose(4)
        if np.isnan(ticket.propensity).all():
            pytest.skip("it ranks single prompts: no arm's probability is known in closed form")
        warm.observe([answer_of(ticket, slot, [0.1, 0.2, 0.4]) for slot in range(4)])
        warm.tick(step)
    state = warm.state_dict()
    seen = {slot: {} for slot in range(n)}
    source_of = dict(zip(arms.rows.tolist(), arms.source, strict=True))
    for seed in range(runs):
        config_now = dataclasses.replace(config, seed=seed)
        curriculum = build(config_now, arms)
        fresh = curriculum.state_dict()
        # `order` starts anew: its next pass is the random part of a shuffle
        curriculum.load_state_dict(
            {**state, **{key: fresh[key] for key in ("config", "config_hash", "order")}}
        )
        ticket = curriculum.propose(n)
        pulls = curriculum.state_dict()["ledger"]["pull"][-n:]
        for slot in np.unique(pulls, return_index=True)[1].tolist():  # one choice a pull
            before = (ticket.arms[:slot].tolist(), [])
            if config.quota or config.method == "weighted":  # then a probability is given the slots' sources
                before[1].extend(source_of[row] for row in ticket.rows[: slot + 1].tolist())
            chosen = seen[slot].setdefault(str(before), {})
            arm = int(ticket.arms[slot])
            count, probability = chosen.get(arm, (0, ticket.propensity[slot]))
            assert probability == pytest.approx(ticket.propensity[slot], abs=1e-12)
            chosen[arm] = (count + 1, probability)
    statistic, freedom = 0.0, 0
    for histories in seen.values():
        for chosen in histories.values():
            total = sum(count for count, _ in chosen.values())
            cells = [(count, total * p) for count, p in chosen.values() if total * p >= 5]
            rest = total - sum(count for count, _ in cells)
            expected_rest = total - sum(expected for _, expected in cells)
            assert expected_rest > -1e-6 * total
            cells += [(rest, expected_rest)] if expected_rest >= 5 else []
            if len(cells) > 1:
                statistic += sum((count - expected) ** 2 / expected for count, expected in cells)
                freedom += len(cells) - 1
    assert statistic < chi2.ppf(0.9999, max(freedom, 1))


@pytest.mark.parametrize(
    "other", [{"seed": 5}, {"cooldown": 7}, {"repeat": True}], ids=lambda other: next(iter(other))
)
def test_a_state_of_another_configuration_is_refused_by_name(config, arms_of, other):
    state = build(config, arms_of([3, 3])).state_dict()
    key, value = next(iter(other.items()))
    with pytest.raises(ValueError, match=rf"curriculum\.{key} was .* is {value!r} now"):
        build(dataclasses.replace(config, **other), arms_of([3, 3])).load_state_dict(state)


def damaged_vectors(state):
    """Each vector of the method's own parts with a value too many."""
    for name in ("estimator", "order"):
        for key, value in state.get(name, {}).items():
            if isinstance(value, np.ndarray):
                longer = {**state[name], key: np.concatenate([value, value[:1], value[:1]])}
                if len(value):
                    yield {**state, name: longer}, "damaged state"


def test_the_first_difference_of_a_foreign_state_is_named_and_nothing_is_taken(config, arms_of, script):
    arms = arms_of([4, 4])
    curriculum, trainer = build(config, arms), script([0.5, 0.5])
    for step in range(1, 5):
        trainer.step(curriculum, step, 3)
    state = curriculum.state_dict()
    other_rows = build(config, arms_of([4, 4], first_row=7))
    other_data = build(config, dataclasses.replace(arms, fingerprint="ffff"))
    with pytest.raises(ValueError, match="other positions"):
        other_rows.load_state_dict(state)
    with pytest.raises(ValueError, match=r"other prompts.*fingerprint was '0123' and is 'ffff'"):
        other_data.load_state_dict(state)
    fresh = build(config, arms)
    before = pack(fresh.state_dict())
    for broken, message in (
        ({**state, "schema": 99}, "schema was 99"),
        ({**state, "method": "other"}, "method was 'other'"),
        ({key: value for key, value in state.items() if key != "telemetry"}, "'telemetry' must be a dict"),
        ({**state, "step": -1}, "'step' must be an integer >= 0"),
        ({**state, "telemetry": {**state["telemetry"], "solved": np.full(1, np.nan)}}, "not finite"),
        ({**state, "ledger": {**state["ledger"], "next_id": 0}}, "never issued"),
        ({**state, "limits": {**state["limits"], "seen": np.array([99])}}, "a prompt that is not there"),
        *damaged_vectors(state),
    ):
        with pytest.raises(ValueError, match=message):
            fresh.load_state_dict(broken)
        assert pack(fresh.state_dict()) == before


def test_the_method_has_a_line_for_its_users(config):
    assert METHODS[config.method].summary.endswith(".")


def test_relabelled_arms_have_relabelled_beliefs(config, arms_of, group_of):
    """Every prompt is served once, the same groups come back: arms under other numbers get each other's beliefs."""
    plain = arms_of([3, 3, 3])
    swap = np.array([2, 0, 1], dtype=np.int32)
    other = dataclasses.replace(plain, arm=swap[plain.arm])
    tables = []
    for arms in (plain, other):
        curriculum = build(config, arms)
        ticket = curriculum.propose(9)
        curriculum.observe(
            group_of(ticket.id, int(row), (int(row) % 7) / 7, rollouts=7) for row in ticket.rows
        )
        curriculum.tick(1)
        keys = ("pulls", "observed", "mean", "sd", "served", "unique", "outstanding", "difficulty")
        tables.append(
            [[np.nan if arm[key] is None else arm[key] for key in keys] for arm in curriculum.arm_table()]
        )
    for k in range(3):  # sums over other slots round differently
        assert tables[1][swap[k]] == pytest.approx(tables[0][k], rel=1e-12, nan_ok=True)


def test_evaluation_data_cannot_reach_it(config, arms_of):
    curriculum = build(config, arms_of([4]))
    ticket = curriculum.propose(1)
    before = pack(curriculum.state_dict())
    with pytest.raises(ValueError, match="split='val' is refused"):
        curriculum.observe([Feedback(ticket.id, int(ticket.rows[0]), [1.0], split="val")])
    with pytest.raises(ValueError, match="was never issued"):  # validation prompts carry no ticket of ours
        curriculum.observe([Feedback(ticket.id + 1, int(ticket.rows[0]), [1.0])])
    assert pack(curriculum.state_dict()) == before


def test_a_floor_of_an_equal_share_is_uniform_over_arms(config, arms_of, answer_of):
    if "floor" in METHODS[config.method].refuses:
        pytest.skip(f"{config.method} keeps no floor: {METHODS[config.method].refuses['floor']}")
    unguarded = {"guard_rollouts": 0} if hasattr(config.params, "guard_rollouts") else {}
    config = CurriculumConfig.of({**config.as_dict(), "floor": 0.25, **unguarded})
    curriculum = build(config, arms_of([20, 20, 20, 20]))
    for step in range(1, 6):
        ticket = curriculum.propose(4)
        first = ticket.propensity[: 1 if config.as_dict().get("choice") == "batch" else 2]
        assert first == pytest.approx(0.25, abs=1e-12)
        curriculum.observe(answer_of(ticket, slot, [0.0, 0.2, 0.6, 1.0]) for slot in range(4))
        curriculum.tick(step)


def test_an_infinite_temperature_is_uniform_over_arms(config, arms_of, answer_of):
    if not hasattr(config.params, "tau"):
        pytest.skip(f"{config.method} has no temperature")
    config = CurriculumConfig.of({**config.as_dict(), "tau": 1e6, "cap": 1.0})
    curriculum = build(config, arms_of([20, 20, 20, 20]))
    for step in range(1, 6):
        ticket = curriculum.propose(4)
        assert ticket.propensity == pytest.approx(0.25, abs=1e-5)
        curriculum.observe(answer_of(ticket, slot, [0.0, 0.2, 0.6, 1.0]) for slot in range(4))
        curriculum.tick(step)
