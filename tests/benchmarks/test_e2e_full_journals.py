"""Proofs from a journal: a true history passes, and one that was tampered with does not. No verl, no Ray."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("verl", reason="joins an artefact as the plug-in does")
pytest.importorskip("reasoning_gym", reason="makes the small task")

import torch

from benchmarks.e2e_full import checks, journals, rewards
from benchmarks.e2e_full.runs import PROMPTS, ROLLOUTS, make_task
from sparft_verl.curricula import CurriculumConfig, Feedback, build
from sparft_verl.journal import JournalWriter
from sparft_verl.sampler import CurriculumSampler


@pytest.fixture(scope="module")
def task(tmp_path_factory) -> Path:
    return make_task(tmp_path_factory.mktemp("task"))


def train(run: Path, task: Path, steps: int, *, seed: int = 1) -> Path:
    """A run without verl: serve, observe what the prompt is worth, tick, and save every second step as verl does."""
    journals.journal(run).parent.mkdir(parents=True, exist_ok=True)
    config = CurriculumConfig.of(method="sparft", seed=seed)
    rows = journals.frame_of(task)
    with JournalWriter(journals.journal(run)) as journal:
        sampler = CurriculumSampler(build(config, journals.arms_of(task)), PROMPTS, len(rows), journal)
        served = iter(sampler)
        for step in range(1, steps + 1):
            batch = [next(served) for _ in range(PROMPTS)]
            sampler.observe(
                Feedback(item.ticket, int(item), [worth(rows[int(item)])] * ROLLOUTS, policy_step=step - 1)
                for item in batch
            )
            sampler.tick(step)
            if step % 2 == 0:
                save(run, step, sampler)
    return run


def worth(row: dict) -> float:
    return rewards.graded_by_prompt(row["data_source"], "", row["reward_model"]["ground_truth"])


def save(run: Path, step: int, sampler: CurriculumSampler) -> None:
    folder = run / f"global_step_{step}"
    folder.mkdir()
    torch.save({"_sampler_iter_state": {"sampler_state": sampler.state_dict()}}, folder / "data.pt")
    (run / "latest_checkpointed_iteration.txt").write_text(str(step))


def rewrite(run: Path, change) -> None:
    """Apply `change` to every record of the journal."""
    path = journals.journal(run)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(change(line)) + "\n" for line in lines))


def test_every_checkpoint_up_to_the_last_complete_one_is_the_journal_replayed(task, tmp_path) -> None:
    run = train(tmp_path / "run", task, 6)
    assert checks.checkpoints(run, task) == [2, 4, 6]
    (run / "latest_checkpointed_iteration.txt").write_text("4")
    assert checks.checkpoints(run, task) == [2, 4]


def test_a_success_that_is_not_the_one_observed_is_found(task, tmp_path) -> None:
    run = train(tmp_path / "run", task, 4)

    def flip(line: dict) -> dict:
        if line["event"] == "observe" and line["step"] == 2:
            line["successes"][0] = [1 - line["successes"][0][0]] * ROLLOUTS
        return line

    rewrite(run, flip)
    with pytest.raises(AssertionError):
        checks.checkpoints(run, task)


def test_an_observation_that_the_journal_lacks_is_found(task, tmp_path) -> None:
    run = train(tmp_path / "run", task, 4)

    def drop(line: dict) -> dict:
        if line["event"] == "observe" and line["step"] == 3:
            for name in ("row", "arm", "successes"):
                line[name] = line[name][1:]
        return line

    rewrite(run, drop)
    with pytest.raises(checks.CheckFailed, match="global_step_4"):
        checks.checkpoints(run, task)


def test_the_reward_that_the_curriculum_saw_must_be_what_the_prompt_is_worth(task, tmp_path) -> None:
    run = train(tmp_path / "run", task, 2)
    apart = [{"critic/score/mean": 0.5, "critic/rewards/mean": 0.4}]
    assert checks.known_reward(journals.events(run), task, apart).startswith("16 groups")
    with pytest.raises(checks.CheckFailed, match="never differed"):
        checks.known_reward(journals.events(run), task, [{name: 0.5 for name in apart[0]}])

    def less(line: dict) -> dict:
        if line["event"] == "observe":
            line["successes"] = [[value - 0.01 for value in group] for group in line["successes"]]
        return line

    rewrite(run, less)
    with pytest.raises(checks.CheckFailed, match="is worth"):
        checks.known_reward(journals.events(run), task, apart)


def test_two_runs_of_one_seed_serve_the_same_and_of_another_do_not(task, tmp_path) -> None:
    one, same, other = (train(tmp_path / f"run{i}", task, 4, seed=seed) for i, seed in enumerate((1, 1, 2)))
    assert checks.same_as_uninterrupted(one, same, 4).startswith("4 batches for 4 steps")
    with pytest.raises(checks.CheckFailed, match="served"):
        checks.same_as_uninterrupted(other, one, 4)
