"""verl's own older trainer loop under a curriculum, with its GPU workers replaced: order, kill, resume, metrics."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sparft_verl.curricula.packing import unpack
from sparft_verl.journal import JOURNAL, Journal, read

EPOCH, BATCH, STEPS, SAVES = 10, 4, 20, 5
CACHE: dict[
    str, Any
] = {}  # importing verl costs ten seconds: all runs are made once, by whichever test is first


@pytest.fixture
def ran(tmp_path: Path, overrides: list[str], run_loop) -> Path:
    if not CACHE:
        short = [*overrides, "trainer.total_training_steps=8"]
        plan = [
            {"folder": "whole", "overrides": overrides},
            {"folder": "killed", "overrides": overrides, "kill": {"at": "generate", "step": 7}},
            {"folder": "killed", "overrides": overrides, "kill": {"at": "generate", "step": 13}},
            {"folder": "killed", "overrides": overrides},
            {"folder": "window", "overrides": overrides, "kill": {"at": "sync", "step": 5}},
            {"folder": "window", "overrides": overrides, "kill": {"at": "generate", "step": 7}},
            {"folder": "window", "overrides": short},
            {"folder": "plain", "overrides": short, "plain_scores": True},
            {
                "folder": "logged",
                "overrides": [*short, "trainer.logger=[console,tensorboard,file,wandb]"],
                "environment": {"WANDB_MODE": "offline", "WANDB_SILENT": "true"},
            },
            {
                "folder": "placed",
                "overrides": [*short, "trainer.logger=[tensorboard,file]"],
                "environment": {"TENSORBOARD_DIR": "board", "VERL_FILE_LOGGER_PATH": "log.jsonl"},
            },
            {"folder": "workers", "overrides": [*short, "data.dataloader_num_workers=2"]},
        ]
        statuses = run_loop([{**run, "folder": str(tmp_path / run["folder"])} for run in plan])
        CACHE.update(folder=tmp_path, statuses=statuses)
    log = "\n".join((CACHE["folder"] / name / "log.txt").read_text()[-1500:] for name in ("whole", "killed"))
    assert CACHE["statuses"] == [0, -9, -9, 0, -9, -9, 0, 0, 0, 0, 1], log
    return CACHE["folder"]


def events(folder: Path, *kinds: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in (folder / "events.jsonl").open()]
    return [event for event in found if event["event"] in kinds]


def journal(folder: Path) -> Journal:
    return read(folder / JOURNAL)


def served(folder: Path) -> list[list[int]]:
    return [record["rows"] for record in journal(folder).live("propose")]


def observed(folder: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (step it was counted in, group) of every group that still counts."""
    groups: list[dict[str, Any]] = []
    for record in journal(folder).live():
        if record.event == "observe":
            groups += record.groups()
        elif record.event == "tick":
            yield from ((record["step"], group) for group in groups)
            groups = []
    assert groups == []


def state(folder: Path, step: int) -> dict[str, Any]:
    with np.load(folder / f"global_step_{step}" / "sparft_state.npz", allow_pickle=False) as file:
        return unpack({"json": file["json"].tobytes().decode(), "arrays": file["arrays"].tobytes()})


def same(left: Any, right: Any) -> bool:
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    return np.array_equal(left, right, equal_nan=True) if isinstance(left, np.ndarray) else left == right


def test_every_batch_is_chosen_after_the_feedback_of_the_one_before(ran) -> None:
    batches = [event for event in events(ran / "whole", "generate") if event["step"]]
    assert [event["step"] for event in batches] == list(range(1, STEPS + 1))
    for event in batches:
        counts = Counter(event["journal"])
        assert (counts["propose"], counts["tick"]) == (event["step"], event["step"] - 1)


def test_this_trainer_saves_before_it_hands_out_the_feedback_which_is_why_a_step_is_replayed(ran) -> None:
    saves = events(ran / "whole", "save")
    assert [event["step"] for event in saves] == [5, 10, 15, 20]
    for event in saves:
        assert event["journal"][-1] == "propose"
        assert event["journal"].count("tick") == event["step"] - 1


def test_the_prompts_that_are_rolled_out_are_those_that_were_proposed(ran, rows) -> None:
    texts = [row["prompt"][0]["content"] for row in rows]
    for event, chosen in zip(events(ran / "whole", "generate"), served(ran / "whole"), strict=True):
        assert event["prompts"] == [texts[row] for row in chosen for _ in range(4)]


def test_every_prompt_of_a_finished_step_is_observed_once_with_all_its_rollouts(ran, native) -> None:
    steps = Counter(step for step, _ in observed(ran / "whole"))
    # where feedback comes by on_batch_end, verl ends without it after the last step
    assert steps == dict.fromkeys(range(1, STEPS + 1 if native else STEPS), BATCH)
    for _, group in observed(ran / "whole"):
        assert len(group["successes"]) == 4 and group["new"] and group["kind"] == "trained"
    rates = {sum(group["successes"]) for _, group in observed(ran / "whole")}
    assert len(rates) > 2, "a rule of prompt and step, so that the posterior has something to learn"


def test_validation_runs_on_the_datas_own_rows_and_is_never_observed(ran, rows) -> None:
    texts = [row["prompt"][0]["content"] for row in rows]
    validations = events(ran / "whole", "validate")
    assert [event["step"] for event in validations] == [0, 10, 20]
    assert all(event["prompts"] == texts for event in validations)


def test_after_two_kills_the_served_sequence_is_that_of_the_uninterrupted_run(ran) -> None:
    assert [event["step"] for event in events(ran / "killed", "load")] == [5, 10]
    assert 10 % EPOCH == 0, "verl 0.8 and later restore no data.pt here"
    assert served(ran / "killed") == served(ran / "whole")


def test_after_two_kills_every_observation_is_counted_once_and_as_it_was(ran) -> None:
    assert list(observed(ran / "killed")) == list(observed(ran / "whole"))


@pytest.mark.parametrize("step", [5, 10, 15, 20])
def test_after_two_kills_the_posterior_is_that_of_the_uninterrupted_run(ran, step) -> None:
    whole, killed = (state(ran / name, step)["curriculum"] for name in ("whole", "killed"))
    assert same(whole, killed)


def test_what_was_rolled_back_stays_in_the_journal_and_is_marked(ran) -> None:
    found = journal(ran / "killed")
    resumes = [record["rolled_back_after"] for record in found.records if record.event == "resume"]
    ticks = {record.seq: record["step"] for record in found.records if record.event == "tick"}
    assert [ticks[seq] for seq in resumes] == [5, 10], "the saved step's own tick is kept, nothing after it"
    assert any(record.rolled_back for record in found.records)


def test_a_kill_between_checkpoint_and_feedback_loses_that_steps_outcome_and_says_so(ran, native) -> None:
    folder = ran / "window"
    lost = [record for record in journal(folder).live("cancel")]
    assert {record["step"] for record in lost} == {4} and len(lost) == BATCH
    assert {record["reason"] for record in lost} == {"the run ended between its checkpoint and its feedback"}
    assert 5 not in {step for step, _ in observed(folder)}
    assert [record["step"] for record in journal(folder).live("tick")] == list(range(1, 9 if native else 8))
    assert "counts for nothing" in (folder / "log.txt").read_text()


def test_a_second_resume_from_there_takes_the_same_way(ran) -> None:
    proposals = [record for record in journal(ran / "window").records if record.event == "propose"]
    again = [record["rows"] for record in proposals if record["step"] == 5]
    assert len(again) == 2 and again[0] == again[1]


def test_a_reward_function_that_gives_a_plain_number_is_read_as_a_score(ran) -> None:
    assert served(ran / "plain") == served(ran / "whole")[:8]


def logged(path: Path) -> dict[int, dict[str, float]]:
    return {line["step"]: line["data"] for line in map(json.loads, path.open())}


def board(folder: Path, tag: str) -> list[int]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (file,) = folder.glob("events*")
    return [event.step for event in EventAccumulator(str(file)).Reload().Scalars(tag)]


@pytest.mark.parametrize(
    ("run", "file", "tensorboard"),
    [("logged", "p/e{}.jsonl", "tensorboard_log/p/e{}"), ("placed", "log{}.jsonl", "board{}")],
)
def test_metrics_reach_each_back_end_beside_verls_own(ran, native, run, file, tensorboard) -> None:
    pytest.importorskip("orjson", reason="verl's file logger needs orjson")
    steps = list(range(1, 9 if native else 8))
    ours, verls = (logged(ran / run / file.format(name)) for name in ("_sparft", ""))
    assert list(ours) == steps
    assert all(key.startswith("sparft/") for line in ours.values() for key in line)
    assert ours[7]["sparft/groups"] == 7 * BATCH and "sparft/arm/c0/mean" in ours[7]
    assert list(verls) == list(range(9)) and "critic/score/mean" in verls[8], "verl's own file is whole"
    assert board(ran / run / tensorboard.format("_sparft"), "sparft/groups") == steps
    assert board(ran / run / tensorboard.format(""), "critic/score/mean") == list(range(1, 9))


def test_metrics_reach_verls_own_wandb_run_and_the_console(ran) -> None:
    (record,) = (ran / "logged" / "wandb").glob("offline-run-*/*.wandb")
    found = record.read_bytes()
    assert b"sparft/arm/c0/mean" in found and b"critic/score/mean" in found
    assert "step:7 - sparft/" in (ran / "logged" / "log.txt").read_text()


def test_loader_workers_are_refused_before_anything_is_loaded(ran) -> None:
    log = (ran / "workers" / "log.txt").read_text()
    assert "data.dataloader_num_workers=0, got 2" in log and "Traceback" not in log
    assert not (ran / "workers" / "events.jsonl").exists()
