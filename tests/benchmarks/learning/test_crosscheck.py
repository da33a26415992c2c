"""The benchmark's runs as verl gets them, and the comparison of the two engines."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from transformers import AutoTokenizer

from benchmarks.learning.arms import arms_of
from benchmarks.learning.crosscheck.agree import agreements, allocation, distances, table
from benchmarks.learning.crosscheck.reward import compute_score
from benchmarks.learning.crosscheck.specs import SPECS
from benchmarks.learning.crosscheck.tokenizer import tokenizer
from benchmarks.learning.crosscheck.under_verl import SCRIPT, blocks, overrides, run, summary
from benchmarks.learning.families import WORLDS
from benchmarks.learning.mixes import held_out, training_set
from benchmarks.learning.policy import encode_answer, encode_question, new_policy
from sparft_verl.curricula import CurriculumConfig, Groups, build
from sparft_verl.journal import JournalWriter
from sparft_verl.sampler import CurriculumSampler

from .records import record


def test_verl_sees_the_same_tokens_and_reads_the_same_answers(tmp_path: Path) -> None:
    new_policy(0).save_pretrained(tmp_path)
    tokenizer().save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    for task in [task for world in WORLDS for task in training_set(world, 0.6, 0)[::7]]:
        chat = task.row(0.0)["prompt"]
        ids = loaded.apply_chat_template(chat, add_generation_prompt=True, tokenize=True, return_dict=False)
        assert list(ids) == encode_question(task.question)
        said = loaded.decode(encode_answer(task.answer), skip_special_tokens=True)
        assert said == task.answer and compute_score(task.family, said, task.answer) == 1.0
        assert compute_score(task.family, said + "0", task.answer) == 0.0


def test_a_validation_item_tells_its_family() -> None:
    for world in WORLDS:
        for name, items in held_out(world).items():
            assert {item.question.split()[0] for item in items} == {name}


def test_both_engines_run_the_same_specs() -> None:
    loop, verl = ([spec for spec in SPECS if spec.engine == engine] for engine in ("loop", "verl"))
    assert [replace(spec, engine="verl") for spec in loop] == verl
    assert {(spec.updates, spec.label) for spec in loop} == {(40, "uniform"), (40, "auto")}
    assert {spec.seed for spec in loop} == {0, 1, 2} and len({spec.key for spec in SPECS}) == 12
    assert SCRIPT.exists()


def test_the_command_line_carries_the_curriculums_settings(tmp_path: Path) -> None:
    spec = next(spec for spec in SPECS if spec.label == "auto")
    line = overrides(spec, tmp_path)
    for name, value in spec.settings.items():
        assert (f"++curriculum.{name}={value}" in line) is (name != "method")
    assert f"actor_rollout_ref.model.path={tmp_path}/policy" in line and "data.train_batch_size=8" in line
    with pytest.raises(ValueError, match="runs engine 'verl', got 'loop'"):
        run(replace(spec, engine="loop"), tmp_path, tmp_path)


def test_a_finished_run_becomes_a_record(tmp_path: Path) -> None:
    spec = replace(SPECS[-1], updates=20, arms="categories", prepare="{}")
    tasks = training_set(spec.world, spec.useless, spec.seed)
    arms = arms_of(spec, tasks, new_policy(0), tmp_path).arms
    (tmp_path / "run" / "sparft").mkdir(parents=True)
    rng = np.random.Generator(np.random.Philox(0))
    rows, rewards, metrics = [], [], []
    with JournalWriter(tmp_path / "run" / "sparft" / "journal.jsonl") as journal:
        curriculum = build(CurriculumConfig.of({"method": "uniform"}, seed=0), arms)
        sampler = CurriculumSampler(curriculum, spec.prompts, len(tasks), journal)
        stream = iter(sampler)
        for step in range(1, spec.updates + 1):
            served = [next(stream) for _ in range(spec.prompts)]
            scores = rng.integers(0, 2, size=(spec.prompts, spec.rollouts)).astype(float)
            rows.append([int(one) for one in served])
            rewards.append(scores.mean())
            start = np.arange(spec.prompts + 1) * spec.rollouts
            ticket = np.array([one.ticket for one in served])
            sampler.observe(Groups(ticket, np.array(rows[-1]), scores.ravel(), start))
            sampler.tick(step)
            metrics.append({"step": step, "data": {"response_length/mean": 3.5}})
        # verl fetches a batch that no step uses
        next(stream)
    (tmp_path / "run" / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in metrics))
    (tmp_path / "run" / "validation").mkdir()
    for step, right in ((0, 1), (20, 3)):
        lines = [
            {"input": item.question, "score": float(k < right)}
            for items in held_out(spec.world).values()
            for item in items
            for k in range(4)
        ]
        dump = "".join(json.dumps(line) + "\n" for line in lines)
        (tmp_path / "run" / "validation" / f"{step}.jsonl").write_text(dump)
    told = summary(spec, tasks, tmp_path / "run")
    assert told["train"]["reward"] == pytest.approx(rewards, abs=1e-3)
    assert told["curve"]["tokens"] == [0, round(3.5 * 64 * 20)] and told["curve"]["rollouts"] == [0, 1280]
    assert told["curve"]["overall"] == [0.25, 0.75] and told["final"]["overall"] == 0.75
    flat = [row for part in rows for row in part]
    assert told["curve"]["unique"][1] == len({tasks[row].question for row in flat})
    for kind, counts in told["train"]["served"].items():
        assert counts == [
            sum(tasks[row].kind == kind for part in rows[a : a + 10] for row in part) for a in (0, 10)
        ]
    assert sum(map(sum, told["train"]["pulls"])) == 160 and len(told["train"]["pulls"]) == len(arms.names)


def test_counts_by_block() -> None:
    assert blocks(np.arange(25)) == [45, 145, 110]


def test_engines_that_agree_and_one_that_does_not() -> None:
    def both(seed: int, more: float) -> list[dict[str, object]]:
        found = []
        for engine in ("loop", "verl"):
            one = record("auto", seed, updates=40, engine=engine)
            shift = more if engine == "verl" else 0.0
            one["train"]["reward"] = [0.3 + 0.01 * seed + shift] * 40
            found.append(one)
        return found

    same = agreements([run for seed in range(3) for run in both(seed, 0.0)])
    assert all(one.overlap and one.paired for one in same)
    rewards = [one for one in same if one.what.startswith("mean reward")]
    assert rewards[0].what == "mean reward, updates 1 to 10" and len(rewards) == 4
    assert rewards[0].loop.estimate == pytest.approx(0.31)
    other = agreements([run for seed in range(3) for run in both(seed, 0.2)])
    reward = next(one for one in other if one.what.startswith("mean reward"))
    assert reward.difference.estimate == pytest.approx(0.2) and not reward.overlap and not reward.paired
    assert agreements(both(0, 0.0)) == [] and table(both(0, 0.0)) == ""


def test_other_arms_are_no_comparison() -> None:
    runs = [
        record("auto", seed, updates=40, engine=engine) for engine in ("loop", "verl") for seed in range(2)
    ]
    runs[-1]["arms"]["sizes"][0] += 1
    with pytest.raises(ValueError, match="had other arms"):
        agreements(runs)


def test_the_distance_of_allocations_is_held_against_chance() -> None:
    runs = [record("auto", 0, updates=40, engine=engine) for engine in ("loop", "verl")]
    assert allocation(runs[0]) == pytest.approx([0.5, 0.25, 0.125, 0.125])
    runs[1]["train"]["pulls"] = [[10] * 4, [20] * 4, [10] * 4, [40] * 4]
    seen, expected = distances(runs, "auto")
    assert seen == [pytest.approx(0.375)] and 0 < expected[0] < 0.1
    both = [record("auto", 1, updates=40, engine=engine) for engine in ("loop", "verl")]
    assert "0.188 apart" in table([*runs, *both])
