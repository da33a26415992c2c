"""A journal told to a new curriculum of the same method."""

import json
import shutil

import numpy as np
import pytest

from sparft_verl.arms_file import NAME, read_arms, write_arms
from sparft_verl.cli import main as sparft
from sparft_verl.curricula import METHODS
from sparft_verl.curricula.packing import pack
from sparft_verl.replay import ReplayError, load, main, retell

METHODS_READY = sorted(set(METHODS) - {"custom"})


@pytest.mark.parametrize("method", METHODS_READY)
def test_every_method_chooses_the_same_again_and_ends_in_the_saved_state(
    tmp_path, run_bandit, bandit_arms, method
):
    """With real advantages, lost groups and duplicates; states are compared to the last bit."""
    path = tmp_path / "journal.jsonl"
    sampler = run_bandit(path, arms=bandit_arms(), steps=8, lose=True, method=method)
    retold = retell(load(path))
    assert (retold.difference, retold.proposals) == (None, 8)
    assert pack(retold.curriculum.state_dict()) == pack(sampler.curriculum.state_dict())
    assert load(path).advantages == (method in ("sec", "dump", "space"))


def test_a_statistic_that_needs_no_advantages_keeps_them_out_of_the_journal(
    tmp_path, run_bandit, bandit_arms
):
    for signal, kept in (("abs_advantage", True), ("variance", False)):
        path = tmp_path / signal / "journal.jsonl"
        sampler = run_bandit(path, arms=bandit_arms(), steps=2, method="sec", signal=signal)
        assert sampler.curriculum.uses_advantages == kept == load(path).advantages


def test_a_changed_journal_is_found_out_at_its_first_difference(tmp_path, run_bandit, bandit_arms, capsys):
    path = tmp_path / "journal.jsonl"
    run_bandit(path, arms=bandit_arms(), steps=4, method="sparft")
    assert main([str(path)]) == 0 and "all 4 proposals reproduced" in capsys.readouterr().out
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for change, message in (
        (lambda r: r["event"] == "propose" and r["ticket"] == 2 and r["arms"].reverse(), "ticket 2, slot"),
        (
            lambda r: (
                r["event"] == "observe" and r["step"] == 1 and r["successes"].__setitem__(0, [1, 1, 1, 1])
            ),
            "tick|step 2",
        ),
        (
            lambda r: r["event"] == "tick" and r["step"] == 3 and r["arms_pulls"].reverse(),
            "arm arm0 has pulls",
        ),
    ):
        changed = [json.loads(json.dumps(line)) for line in lines]
        for record in changed:
            change(record)
        path.write_text("".join(json.dumps(record) + "\n" for record in changed))
        difference = retell(load(path)).difference
        assert difference is not None
        assert any(part in difference for part in message.split("|")), difference
        assert main([str(path)]) == 1
        capsys.readouterr()


def test_a_run_directory_is_found_and_what_is_missing_is_named(tmp_path, run_bandit, bandit_arms, capsys):
    path = tmp_path / "run" / "sparft" / "journal.jsonl"
    run_bandit(path, arms=bandit_arms(), steps=2, method="uniform")
    assert sparft(["replay", str(tmp_path / "run"), "--json", str(tmp_path / "out.json")]) == 0
    assert json.loads((tmp_path / "out.json").read_text())["reproduced"] is True
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(path, other)
    with pytest.raises(ReplayError, match=r"there is no .*arms\.npz"):
        load(other / "journal.jsonl")
    write_arms(other / NAME, bandit_arms((40, 30)))
    with pytest.raises(ReplayError, match=r"belongs to another run than journal\.jsonl \(layout"):
        load(other / "journal.jsonl")
    assert main([str(tmp_path / "nowhere")]) == 2
    assert main([str(path), "--set", "tau=1"]) == 2
    assert main([str(path), "--curriculum", "sec", "--set", "tau"]) == 2
    assert main([str(path), "--curriculum", "sec", "--set", "mass=1"]) == 2
    assert "mass is not a setting of method 'sec'" in capsys.readouterr().err


def test_a_journal_that_begins_in_the_middle_of_a_run_is_refused(tmp_path, run_bandit, bandit_arms):
    from sparft_verl.curricula import CurriculumConfig, build
    from sparft_verl.journal import JournalWriter
    from sparft_verl.sampler import CurriculumSampler

    arms = bandit_arms()
    first = run_bandit(tmp_path / "one" / "journal.jsonl", arms=arms, steps=2, method="uniform")
    path = tmp_path / "two" / "journal.jsonl"
    again = CurriculumSampler(
        build(CurriculumConfig.of(method="uniform"), arms), 16, 3000, JournalWriter(path)
    )
    again.load_state_dict(first.state_dict())
    assert read_arms(path.with_name(NAME)).layout == arms.layout
    next(iter(again))
    with pytest.raises(ReplayError, match="begins with ticket 2"):
        load(path)


def test_the_arms_file_holds_all_that_a_curriculum_needs(tmp_path, bandit_arms):
    import dataclasses

    arms = bandit_arms((30, 0, 20))
    odd = dataclasses.replace(
        arms,
        names=("a/ü", "b\n", "c\0"),
        difficulty=np.where(np.arange(50) % 3 == 0, np.nan, arms.difficulty),
        references=np.tile([0.25, 0.5], (50, 1)),
    )
    for some in (arms, odd):
        write_arms(tmp_path / "x" / NAME, some)
        again = read_arms(tmp_path / "x" / NAME)
        assert (again.names, again.source, again.fingerprint) == (some.names, some.source, some.fingerprint)
        assert again.layout == some.layout
        np.testing.assert_array_equal(again.difficulty, some.difficulty)
    assert [file.name for file in (tmp_path / "x").iterdir()] == [NAME]
    whole = (tmp_path / "x" / NAME).read_bytes()
    for damaged in (whole[:-40], b"hello", b""):
        (tmp_path / "x" / NAME).write_bytes(damaged)
        with pytest.raises(ValueError, match=r"is no arms\.npz of a curriculum, or damaged"):
            read_arms(tmp_path / "x" / NAME)
