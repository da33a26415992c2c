"""Finished groups through a journal: the same bits come back, in a readable shape and a known size."""

import json

import numpy as np
import pytest

from sparft_verl.curricula import Arms, CurriculumConfig, Groups, build
from sparft_verl.journal import JournalWriter, read
from sparft_verl.sampler import CurriculumSampler
from sparft_verl.telling import columns, groups_of, new_of, tell

FIELDS = ("ticket", "row", "successes", "start", "advantages", "trained", "policy_step")


def groups(sizes, chance, **changes):
    n, total = len(sizes), sum(sizes)
    fields = {
        "ticket": chance.integers(0, 9, n),
        "row": chance.permutation(1000)[:n],
        "successes": chance.random(total),
        "start": np.concatenate([[0], np.cumsum(sizes)]),
        "advantages": chance.normal(size=total),
        "trained": chance.random(n) < 0.5,
        "policy_step": chance.integers(-1, 5, n),
    }
    return Groups(**{**fields, **changes})


def written(path, some, new=None, advantages=True):
    told = columns(
        some, np.zeros(len(some), np.int32), [True] * len(some) if new is None else new, advantages=advantages
    )
    with JournalWriter(path) as writer:
        writer.write("observe", step=1, **told)
    return read(path).records[-1]


@pytest.mark.parametrize("sizes", [(8,) * 16, (1,), (3, 1, 8, 8)])
def test_every_bit_of_a_group_comes_back_from_the_journal(tmp_path, sizes):
    some = groups(sizes, np.random.default_rng(len(sizes)))
    some.advantages.flags.writeable = True
    some.advantages[: sizes[0]] = np.nan  # a group without
    new = np.arange(len(sizes)) % 3 > 0
    record = written(tmp_path / "j", some, new.tolist())
    again = groups_of(record)
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(again, name), getattr(some, name), err_msg=name)
    assert new_of(record).tolist() == new.tolist()
    each = list(record.groups())
    assert [group["row"] for group in each] == some.row.tolist()
    assert [len(group["successes"]) for group in each] == list(sizes)
    assert {group["kind"] for group in each} <= {"trained", "discarded"}


def test_what_is_the_same_for_all_is_written_once_and_zeros_and_ones_are_integers(tmp_path):
    some = groups(
        (2, 2),
        np.random.default_rng(0),
        ticket=[7, 7],
        successes=[1, 0, 1, 1],
        trained=None,
        policy_step=[-1, -1],
    )
    record = written(tmp_path / "j", some, advantages=False)
    assert record.data == {
        "event": "observe", "seq": 0, "step": 1, "ticket": 7, "row": some.row.tolist(), "arm": [0, 0],
        "successes": [[1, 0], [1, 1]], "kind": "trained", "new": True,
    }  # fmt: skip
    assert record.column("kind") == ["trained", "trained"] and record.column("row") == some.row.tolist()
    again = groups_of(record)
    assert again.trained.all() and again.policy_step is None and again.advantages is None


def test_only_what_was_told_is_told_again(tmp_path):
    with JournalWriter(tmp_path / "j") as writer:
        writer.write("resume", step=1, rolled_back_after=0)
    with pytest.raises(ValueError, match="told of observe, cancel and tick, got 'resume'"):
        tell(build(CurriculumConfig(), arms(4)), read(tmp_path / "j").records[0])


def arms(size):
    return Arms(
        rows=10**6 + np.arange(size),
        arm=(np.arange(size) % 20).astype(np.int32) if size >= 20 else np.zeros(size, np.int32),
        names=tuple(f"arm{k}" for k in range(20 if size >= 20 else 1)),
        difficulty=np.full(size, 0.5),
        source=("s",) * size,
        fingerprint="f",
    )


@pytest.mark.parametrize(("method", "stated"), [("sparft", 80), ("sec", 230)])
def test_a_prompt_takes_as_many_bytes_as_the_journal_says(tmp_path, method, stated):
    """8 rollouts, advantages with all their digits; what its arms of two digits lack of seven is added."""
    path = tmp_path / "journal.jsonl"
    curriculum = build(CurriculumConfig.of(method=method), arms(2000))
    sampler = CurriculumSampler(curriculum, 256, 2 * 10**6, JournalWriter(path))
    stream, chance = iter(sampler), np.random.default_rng(0)
    for step in range(1, 5):
        rows = [next(stream) for _ in range(256)]
        wins = (chance.random((256, 8)) < 0.4).astype(float)
        signal = ((wins - wins.mean(1, keepdims=True)) / (wins.std(1, keepdims=True) + 1e-6)).reshape(-1)
        ticket, row = [served.ticket for served in rows], [int(served) for served in rows]
        sampler.observe(Groups(ticket, row, wins.reshape(-1), 8 * np.arange(257), signal))
        sampler.tick(step)
    lines = path.read_bytes().splitlines(keepends=True)
    size = sum(len(line) for line in lines if json.loads(line)["event"] in ("propose", "observe")) / (4 * 256)
    assert 0.85 * stated <= size + 2 * 5 <= stated
