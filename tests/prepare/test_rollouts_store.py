"""Answers are found again prompt by prompt, or only as whole jobs where the engine's batches matter."""

from pathlib import Path

import pytest

from sparft_verl.prepare.cache import Cache, Entry
from sparft_verl.prepare.rollouts_config import Answers
from sparft_verl.prepare.rollouts_store import Store, part_name


def answers(*texts: str) -> Answers:
    return Answers(list(texts), [False] * len(texts), 7 * len(texts), 30)


@pytest.fixture
def entry(tmp_path: Path) -> Entry:
    return Cache(tmp_path).entry("rollouts", {"model": "m"})


@pytest.mark.parametrize("kept", [True, False])
def test_what_was_put_is_got(entry: Entry, kept: bool) -> None:
    store = Store(entry if kept else Entry(None))
    store.put(["a", "b"], [answers("1", "ü\ud800"), Answers([], [], 0, 900)])
    assert "a" in store and "b" in store and "c" not in store
    assert store.get("a") == answers("1", "ü\ud800") and store.get("b").texts == []
    assert ("b" in Store(entry)) == kept


def test_a_later_run_finds_every_prompt_of_every_job(entry: Entry) -> None:
    first = Store(entry)
    first.put(["a", "b"], [answers("1"), answers("2")])
    first.put(["c"], [answers("3")])
    later = Store(entry)
    assert [later.get(name).texts for name in "cab"] == [["3"], ["1"], ["2"]]


def test_only_the_named_jobs_count_where_batches_matter(entry: Entry) -> None:
    first = Store(entry)
    first.put(["a", "b"], [answers("1"), answers("2")])
    first.put(["b", "c"], [answers("of another batch"), answers("3")])
    later = Store(entry, {part_name(["b", "c"]), part_name(["a"])})
    assert "a" not in later and later.get("b").texts == ["of another batch"]
    assert part_name(["a", "b"]) != part_name(["b", "a"])


def test_a_part_that_cannot_be_read_is_as_if_it_were_not_there(entry: Entry) -> None:
    Store(entry).put(["a"], [answers("1")])
    assert entry.folder is not None
    part = next(entry.folder.glob("part-*.json"))
    part.write_bytes(part.read_bytes()[:-3])
    assert "a" not in Store(entry)
