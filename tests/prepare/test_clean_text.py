"""Cleaning by text, over rows read from files: every reason by name, what stays, and what is said of it."""

import json
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sparft_verl.prepare.cache import Cache
from sparft_verl.prepare.clean import CleanConfig, EvalSet, Removals, clean_text
from sparft_verl.prepare.errors import PrepareError
from sparft_verl.prepare.read import DataConfig, DataFile, Prompts, read

POLICY = Path(__file__).parents[2] / "recipes" / "tiny_cpu" / "policy"
DATA = os.environ.get("SPARFT_DATA")
STORY = (
    "Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May. "
    "How many clips did Natalia sell altogether in April and May?"
)
TRAIN = (
    "A train travels 270 miles in 3 hours. At the same rate, how many additional hours would it take to travel "
    "an additional 180 miles?"
)
Load = Callable[..., Prompts]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Write (text, ground truth) pairs as JSON lines in verl's format and read them."""

    def make(*rows: tuple[str, Any], cache: Cache | None = None) -> Prompts:
        path = tmp_path / f"train{len(list(tmp_path.iterdir()))}.jsonl"
        lines = [
            {
                "data_source": "own",
                "prompt": [{"role": "user", "content": text}],
                "reward_model": {"style": "rule", "ground_truth": truth},
            }
            for text, truth in rows
        ]
        path.write_text("\n".join(map(json.dumps, lines)))
        return read(DataConfig(files=[DataFile(path=str(path))]), cache or Cache(None))

    return make


@pytest.fixture
def evals(tmp_path: Path) -> Callable[..., list[EvalSet]]:
    def make(*problems: str) -> list[EvalSet]:
        path = tmp_path / "held_out.json"
        path.write_text(json.dumps([{"problem": problem} for problem in problems]))
        return [EvalSet("held_out", str(path), "problem")]

    return make


def clean(prompts: Prompts, **settings: Any) -> Removals:
    return clean_text(prompts, CleanConfig(**settings), cache=Cache(None), threads=1)


def listed(removals: Removals) -> list[tuple[int, str, int]]:
    return list(zip(removals.row.tolist(), removals.reason, removals.other.tolist(), strict=True))


def test_empty_prompts_and_copies_go_by_default_and_nothing_else(load: Load) -> None:
    changed = STORY.replace("friends", "neighbours")
    prompts = load((STORY, "72"), (" \n", "1"), ("  " + STORY.upper() + "\n", "72"), (changed, "72"))
    removals = clean(prompts)
    assert listed(removals) == [(1, "empty", -1), (2, "duplicate", 0)]
    assert removals.kept(4).tolist() == [0, 3] and removals.counts() == {"empty": 1, "duplicate": 1}
    assert len(clean(prompts, empty=False, exact=False)) == 0


def test_a_copy_with_another_ground_truth_is_counted_and_said(load: Load) -> None:
    removals = clean(load((STORY, "72"), (STORY, "73"), (STORY, " 72 "), (STORY, None)))
    assert removals.row.tolist() == [1, 2, 3]
    assert removals.detail[0] == "copy of input row 0 with another ground truth"
    assert removals.detail[1] == removals.detail[2] == "copy of input row 0"
    assert removals.notes == [
        "1 of the 3 duplicates removed have another ground truth than the row that stays in their place"
    ]


def test_one_changed_word_is_a_near_duplicate_of_the_lowest_row(load: Load) -> None:
    changed = [STORY.replace(word, "zorblax") for word in ("friends", "altogether")]
    removals = clean(load((changed[0], "72"), (TRAIN, "2"), (STORY, "72"), (changed[1], "72")), near=True)
    # the last is like the second, which goes, and less like the first, which stays
    assert listed(removals) == [(2, "near_duplicate", 0), (3, "near_duplicate", 0)]
    assert 0.6 <= removals.similarity[1] < removals.similarity[0] < 1


@pytest.mark.parametrize(
    ("other", "truth", "setting", "why"),
    [
        (STORY.replace("48", "50"), "72", "same_numbers", "1 for other numbers"),
        (STORY.replace("half", "twice"), "144", "same_truth", "1 for other ground truth"),
    ],
)
def test_other_numbers_or_truths_are_another_task(
    load: Load, other: str, truth: str, setting: str, why: str
) -> None:
    prompts = load((STORY, "72"), (other, truth))
    removals = clean(prompts, near=True)
    assert len(removals) == 0
    assert removals.notes == [f"pairs alike as near duplicates that were kept: {why}"]
    assert listed(clean(prompts, near=True, **{setting: False})) == [(1, "near_duplicate", 0)]


def test_sums_that_differ_only_in_numbers_stay_even_without_the_guards(load: Load) -> None:
    rows = [(f"What is {a}+{b}?", str(a + b)) for a in range(3, 12) for b in range(2, 11)]
    assert len(clean(load(*rows), near=True, same_numbers=False, same_truth=False)) == 0


def test_planted_evaluation_items_go_with_all_their_copies(load: Load, evals: Any) -> None:
    instruction = " Let's think step by step and output the final answer within \\boxed{}."
    prompts = load(
        (STORY, "72"),
        (TRAIN, "2"),
        (STORY.replace(" ", "  ") + instruction, "72"),
        (STORY + instruction, "72"),
    )
    removals = clean(prompts, evals=evals("What is 1+1?", STORY))
    assert listed(removals) == [(0, "eval_ngram", -1), (2, "eval_ngram", -1), (3, "eval_ngram", -1)]
    assert removals.detail == ["held_out item 1"] * 3 and removals.similarity.tolist() == [1.0] * 3


def test_an_evaluation_item_that_is_a_prompt_is_found_however_short_and_frequent(
    load: Load, evals: Any
) -> None:
    prompts = load(*[("2+2", str(i)) for i in range(20)], ("12+22", "34"))
    removals = clean(prompts, evals=evals("2 + 2", "2+2"))
    assert removals.row.tolist() == list(range(20)) and set(removals.reason) == {"eval_ngram"}


def test_a_near_copy_of_a_short_evaluation_item_is_found_by_minhash(load: Load, evals: Any) -> None:
    item = "Name the smallest positive integer whose square is greater than its double"
    prompts = load((item.replace("positive", "natural"), "3"), (TRAIN, "2"))
    assert len(clean(prompts, evals=evals(item))) == 0
    removals = clean(prompts, evals=evals(item), near=True)
    assert listed(removals) == [(0, "eval_near_duplicate", -1)] and removals.detail == ["held_out item 0"]


def test_too_long_prompts_are_counted_as_verl_counts_them(load: Load) -> None:
    from transformers import AutoTokenizer

    prompts = load((STORY, "72"), ("What is 1+1?", "2"))
    tokenizer = AutoTokenizer.from_pretrained(POLICY)
    chats = prompts.messages(np.arange(2))
    size = [
        len(tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_dict=False))
        for chat in chats
    ]
    for limit, gone in ((size[0], []), (size[0] - 1, [0]), (size[1], [0]), (size[1] - 1, [0, 1])):
        removals = clean(prompts, tokenizer=str(POLICY), max_tokens=limit)
        assert removals.row.tolist() == gone and set(removals.reason) <= {"too_long"}
    assert removals.detail[0] == f"{size[0]} tokens of at most {size[1] - 1}"


def test_a_tokenizer_that_is_not_there_is_refused(load: Load, tmp_path: Path) -> None:
    with pytest.raises(PrepareError, match=r"clean\.tokenizer must be a folder.*nowhere"):
        clean(load((STORY, "72")), tokenizer=str(tmp_path / "nowhere"), max_tokens=9)


def test_results_found_in_the_cache_are_the_same_and_cost_nothing(
    load: Load, evals: Any, tmp_path: Path
) -> None:
    prompts = load(
        (STORY, "72"), (STORY.replace("friends", "pals"), "72"), (TRAIN, "2"), (TRAIN + " Now.", "2")
    )
    config = CleanConfig(near=True, evals=evals(TRAIN), tokenizer=str(POLICY), max_tokens=10_000)
    runs = [clean_text(prompts, config, cache=Cache(tmp_path / "cache"), threads=n) for n in (1, 2)]
    plain = clean_text(prompts, config, cache=Cache(None), threads=1)
    assert all(run.table(prompts).equals(plain.table(prompts)) for run in runs)
    for step in ("length", "eval_ngram", "near_duplicate"):
        assert (runs[0].costs[step].items, runs[0].costs[step].cached) == (plain.costs[step].items, 0)
        assert (runs[1].costs[step].items, runs[1].costs[step].cached) == (0, plain.costs[step].items)


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ({"near_threshold": 1.0}, r"clean\.near_threshold must lie between 0 and 1, but found 1\.0"),
        ({"ngram": 1}, r"clean\.ngram must be at least 2"),
        ({"max_tokens": 9}, r"clean\.tokenizer and clean\.max_tokens are given together"),
        ({"near": True, "exact": False}, r"need clean\.exact"),
        ({"eval_neighbour": True}, r"clean\.eval_neighbour needs evaluation sets"),
        ({"evals": [EvalSet("a", "x"), EvalSet("a", "y")]}, r"names of clean\.evals must differ"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any], rule: str) -> None:
    with pytest.raises(PrepareError, match=rule):
        CleanConfig(**settings)


def test_an_evaluation_set_without_a_path_is_refused() -> None:
    with pytest.raises(PrepareError, match="needs name, path and prompt"):
        EvalSet("math500")


@pytest.mark.skipif(not DATA, reason="needs the real data sets: set SPARFT_DATA to their folder")
def test_what_is_planted_in_gsm8k_is_found(tmp_path: Path) -> None:
    lines = (Path(str(DATA)) / "gsm8k_train.jsonl").read_text().splitlines()[:3000]
    rows = [json.loads(line) for line in lines]
    held_out = Path(str(DATA)) / "gsm8k_test.jsonl"
    items = [json.loads(line)["question"] for line in held_out.read_text().splitlines()]
    draw = random.Random(3)
    planted = []
    for row in draw.sample(rows, 150):
        words = row["question"].split()
        place = draw.choice([i for i, word in enumerate(words) if word.isalpha()])
        words[place] = "zorblax"
        planted.append({"question": " ".join(words), "answer": row["answer"]})
        planted.append({"question": row["question"].replace(" ", "  "), "answer": row["answer"]})
    leaked = [{"question": item + " Think.", "answer": "#### 1"} for item in draw.sample(items, 100)]
    path = tmp_path / "train.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows + planted + leaked))
    file = DataFile(
        path=str(path), prompt="question", truth="answer", truth_pattern="#### (.*)", source="gsm8k"
    )
    prompts = read(DataConfig(files=[file]), Cache(None))
    removals = clean(prompts, near=True, evals=[EvalSet("gsm8k_test", str(held_out), "question")])
    n = len(rows)
    gone = dict(zip(removals.row.tolist(), removals.reason, strict=True))
    # a changed word that is the only difference in wording that is rare may pass
    found = sum(gone.get(n + i) == "near_duplicate" for i in range(0, len(planted), 2))
    assert found >= 147
    assert {gone.get(n + i) for i in range(1, len(planted), 2)} <= {"duplicate", "eval_ngram"}
    assert [gone.get(n + len(planted) + i) for i in range(len(leaked))] == ["eval_ngram"] * len(leaked)
    assert sum(row < n for row in gone) <= 5
