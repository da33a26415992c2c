"""Real verl on this CPU in its asynchronous mode: late groups, the DAPO filter, prompts in flight at a checkpoint."""

import json

import numpy as np
import pytest

from benchmarks.e2e_full.journals import events, replay, saved_curriculum, up_to_tick

pytestmark = pytest.mark.e2e
MODE = ("trainer.v1.trainer_mode=colocate_async", "trainer.save_freq=3")
# The filter replaces without end: the arm that is never solved, which the published rule seeks, must be held back,
# and the policy must not learn to give one answer to everything.
FILTER = (
    "algorithm.filter_groups.enable=True", "algorithm.filter_groups.metric=reward",
    "curriculum.guard_rollouts=16", "actor_rollout_ref.actor.optim.lr=1e-6",
)  # fmt: skip


def test_late_and_filtered_groups_are_counted_once_across_a_kill_and_a_resume(start, task, tmp_path) -> None:
    run = tmp_path / "run"
    first = start(*MODE, *FILTER, curriculum="sparft_target", steps=6, reward="by_answer")
    first.wait_for(lambda: any(r.event == "tick" and r["step"] == 4 for r in events(run)))
    first.kill()
    assert int((run / "latest_checkpointed_iteration.txt").read_text()) == 3
    in_flight = {(ticket, row) for ticket, row, _ in outstanding(run, task, step=3)}
    assert len(in_flight) >= 8, "a batch is always under way in this mode"

    start(*MODE, *FILTER, curriculum="sparft_target", steps=6, reward="by_answer").finish()
    records = events(run)
    live = [record for record in records if not record.rolled_back]
    assert [record["step"] for record in live if record.event == "tick"] == [1, 2, 3, 4, 5, 6]

    # every group once, and what was in flight at the checkpoint came back after it, or was cancelled by name
    closed = [(g["ticket"], g["row"]) for r in live if r.event == "observe" for g in r.groups()]
    cancelled = [(r["ticket"], r["row"]) for r in live if r.event == "cancel"]
    assert len(set(closed)) == len(closed) and not set(closed) & set(cancelled)
    assert in_flight <= set(closed) | set(cancelled)
    for step in (3, 6):
        told = replay(up_to_tick(records, step), task).state_dict()
        np.testing.assert_equal(saved_curriculum(run, step), told)

    groups = [group for r in live if r.event == "observe" for group in r.groups()]
    assert {group["kind"] for group in groups} == {"trained", "discarded"}
    assert {r.data["reason"] for r in live if r.event == "observe" and "reason" in r.data} == {"filter"}
    assert all(group["policy_step"] >= 0 for group in groups)
    logged = [json.loads(line)["data"] for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert {"sparft/overhead_ms", "sparft/overhead_percent", "sparft/lag"} <= logged[-1].keys()
    assert sum(data.get("sparft/discarded/filter", 0) for data in logged) > 0


def outstanding(run, task, *, step: int) -> list[tuple[int, int, int]]:
    return replay(up_to_tick(events(run), step), task).outstanding()
