"""Real verl on this CPU, in its default mode: order, resume after kill -9, and what verl throws away."""

import json

import numpy as np
import pytest

from benchmarks.e2e_full.journals import events, replay, saved_curriculum, served

pytestmark = pytest.mark.e2e


def test_a_killed_run_resumes_with_the_exact_state_and_serves_the_exact_rows(start, task, tmp_path) -> None:
    run = tmp_path / "run"
    first = start("trainer.save_freq=2", steps=8, reward="by_prompt")
    first.wait_for(lambda: len(served(events(run), step=5)) == 1)
    killed = first.kill()
    assert killed > 5
    before = events(run)
    tracker = run / "latest_checkpointed_iteration.txt"
    saved = int(tracker.read_text())
    assert saved == 4

    second = start("trainer.save_freq=2", steps=8, reward="by_prompt")
    second.finish()
    after = events(run)

    # the records of the first run are all still there, the ones past the checkpoint marked
    assert [r.seq for r in after[: len(before)]] == [r.seq for r in before]
    resume = next(record for record in after if record.event == "resume")
    assert resume["step"] == saved
    for record in after[: len(before)]:
        assert record.rolled_back == (record.seq > resume["rolled_back_after"])
    # what the uninterrupted run served from the checkpoint on, and what the resumed run served there
    for step in (4, 5):
        tries = served(after, step=step)
        assert len(tries) == 2 and tries[0] == tries[1], step

    # no observation lost, none counted twice: what verl saved last is the journal's live records, replayed once
    counted = [record for record in after if not record.rolled_back]
    assert [record["step"] for record in counted if record.event == "tick"] == list(range(1, 9))
    np.testing.assert_equal(saved_curriculum(run, 8), replay(counted, task).state_dict())


def test_metrics_of_the_curriculum_reach_verls_own_logger_and_discarded_groups_are_observed(
    start, tmp_path
) -> None:
    start(
        "algorithm.filter_groups.enable=True", "algorithm.filter_groups.metric=reward",
        "trainer.save_freq=-1", curriculum="uniform", steps=2, reward="by_answer",
    ).finish()  # fmt: skip
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    logged = [line["data"] for line in lines if any(key.startswith("sparft/") for key in line["data"])]
    assert len(logged) == 2
    groups = [g for r in events(tmp_path / "run") if r.event == "observe" for g in r.groups()]
    kinds = {group["kind"] for group in groups}
    assert kinds == {"trained", "discarded"}
    for group in groups:
        degenerate = len(set(group["successes"])) == 1
        assert group["kind"] == "discarded" or not degenerate
