"""What a checkpoint's own step is completed with, from the journal."""

import json
from pathlib import Path

import numpy as np
import pytest

from sparft_verl.curricula import Arms, Curriculum, CurriculumConfig, Feedback, build
from sparft_verl.curricula.packing import unpack
from sparft_verl.journal import SCHEMA, JournalWriter
from sparft_verl.sampler import CurriculumSampler
from sparft_verl.verl_plugin.older.replay import advance

N = 4


def curriculum(method: str = "sparft") -> Curriculum:
    rows = np.arange(24)
    arms = Arms(
        rows=rows,
        arm=(rows % 3).astype(np.int32),
        names=("a", "b", "c"),
        difficulty=np.full(24, np.nan),
        source=("toy",) * 24,
        fingerprint="f",
    )
    return build(CurriculumConfig.of({"method": method}), arms)


class Run:
    """A trainer that saves before it hands out feedback."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.sampler = CurriculumSampler(curriculum(), N, 24, JournalWriter(path))
        self.rows = iter(self.sampler)

    def serve(self) -> list:
        return [next(self.rows) for _ in range(N)]

    def feedback(self, batch: list) -> list[Feedback]:
        step = self.sampler.curriculum.step
        return [Feedback(s.ticket, int(s), np.array([0.0, float((s + step) % 2)])) for s in batch]

    def step(self) -> None:
        self.sampler.observe(self.feedback(self.serve()))
        self.tick()

    def tick(self) -> None:
        self.sampler.tick(self.sampler.curriculum.step + 1)

    def saved_in_step_two(self) -> dict:
        """Finish step 1, serve step 2, and return the state that goes into the checkpoint of step 2."""
        self.step()
        self.batch = self.serve()
        return self.sampler.state_dict()

    def resumed(self, state: dict) -> "Run":
        """Return another process that resumes from `state`, as far as the journal goes."""
        other = Run(self.path)
        other.sampler.load_state_dict(advance(other.sampler.curriculum, state, self.path))
        return other


def test_the_saved_step_is_finished_as_it_was_and_nothing_later_is_replayed(tmp_path) -> None:
    first, whole = Run(tmp_path / "a.jsonl"), Run(tmp_path / "b.jsonl")
    state = first.saved_in_step_two()
    first.sampler.observe(first.feedback(first.batch))
    first.tick()
    first.step()
    again = first.resumed(state)
    whole.step(), whole.step()
    assert again.sampler.curriculum.step == 2
    assert again.sampler.arm_table() == whole.sampler.arm_table()
    assert again.serve() == whole.serve()


def test_a_run_that_ended_before_its_feedback_leaves_the_step_open(tmp_path) -> None:
    first = Run(tmp_path / "a.jsonl")
    state = first.saved_in_step_two()
    again = first.resumed(state)
    assert again.sampler.curriculum.step == 1 and len(again.sampler.outstanding()) == N


def test_feedback_without_its_tick_is_taken_and_the_step_stays_open(tmp_path) -> None:
    first = Run(tmp_path / "a.jsonl")
    state = first.saved_in_step_two()
    first.sampler.observe(first.feedback(first.batch))
    again = first.resumed(state)
    assert again.sampler.curriculum.step == 1 and again.sampler.outstanding() == []
    assert again.sampler.arm_table() == first.sampler.arm_table()


def test_what_a_first_resume_gave_up_is_given_up_by_the_second(tmp_path) -> None:
    first = Run(tmp_path / "a.jsonl")
    state = first.saved_in_step_two()
    second = first.resumed(state)
    for ticket, row in second.sampler.outstanding():
        second.sampler.cancel(ticket, row, "lost")
    second.tick()
    second.step()
    third = first.resumed(state)
    assert third.sampler.curriculum.step == 2 and third.sampler.outstanding() == []


def test_another_history_that_follows_in_the_file_is_not_taken(tmp_path) -> None:
    first = Run(tmp_path / "a.jsonl")
    early = first.sampler.state_dict()
    state = first.saved_in_step_two()
    other = Run(tmp_path / "a.jsonl")
    other.sampler.load_state_dict(early)  # goes on from the very start, with records of its own
    other.step(), other.step()
    again = first.resumed(state)
    assert again.sampler.curriculum.step == 1 and len(again.sampler.outstanding()) == N


def test_the_journals_end_moves_along_so_that_what_was_replayed_still_counts(tmp_path) -> None:
    first = Run(tmp_path / "a.jsonl")
    state = first.saved_in_step_two()
    first.sampler.observe(first.feedback(first.batch))
    first.tick()
    moved = advance(curriculum(), state, first.path)
    assert unpack(moved)["journal_seq"] == unpack(state)["journal_seq"] + 2


@pytest.mark.parametrize("journal", ["missing.jsonl", "a.jsonl"])
def test_without_a_journal_that_knows_the_step_the_state_is_what_was_saved(tmp_path, journal) -> None:
    first = Run(tmp_path / "first.jsonl")
    state = first.saved_in_step_two()
    JournalWriter(tmp_path / "a.jsonl").write("open", schema=SCHEMA)
    assert (
        unpack(advance(curriculum(), state, tmp_path / journal))["journal_seq"]
        == unpack(state)["journal_seq"]
    )


def test_advantages_are_replayed_where_the_journal_has_them(tmp_path) -> None:
    def feedback(batch: list) -> list[Feedback]:
        return [Feedback(s.ticket, int(s), np.array([0.0, 1.0]), np.array([-3.0, 4.5])) for s in batch]

    first = CurriculumSampler(curriculum("sec"), N, 24, JournalWriter(tmp_path / "a.jsonl"))
    batch = [served for served, _ in zip(first, range(N), strict=False)]
    state = first.state_dict()
    first.observe(feedback(batch))
    first.tick(1)
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").open()]
    for record in lines:
        if record["event"] == "observe":
            record["advantages"] = [[-3.0, 4.5]] * N
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    again = curriculum("sec")
    advance(again, state, tmp_path / "a.jsonl")
    assert again.arm_table() == first.arm_table()
    assert max(arm["mean"] for arm in again.arm_table()) > 1.0, "successes alone could not give that"
