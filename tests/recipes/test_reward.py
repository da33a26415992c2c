"""The reward: full marks of reasoning-gym's own scorer, and nothing else."""

from __future__ import annotations

import json
import time
from itertools import islice

import pytest

pytest.importorskip("reasoning_gym", reason="the demo's tasks need the demo extra")

from recipes.tiny_cpu.families import FAMILIES, Family
from recipes.tiny_cpu.reward import compute_score
from recipes.tiny_cpu.slips import right_answer, wrong_answer
from recipes.tiny_cpu.tasks import build, items

CELLS = [
    pytest.param(family, level, id=f"{family.name}-{level}")
    for family in FAMILIES
    for level in range(len(family.levels))
]


@pytest.fixture(scope="module")
def rows() -> list[dict]:
    splits = build(200, 100, seed=11, progress=False)
    return splits["train"] + splits["held_out"]


def score(row: dict, answer: str) -> float:
    return compute_score(row["data_source"], answer, row["reward_model"]["ground_truth"], row["extra_info"])


def item_score(family: Family, item: dict, answer: str) -> float:
    entry = json.dumps({"answer": item["answer"], "metadata": item["metadata"]}, default=str)
    return compute_score(family.name, answer, item["answer"], {"entry_json": entry})


def perturbed(row: dict) -> list[str]:
    gold = row["reward_model"]["ground_truth"]
    if row["data_source"] == "countdown":
        return [gold + " + 1", "1 + 1", gold.replace("+", "-") if "+" in gold else gold + " * 2", ""]
    if row["data_source"] == "knights_knaves":
        return [gold.split(",")[0], gold.replace(" is a", " is not a"), ""]
    return [str(int(gold) + 1), str(-int(gold) - 1), f"{gold}1", f"the answer is {gold}", ""]


def test_every_gold_answer_scores_one(rows):
    assert {score(row, row["reward_model"]["ground_truth"]) for row in rows} == {1.0}
    assert {score(row, f" {row['reward_model']['ground_truth']}\n") for row in rows} == {1.0}


@pytest.mark.parametrize("family", [family.name for family in FAMILIES])
def test_perturbed_answers_score_zero(rows, family):
    mine = [row for row in rows if row["data_source"] == family]
    wrong = [score(row, answer) for row in mine for answer in perturbed(row)]
    assert len(wrong) >= 3 * len(mine) > 0
    assert set(wrong) == {0.0}


@pytest.mark.parametrize(("family", "level"), CELLS)
def test_the_warm_starts_right_way_is_right_and_its_slip_mostly_wrong(family, level):
    sample = list(islice(items(family, level, seed=5), 60))
    assert {item_score(family, item, right_answer(family.name, item)) for item in sample} == {1.0}
    slips = [item_score(family, item, wrong_answer(family.name, item)) for item in sample]
    assert sum(slips) / len(slips) < 0.25


def test_partial_credit_of_the_scorer_becomes_zero(rows):
    puzzle = next(row for row in rows if row["data_source"] == "knights_knaves")
    first, second = puzzle["reward_model"]["ground_truth"].rstrip(".").split(", and ")
    metadata = json.loads(puzzle["extra_info"]["entry_json"])["metadata"]
    terms = metadata["knight_knave_terms"]
    swap = {terms["knight"]: terms["knave"], terms["knave"]: terms["knight"]}
    *head, role = second.split(" ")
    assert score(puzzle, f"{first}, and {' '.join(head)} {role}.") == 1.0
    assert score(puzzle, f"{first}, and {' '.join(head)} {swap[role]}.") == 0.0


@pytest.mark.parametrize(
    "answer", ["9**9**9**9", "__import__('os').getcwd()", "(" * 40, "1/0", "\x00", "3 - (-"]
)
def test_text_that_the_countdown_parser_would_evaluate_scores_zero_at_once(rows, answer):
    row = next(row for row in rows if row["data_source"] == "countdown")
    start = time.perf_counter()
    assert score(row, answer) == 0.0
    assert time.perf_counter() - start < 1.0


def test_another_right_countdown_expression_scores_one():
    entry = {"answer": "1+2+3+4", "metadata": {"numbers": [1, 2, 3, 4], "target": 10}}
    extra = {"entry_json": json.dumps(entry)}
    assert compute_score("countdown", "4 + (3*2) * 1", "1+2+3+4", extra) == 1.0
    assert compute_score("countdown", "4+3+2", "1+2+3+4", extra) == 0.0
    assert compute_score("countdown", "4*3-2+1", "1+2+3+4", extra) == 0.0


def test_an_unknown_data_source_is_refused_by_name(rows):
    with pytest.raises(ValueError, match=r"'openai/gsm8k' is not a reasoning-gym data set"):
        compute_score("openai/gsm8k", "1", "1", rows[0]["extra_info"])


def test_a_row_without_its_entry_is_refused_with_the_fix():
    for extra in (None, {}, {"entry_json": None}):
        with pytest.raises(ValueError, match=r"entry_json is missing .*recipes\.tiny_cpu\.tasks"):
            compute_score("gcd", "1", "1", extra)


def test_an_edited_answer_is_refused(rows):
    row = rows[0]
    with pytest.raises(ValueError, match="the row was edited"):
        compute_score(row["data_source"], "1", "something else", row["extra_info"])


def test_scoring_costs_well_below_a_millisecond(rows):
    responses = [(row, answer) for row in rows for answer in perturbed(row)] * 2
    start = time.process_time()
    for row, answer in responses:
        score(row, answer)
    assert (time.process_time() - start) / len(responses) < 1e-3
