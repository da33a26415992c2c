"""The sampler inside a real StatefulDataLoader: what it serves, and that a restore changes nothing."""

import pickle

import numpy as np
import pytest
from torch.utils.data import Dataset
from torchdata.stateful_dataloader import StatefulDataLoader

from sparft_verl.curricula import METHODS, Arms, CurriculumConfig, Feedback, build
from sparft_verl.journal import JournalWriter, read
from sparft_verl.sampler import CurriculumSampler, Served

LENGTH, BATCH = 50, 4
NAMED = sorted(set(METHODS) - {"custom"})


class Rows(Dataset):
    """A data set that shows what index it was asked for."""

    def __len__(self):
        return LENGTH

    def __getitem__(self, served):
        return served


def arms(**changes):
    size = 14
    fields = {
        "rows": 3 + 3 * np.arange(size),
        "arm": (np.arange(size) % 3).astype(np.int32),
        "names": ("a", "b", "c"),
        "difficulty": np.arange(size) / size,
        "source": ("s",) * size,
        "fingerprint": "f",
    }
    return Arms(**{**fields, **changes})


def make(path=None, batch=BATCH, **config):
    journal = None if path is None else JournalWriter(path)
    sampler = CurriculumSampler(build(CurriculumConfig.of(**config), arms()), batch, LENGTH, journal)
    loader = StatefulDataLoader(
        Rows(), batch_size=batch, sampler=sampler, num_workers=0, drop_last=True, collate_fn=list
    )
    return sampler, loader


def learn(sampler, batch, step):
    """What a trainer does with a batch; the last prompt comes back a step late."""
    for ticket, row in sampler.outstanding():
        if (ticket, row) != (batch[-1].ticket, int(batch[-1])):
            wins = np.random.default_rng([ticket, row]).random(4) < 0.4
            sampler.observe([Feedback(ticket, row, wins.astype(float))])
    sampler.tick(step)


def run(sampler, iterator, steps):
    out = []
    for step in steps:
        batch = next(iterator)
        out.append([(int(s), s.ticket, s.arm) for s in batch])
        learn(sampler, batch, step)
    return out


@pytest.mark.parametrize("method", NAMED)
def test_rows_come_with_their_ticket_and_arm_and_only_selected_ones(method):
    sampler, loader = make(method=method)
    where = dict(zip(arms().rows.tolist(), arms().arm.tolist(), strict=True))
    for step, batch in enumerate(run(sampler, iter(loader), range(1, 11))):
        assert len({row for row, _, _ in batch}) == BATCH
        assert all(ticket == step and where[row] == arm for row, ticket, arm in batch)


def test_the_length_is_the_full_data_set_so_that_epochs_stay_as_configured():
    sampler, loader = make()
    assert len(sampler) == LENGTH and len(loader) == LENGTH // BATCH
    iterator = iter(loader)
    assert len([next(iterator) for _ in range(3 * len(loader))]) == 36  # endless nevertheless


@pytest.mark.parametrize("method", NAMED)
@pytest.mark.parametrize("batch", [1, BATCH])
def test_a_new_loader_from_the_state_of_any_step_serves_the_same_tail(method, batch):
    sampler, loader = make(batch=batch, method=method)
    iterator, states, served = iter(loader), [], []
    for step in range(1, 21):
        served += run(sampler, iterator, [step])
        states.append(pickle.dumps(loader.state_dict()))  # as verl's torch.save
    for done in (1, 2, 7, 13, 19):
        again, other = make(batch=batch, method=method)
        other.load_state_dict(pickle.loads(states[done - 1]))
        assert run(again, iter(other), range(done + 1, 21)) == served[done:]
        assert again.state_dict() == sampler.state_dict()


def test_the_state_before_the_first_batch_restores_too():
    sampler, loader = make()
    state = loader.state_dict()
    again, other = make()
    other.load_state_dict(state)
    assert run(again, iter(other), range(1, 6)) == run(sampler, iter(loader), range(1, 6))


def test_a_new_epoch_of_the_loader_goes_on_where_the_last_stopped():
    sampler, loader = make()
    parts = run(sampler, iter(loader), [1, 2]) + run(sampler, iter(loader), [3, 4])
    again = make()
    assert parts == run(again[0], iter(again[1]), [1, 2, 3, 4])


def test_a_proposal_served_in_part_survives():
    sampler, _ = make()
    stream = iter(sampler)
    head = [next(stream) for _ in range(6)]  # one batch and a half
    state = sampler.state_dict()
    tail = [next(stream) for _ in range(5)]
    again, _ = make()
    again.load_state_dict(state)
    assert again.outstanding() == [
        (s.ticket, int(s)) for s in head
    ]  # what was not served cannot be waited for
    stream = iter(again)
    assert [(s, s.ticket, s.arm) for s in (next(stream) for _ in range(5))] == [
        (s, s.ticket, s.arm) for s in tail
    ]


def test_nothing_is_proposed_ahead_of_its_use():
    sampler, loader = make()
    iterator = iter(loader)
    assert sampler.curriculum.outstanding() == []
    next(iterator)
    assert len(sampler.outstanding()) == BATCH


def test_the_state_is_plain_text_and_bytes():
    sampler, _ = make()
    state = sampler.state_dict()
    assert {key: type(value) for key, value in state.items()} == {"json": str, "arrays": bytes}
    assert CurriculumSampler.is_state(state)
    assert not any(
        CurriculumSampler.is_state(value) for value in (None, {}, {"json": "x"}, [1], {**state, "x": 1})
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: {"samples_yielded": 3}, "no state of a CurriculumSampler"),
        (
            lambda s: {**s, "json": s["json"].replace('"sampler_schema": 1', '"sampler_schema": 8')},
            "schema 8",
        ),
        (
            lambda s: {**s, "json": s["json"].replace('"pending": []', '"pending": [[1, 2]]')},
            "damaged state of a sampler",
        ),
        (lambda s: {**s, "json": s["json"].replace('"seed": 0', '"seed": 4')}, "curriculum.seed was 4"),
        (lambda s: {**s, "arrays": s["arrays"][:-30]}, "damaged state"),
    ],
)
def test_a_foreign_or_damaged_state_is_refused_and_nothing_changes(change, message):
    sampler, loader = make()
    before = sampler.state_dict()
    run(sampler, iter(loader), [1])
    fresh, _ = make()
    with pytest.raises(ValueError, match=message):
        fresh.load_state_dict(change(sampler.state_dict()))
    assert fresh.state_dict() == before


def test_what_cannot_be_served_is_refused_at_construction():
    curriculum = build(CurriculumConfig(), arms())
    with pytest.raises(ValueError, match=r"15 different .*train_batch_size.*select\.budget"):
        CurriculumSampler(curriculum, 15, LENGTH)
    with pytest.raises(ValueError, match="serves row 42, but the data set has 42 rows"):
        CurriculumSampler(curriculum, 4, 42)


def test_a_served_row_is_an_int_that_survives_pickle():
    served = pickle.loads(pickle.dumps(Served(7, ticket=3, arm=1)))
    assert served == 7 and [10, 20][Served(1, 0, 0)] == 20
    assert (served.ticket, served.arm) == (3, 1)


def test_the_journal_tells_every_decision_and_observation(tmp_path):
    path = tmp_path / "journal.jsonl"
    sampler, loader = make(path)
    run(sampler, iter(loader), [1, 2])
    ticket, row = sampler.outstanding()[0]
    assert sampler.cancel(ticket, row, "timed out") and not sampler.cancel(ticket, row, "timed out")
    assert sampler.observe([Feedback(ticket, row, [1.0], kind="discarded")]) == 0
    assert sampler.observe([]) == 0
    journal = read(path)
    assert journal.records[0].event == "open" and journal.records[0]["method"] == "sparft"
    proposals = journal.live("propose")
    assert [p["ticket"] for p in proposals] == [0, 1] and all(
        len(p["propensity"]) == BATCH for p in proposals
    )
    table = sampler.arm_table()
    assert journal.live("tick")[-1]["arms_pulls"] == [
        arm["pulls"] + (arm["arm"] == journal.live("cancel")[0]["arm"]) for arm in table
    ]
    assert [c["new"] for c in journal.live("cancel")] == [True, False]
    last = next(journal.live("observe")[-1].groups())
    assert (last["row"], last["successes"], last["kind"], last["new"]) == (row, [1.0], "discarded", False)
    fed = [g for o in journal.live("observe") for g in o.groups() if g["new"]]
    assert sum(arm["observed"] for arm in table) == len(fed) == 7


def test_a_resumed_run_marks_what_is_undone_and_says_the_rest_again(tmp_path):
    path = tmp_path / "journal.jsonl"
    sampler, loader = make(path)
    iterator = iter(loader)
    run(sampler, iterator, [1, 2, 3])
    state = loader.state_dict()
    undone = run(sampler, iterator, [4, 5])
    again, other = make(path)
    other.load_state_dict(state)
    assert run(again, iter(other), [4, 5]) == undone
    journal = read(path)
    assert [r["step"] for r in journal.live("tick")] == [1, 2, 3, 4, 5]
    assert [r["step"] for r in journal.records if r.rolled_back and r.event == "tick"] == [4, 5]
    assert [r.event for r in journal.records].count("open") == 1
    live = journal.live("propose")
    assert [p["ticket"] for p in live] == [0, 1, 2, 3, 4]
    assert [r.seq for r in journal.records] == list(range(len(journal.records)))


def test_starting_anew_over_an_old_journal_rolls_all_of_it_back(tmp_path):
    path = tmp_path / "journal.jsonl"
    for _ in range(2):
        sampler, loader = make(path)
        run(sampler, iter(loader), [1, 2])
    journal = read(path)
    assert [r.event for r in journal.live()][:2] == ["resume", "open"]
    assert [r["step"] for r in journal.live("tick")] == [1, 2]
    assert sum(r.rolled_back for r in journal.records) == len(journal.records) // 2


def test_resuming_into_another_folder_starts_a_journal_there(tmp_path):
    sampler, loader = make(tmp_path / "one.jsonl")
    run(sampler, iter(loader), [1, 2])
    end = read(tmp_path / "one.jsonl").records[-1].seq
    again, other = make(tmp_path / "two.jsonl")
    other.load_state_dict(loader.state_dict())
    run(again, iter(other), [3])
    journal = read(tmp_path / "two.jsonl")
    assert [r.event for r in journal.live()][:3] == ["open", "resume", "propose"]
    assert journal.records[0].seq == end + 1 and not any(r.rolled_back for r in journal.records)


def test_a_run_without_a_journal_serves_the_same(tmp_path):
    runs = []
    for path in (None, tmp_path / "journal.jsonl"):
        sampler, loader = make(path)
        runs.append(run(sampler, iter(loader), range(1, 6)))
    assert runs[0] == runs[1]
