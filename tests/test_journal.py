"""The journal: nothing written is lost, what was rolled back stays and says so."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from sparft_verl.journal import JournalWriter, opening, read


def start(path):
    writer = JournalWriter(path)
    writer.write("open", **opening("sparft", {"seed": 0}, ("a", "b"), np.array([2, 3]), "f"))
    return writer


def ticks(writer, *steps):
    for step in steps:
        writer.write("tick", step=step, arms_pulls=np.array([step, 0]), arms_mean=[np.float64(0.5), 0.0])


def seen(path):
    """(event or step, rolled back) of each record."""
    return [(r.data.get("step", r.event), r.rolled_back) for r in read(path).records]


def test_records_come_back_as_they_were_written(tmp_path):
    path = tmp_path / "run" / "sparft" / "journal.jsonl"
    with start(path) as writer:
        ticks(writer, 1, 2)
        assert read(path).records[-1].data["arms_pulls"] == [2, 0]  # flushed per record
    journal = read(path)
    assert [r.seq for r in journal.records] == [0, 1, 2] and journal.torn == 0
    assert journal.records[0]["arms"] == ["a", "b"] and journal.records[0]["arm_sizes"] == [2, 3]
    assert [r["step"] for r in journal.live("tick")] == [1, 2]


def test_nothing_is_made_on_disk_before_the_first_record(tmp_path):
    with JournalWriter(tmp_path / "sparft" / "journal.jsonl") as writer:
        writer.sync()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("cut", [1, 5, 30])
def test_a_torn_last_line_is_counted_and_the_writer_goes_on_on_a_fresh_one(tmp_path, cut):
    path = tmp_path / "journal.jsonl"
    with start(path) as writer:
        ticks(writer, 1, 2)
    text = path.read_bytes()
    path.write_bytes(text[: -cut - 1])
    assert len(read(path).records) == 2 and read(path).torn == 1
    with JournalWriter(path) as writer:
        assert writer.continues and writer.next_seq == 2
        ticks(writer, 7)
    journal = read(path)
    assert [r.data.get("step") for r in journal.records] == [None, 1, 7] and journal.torn == 1


def test_a_last_line_that_lacks_only_its_newline_is_whole(tmp_path):
    path = tmp_path / "journal.jsonl"
    start(path).close()
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    with JournalWriter(path) as writer:
        ticks(writer, 1)
    assert len(read(path).records) == 2 and read(path).torn == 0


def test_a_resume_rolls_back_what_came_after_its_checkpoint(tmp_path):
    path = tmp_path / "journal.jsonl"
    with start(path) as writer:
        ticks(writer, 1, 2, 3)  # seq 1, 2, 3; the checkpoint was taken after seq 2
    with JournalWriter(path) as writer:
        writer.write("resume", step=2, rolled_back_after=2)
        ticks(writer, 3, 4)
    assert seen(path) == [
        ("open", False),
        (1, False),
        (2, False),
        (3, True),
        (2, False),
        (3, False),
        (4, False),
    ]


def test_an_earlier_checkpoint_rolls_back_an_earlier_resume_too(tmp_path):
    path = tmp_path / "journal.jsonl"
    with start(path) as writer:
        ticks(writer, 1, 2, 3)
        writer.write("resume", step=2, rolled_back_after=2)  # seq 4
        ticks(writer, 3)
        writer.write("resume", step=1, rolled_back_after=1)  # seq 6
        ticks(writer, 2)
    assert [rolled for _, rolled in seen(path)] == [False, False, True, True, True, True, False, False]


def test_going_back_to_a_history_once_left_makes_it_count_again(tmp_path):
    """Checkpoints at 1 and 3; the run resumes at 1, then the user prefers the one at 3 after all."""
    path = tmp_path / "journal.jsonl"
    with start(path) as writer:
        ticks(writer, 1, 2, 3)
        writer.write("resume", step=1, rolled_back_after=1)  # seq 4
        ticks(writer, 20)
        writer.write("resume", step=3, rolled_back_after=3)  # seq 6
        ticks(writer, 4)
    live = [step for step, rolled in seen(path) if not rolled]
    assert live == ["open", 1, 2, 3, 3, 4]


def test_damage_in_the_middle_costs_its_line_only(tmp_path):
    path = tmp_path / "journal.jsonl"
    with start(path) as writer:
        ticks(writer, 1, 2)
    lines = path.read_bytes().split(b"\n")
    lines[1] = b'{"event": "unknown", "seq": 1}\n\xff\xfe\n[1, 2]\n"x"'
    path.write_bytes(b"\n".join(lines))
    journal = read(path)
    assert journal.torn == 4 and [r.data.get("step", "open") for r in journal.records] == ["open", 2]


def test_a_file_that_is_no_journal_is_refused(tmp_path):
    path = tmp_path / "journal.jsonl"
    path.write_text("hello\n")
    with pytest.raises(ValueError, match=r"holds no record .*1 unreadable"):
        read(path)
    path.write_text(json.dumps({"event": "open", "seq": 0, "schema": 9}) + "\n")
    with pytest.raises(ValueError, match="has schema 9"):
        read(path)
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "missing")


def test_a_journal_of_another_schema_is_neither_read_nor_continued(tmp_path):
    path = tmp_path / "journal.jsonl"
    path.write_text(json.dumps({"event": "open", "seq": 0, "schema": 1}) + "\n")
    for use in (read, JournalWriter):
        with pytest.raises(
            ValueError, match=r"journal\.jsonl has schema 1; .* reads and writes schema 2\. Use"
        ):
            use(path)


def test_what_json_cannot_say_is_refused_by_name_and_leaves_no_trace(tmp_path):
    path = tmp_path / "journal.jsonl"
    with start(path) as writer:
        for value, error, message in (
            (float("nan"), ValueError, "got step = nan"),
            (np.float32("inf"), ValueError, "got step = inf"),
            ([1, (2.0, np.array([1.0, -np.inf]))], ValueError, "got step = -inf"),
            ({"tau": [np.nan]}, ValueError, "got tau = nan"),
            (object(), TypeError, "a journal holds JSON values"),
        ):
            with pytest.raises(error, match=message):
                writer.write("tick", step=value)
        with pytest.raises(ValueError, match="got propensity = inf"):
            writer.write("propose", propensity=np.array([np.nan, np.inf]))
        with pytest.raises(ValueError, match="event must be one of"):
            writer.write("guess")
        ticks(writer, 1)
    assert [r.seq for r in read(path).records] == [0, 1]


def test_numbers_come_back_to_the_last_bit_and_an_unknown_probability_is_null(tmp_path):
    path = tmp_path / "journal.jsonl"
    values = np.concatenate(
        [np.random.default_rng(0).normal(size=1000), [5e-324, 1e308, 0.1, -0.0, 1e-5, 1e22]]
    )
    with start(path) as writer:
        writer.write("propose", rows=np.arange(20, dtype=np.int64)[::3], propensity=np.array([0.5, np.nan]))
        writer.write(
            "tick", step=np.int64(3), arms_mean=values, arms_pulls=[np.int32(2), np.float64(0.1), True]
        )
    proposed, tick = read(path).records[1:]
    assert proposed["rows"] == [0, 3, 6, 9, 12, 15, 18] and proposed["propensity"] == [0.5, None]
    assert np.array(tick["arms_mean"]).tobytes() == values.tobytes()
    assert tick["step"] == 3 and tick["arms_pulls"] == [2, 0.1, True]


def test_a_checkpoint_that_knows_more_records_than_the_file_keeps_numbers_rising(tmp_path):
    with JournalWriter(tmp_path / "journal.jsonl") as writer:
        writer.skip_to(40)
        assert writer.write("tick", step=1) == 40
        writer.skip_to(10)
        assert writer.write("tick", step=2) == 41


def test_a_writer_killed_in_mid_run_leaves_every_finished_record(tmp_path):
    path = tmp_path / "journal.jsonl"
    program = (
        "import sys\nfrom sparft_verl.journal import JournalWriter\nwriter = JournalWriter(sys.argv[1])\n"
        "for step in range(10**9):\n    print(writer.write('tick', step=step, rows=list(range(200))), flush=True)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    for _ in range(50):
        child.stdout.readline()
    os.kill(child.pid, signal.SIGKILL)
    told = [int(line) for line in child.stdout.read().split("\n")[:-1]]
    child.wait()
    records = read(path).records
    assert [r.seq for r in records] == list(range(len(records)))
    assert len(records) >= 50 + len(told) and read(path).torn <= 1
