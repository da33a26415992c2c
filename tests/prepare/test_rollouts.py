"""Solve rates by a real tiny model: the same whatever the jobs, the workers and the cache."""

import json
import pickle
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sparft_verl.prepare.cache import Cache
from sparft_verl.prepare.difficulty import Difficulty, DifficultyConfig, ReferencesConfig, difficulty
from sparft_verl.prepare.errors import PrepareError
from sparft_verl.prepare.read import DataConfig, Prompts, read
from sparft_verl.prepare.rollouts import rollouts_estimate
from sparft_verl.prepare.rollouts_config import RolloutsConfig
from sparft_verl.prepare.workers import Job, LocalWorkers

POLICY = Path(__file__).resolve().parents[2] / "recipes" / "tiny_cpu" / "policy"
REWARD = """
def compute_score(data_source, solution_str, ground_truth, extra_info=None):
    return float(solution_str.strip() == ground_truth)
"""
ROWS = 12


class TwoBackwards:
    """Two workers that take turns, jobs in reverse order, everything through pickles as on other machines."""

    def map(self, build: Callable[[], Callable[[Any], Any]], jobs: Iterable[Job]) -> Iterator[Job]:
        both = [pickle.loads(pickle.dumps(build))() for _ in range(2)]
        for number, value in reversed(list(jobs)):
            yield number, both[number % 2](pickle.loads(pickle.dumps(value)))


@pytest.fixture(autouse=True)
def _needs_models() -> None:
    pytest.importorskip("transformers", reason="rollouts on a CPU run in transformers")


@pytest.fixture
def rollouts(tmp_path: Path) -> RolloutsConfig:
    (tmp_path / "reward.py").write_text(REWARD)
    reward = f"{tmp_path / 'reward.py'}:compute_score"
    return RolloutsConfig(model=str(POLICY), k=4, max_tokens=12, shard=5, device="cpu", reward=reward)


@pytest.fixture
def prompts(tmp_path: Path) -> Callable[..., Prompts]:
    """Sums that the tiny policy solves often, not always; `first` shifts which."""

    def make(n: int = ROWS, first: int = 0, more: Iterable[dict[str, Any]] = ()) -> Prompts:
        rows = [row(i) for i in range(first, first + n)] + list(more)
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / "train.parquet")
        return read(DataConfig(train_files=str(tmp_path / "train.parquet")), Cache(None))

    return make


def row(i: int, text: str | None = None, truth: str | None = None) -> dict[str, Any]:
    a, b = 1 + i % 9, 1 + (2 * i + i // 9) % 8
    question = f"State the final answer to the following arithmetic problem: {a} + {b} ="
    return {
        "data_source": f"sums_{i % 2}",
        "prompt": [{"role": "user", "content": text or question}],
        "reward_model": {"style": "rule", "ground_truth": truth or str(a + b)},
        "extra_info": {"index": i},
    }


def roll(
    prompts: Prompts,
    config: RolloutsConfig,
    cache: Any = None,
    workers: Any = None,
    seed: int = 0,
    threads: int = 1,
    **settings: Any,
) -> Difficulty:
    asked = DifficultyConfig(rollouts=config, **settings)
    do = workers or LocalWorkers()
    return difficulty(prompts, asked, cache=Cache(cache), workers=do, seed=seed, threads=threads)


def same(a: Difficulty, b: Difficulty) -> bool:
    names = ("value", "solve_rate", "low", "high", "rollouts")
    pairs = [(getattr(a, name), getattr(b, name)) for name in names]
    return all(np.array_equal(x, y, equal_nan=True) for x, y in pairs)


def test_difficulty_is_one_minus_the_solve_rate(prompts: Any, rollouts: RolloutsConfig) -> None:
    found = roll(prompts(), rollouts)
    assert found.kind == "rollouts" and found.known and not found.missing.any()
    assert found.solve_rate is not None and found.low is not None and found.high is not None
    assert 0.2 < found.solve_rate.mean() < 0.95, "the policy is known to solve such sums often"
    assert np.array_equal(found.value, 1.0 - found.solve_rate)
    assert set(found.solve_rate * 4) <= {0, 1, 2, 3, 4} and found.rollouts is not None
    assert found.rollouts.dtype == np.int64 and (found.rollouts == 4).all()
    assert ((found.low <= found.solve_rate) & (found.solve_rate <= found.high)).all()
    assert found.cost.items == ROWS and found.cost.rollouts == 4 * ROWS and found.cost.cached == 0
    assert found.cost.tokens > 20 * ROWS and found.cost.seconds > 0


def test_jobs_workers_and_the_cache_change_nothing(
    prompts: Any, rollouts: RolloutsConfig, tmp_path: Path
) -> None:
    plain = roll(prompts(), rollouts)
    cold = roll(prompts(), replace(rollouts, shard=3), tmp_path / "cache", TwoBackwards())
    warm = roll(prompts(), replace(rollouts, shard=1), tmp_path / "cache")
    assert same(plain, cold) and same(plain, warm)
    assert cold.cost.items == ROWS and warm.cost.items == 0 and warm.cost.cached == ROWS
    assert warm.cost.rollouts == 0 and warm.cost.tokens == 0
    assert plain.described == cold.described == warm.described


def test_more_rows_leave_the_answers_to_all_others_as_they_were(
    prompts: Any, rollouts: RolloutsConfig, tmp_path: Path
) -> None:
    few = roll(prompts(6, first=3), rollouts, tmp_path / "cache")
    many = roll(prompts(), rollouts, tmp_path / "cache")
    assert many.solve_rate is not None and few.solve_rate is not None
    assert np.array_equal(many.solve_rate[3:9], few.solve_rate)
    assert many.cost.cached == 6 and many.cost.items == ROWS - 6
    assert same(many, roll(prompts(), rollouts))


def test_another_seed_gives_other_answers(prompts: Any, rollouts: RolloutsConfig) -> None:
    one, again, other = (roll(prompts(), rollouts, seed=seed) for seed in (1, 1, 2))
    assert same(one, again) and not same(one, other)


def test_threads_change_nothing(prompts: Any, rollouts: RolloutsConfig) -> None:
    assert same(roll(prompts(4), rollouts, threads=1), roll(prompts(4), rollouts, threads=2))


def test_greedy_is_generates_own_answer(prompts: Any, rollouts: RolloutsConfig, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    data = prompts(3)
    roll(data, replace(rollouts, k=1, temperature=0.0), tmp_path / "cache")
    kept = [json.loads(path.read_text()) for path in (tmp_path / "cache").rglob("part-*.json")]
    tokenizer = AutoTokenizer.from_pretrained(POLICY)
    model = AutoModelForCausalLM.from_pretrained(POLICY)
    for chat, item in zip(data.messages(np.arange(3)), kept[0], strict=True):
        ids = tokenizer.apply_chat_template(
            chat, add_generation_prompt=True, return_tensors="pt", return_dict=False
        )
        out = model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=12)
        assert item["texts"] == [tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True)]


def test_equal_prompts_share_answers_but_not_the_reference_answer(
    prompts: Any, rollouts: RolloutsConfig
) -> None:
    copy, conflict = row(0), row(0, truth="999999")
    found = roll(prompts(1, more=[copy, conflict]), rollouts)
    assert found.cost.items == 1 and found.cost.rollouts == 4
    assert found.solve_rate is not None
    assert found.solve_rate[0] == found.solve_rate[1] and found.solve_rate[2] == 0.0


def test_a_changed_reward_is_seen_without_new_rollouts(
    prompts: Any, rollouts: RolloutsConfig, tmp_path: Path
) -> None:
    first = roll(prompts(), rollouts, tmp_path / "cache")
    (tmp_path / "reward.py").write_text(REWARD.replace("==", "!="))
    second = roll(prompts(), rollouts, tmp_path / "cache")
    assert np.array_equal(second.value, 1.0 - first.value) and second.cost.rollouts == 0


def test_a_prompt_without_room_for_an_answer_is_flagged(prompts: Any, rollouts: RolloutsConfig) -> None:
    long = row(1, text="12 + " * 400 + "=")
    found = roll(prompts(3, more=[long]), rollouts)
    assert found.missing.tolist() == [False, False, False, True]
    assert found.solve_rate is not None and np.isnan(found.solve_rate[3]) and not np.isnan(found.value).any()
    assert found.rollouts is not None and found.rollouts.tolist() == [4, 4, 4, 0]
    assert any("1 of 4 prompts leave no room" in note for note in found.notes)
    assert roll(prompts(3, more=[long]), rollouts, missing="drop").drop.tolist() == [3]
    with pytest.raises(PrepareError, match=r"max_tokens=12 tokens .* found none that does"):
        roll(prompts(0, more=[long]), rollouts)


def test_answers_that_were_cut_are_said(prompts: Any, rollouts: RolloutsConfig) -> None:
    found = roll(prompts(4), replace(rollouts, max_tokens=1))
    assert any("were cut at difficulty.rollouts.max_tokens=1" in note for note in found.notes)
    assert found.described["rollouts"]["cut_share"] > 0.9


def test_a_reward_that_cannot_score_a_source_stops_before_any_rollout(
    prompts: Any, rollouts: RolloutsConfig, tmp_path: Path
) -> None:
    (tmp_path / "reward.py").write_text(
        "def compute_score(data_source, solution_str, ground_truth, extra_info=None):\n"
        "    return {'sums_0': 1.0}[data_source]\n"
    )
    with pytest.raises(PrepareError, match=r"KeyError: 'sums_1'"):
        roll(prompts(), rollouts, tmp_path / "cache")
    assert not list((tmp_path / "cache").rglob("part-*"))


def test_reference_models_give_pass_rates(prompts: Any, rollouts: RolloutsConfig, tmp_path: Path) -> None:
    models = [str(POLICY), str(POLICY)]
    found = roll(prompts(4), rollouts, tmp_path / "cache", references=ReferencesConfig(models=models))
    assert found.references is not None and found.references.shape == (4, 2)
    assert np.array_equal(found.references[:, 0], found.solve_rate)
    assert found.cost.items == 4 and found.cost.cached == 8


def test_an_estimate_counts_what_is_left_to_do(
    prompts: Any, rollouts: RolloutsConfig, tmp_path: Path
) -> None:
    roll(prompts(4), rollouts, tmp_path / "cache")
    found = rollouts_estimate(prompts(), rollouts, cache=Cache(tmp_path / "cache"), seed=0)
    assert found == {"prompts": ROWS, "cached": 4, "rollouts": 32, "most_tokens": 32 * 12}


def test_a_damaged_part_is_made_again(prompts: Any, rollouts: RolloutsConfig, tmp_path: Path) -> None:
    before = roll(prompts(), rollouts, tmp_path / "cache")
    part = next((tmp_path / "cache").rglob("part-*.json"))
    part.write_bytes(part.read_bytes()[:40])
    after = roll(prompts(), rollouts, tmp_path / "cache")
    assert same(before, after) and 0 < after.cost.items < ROWS


def test_a_model_without_a_chat_template_is_refused_and_may_be_given_one(
    prompts: Any, rollouts: RolloutsConfig, tmp_path: Path
) -> None:
    base = shutil.copytree(POLICY, tmp_path / "base")
    template = tmp_path / "chat.jinja"
    (base / "chat_template.jinja").rename(template)
    with pytest.raises(PrepareError, match=r"must have a chat template.*chat_template=FILE"):
        roll(prompts(3), replace(rollouts, model=str(base)))
    with_it = roll(prompts(3), replace(rollouts, model=str(base), chat_template=str(template)))
    assert same(with_it, roll(prompts(3), rollouts))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": "nobody/such-model-anywhere"}, "reachable on the hub, but 'nobody/such-model-anywhere'"),
        ({"model": str(POLICY.parent)}, "must be a model's folder, with config.json"),
        ({"model": "no/such/folder/at/all"}, "must be a folder or a hub name"),
        ({"chat_template": "no_such.jinja"}, "chat_template must be a text file"),
    ],
)
def test_a_model_that_is_not_there_is_named(
    prompts: Any, rollouts: RolloutsConfig, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(PrepareError, match=message):
        roll(prompts(2), replace(rollouts, **settings))
