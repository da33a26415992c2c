"""Every gold answer of the public sets and of the generated puzzles scores 1, perturbed ones 0.

Where verl's scorer for MATH sees it otherwise the pair stands in recipes/rewards/disagreements.json, and the test
prints it and fails when that list is not exact.
"""

import json
import os
import time
from pathlib import Path

import pytest

pytest.importorskip("reasoning_gym", reason="puzzles need the demo extra")

from verl.utils.reward_score import default_compute_score

from recipes import gym, maths
from recipes.countdown.data import PUZZLE as COUNTDOWN
from recipes.knights_knaves.data import dump
from recipes.rewards.puzzles import compute_score

from .perturb import BOXED, other_number, said, swapped_role

DATA = Path(os.environ.get("SPARFT_DATA", "nowhere"))
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="SPARFT_DATA names no folder with the public sets")
RECORDED = Path(__file__).resolve().parents[2] / "recipes" / "rewards" / "disagreements.json"
SETS = {
    "gsm8k_train": lambda: maths.gsm8k(maths.GSM8K_TRAIN, DATA),
    "gsm8k_test": lambda: maths.gsm8k(maths.GSM8K_TEST, DATA),
    "math_train": lambda: maths.math_train(DATA),
    "math500": lambda: maths.math500(DATA),
    "aime_train": lambda: maths.aime_train(DATA),
    "aime24": lambda: maths.aime24(DATA),
}


def truth(row: dict) -> str:
    return row["reward_model"]["ground_truth"]


def by_verl(row: dict, answer: str) -> float:
    """Return the success that verl's own scorer gives to a response with this answer."""
    score = default_compute_score(row["data_source"], said(row, answer), truth(row), row["extra_info"])
    return float(score["acc"] if isinstance(score, dict) else score)


def ours(row: dict, answer: str) -> float:
    return compute_score(row["data_source"], said(row, answer), truth(row), row["extra_info"])


@needs_data
@pytest.mark.parametrize("name", SETS)
def test_gold_answers_score_one_and_other_numbers_zero(name):
    rows = SETS[name]()
    assert [truth(row) for row in rows if by_verl(row, truth(row)) != 1.0] == []
    assert [truth(row) for row in rows if by_verl(row, other_number(truth(row))) != 0.0] == []
    assert {by_verl(row, "") for row in rows} == {0.0}


@needs_data
@pytest.mark.parametrize("name", SETS)
def test_answers_with_a_character_too_many_score_zero_but_for_the_recorded_ones(name):
    found = []
    for row in SETS[name]():
        gold = truth(row)
        for wrong in (gold + "1", "1" + gold, gold.removeprefix("-") if gold.startswith("-") else "-" + gold):
            if by_verl(row, wrong) != 0.0:
                found.append([gold, wrong])
    print(f"{name}: {len(found)} wrong answers that verl's scorer takes for right: {found}")
    assert found == json.loads(RECORDED.read_text())[name]


@needs_data
def test_dumps_knights_and_knaves_score_one_and_a_swapped_role_zero():
    rows = [row for part in dump(DATA).values() for row in part]
    assert len(rows) == 3900
    assert {ours(row, truth(row)) for row in rows} == {1.0}
    assert {ours(row, swapped_role(truth(row))) for row in rows} == {0.0}
    assert {ours(row, truth(row).rsplit("\n", 1)[0]) for row in rows} == {0.0}


@pytest.fixture(scope="module")
def puzzles() -> list[dict]:
    from recipes.arc1d.data import PUZZLE as ARC
    from recipes.knights_knaves.data import PUZZLE as ISLAND
    from recipes.zebra.data import PUZZLE as ZEBRA

    easy = gym.Puzzle(ZEBRA.name, ZEBRA.ability, ZEBRA.levels, (gym.File("test", (1, 2), 2),))
    made = [gym.build(puzzle, 8, None, 1) for puzzle in (COUNTDOWN, ARC, ISLAND, easy)]
    return [row for files in made for rows in files.values() for row in rows]


def test_gold_answers_of_the_puzzles_score_one_and_partly_right_ones_zero(puzzles):
    assert {row["data_source"] for row in puzzles} == {
        "countdown",
        "arc_1d",
        "knights_knaves",
        "zebra_puzzles",
    }
    for row in puzzles:
        gold = truth(row)
        wrong = swapped_role(gold) if row["data_source"] == "knights_knaves" else other_number(gold)
        assert (ours(row, gold), ours(row, wrong), ours(row, "")) == (1.0, 0.0, 0.0), row
        untagged = compute_score(row["data_source"], gold, gold, row["extra_info"])
        assert untagged == 0.0


def test_the_last_answer_counts_and_spacing_in_a_grid_does_not(puzzles):
    row = next(row for row in puzzles if row["data_source"] == "arc_1d")
    gold = truth(row)
    twice = f"<answer>{other_number(gold)}</answer> no: <answer>\n{gold.replace(' ', '  ')}\n</answer>"
    assert compute_score("arc_1d", twice, gold, row["extra_info"]) == 1.0
    back = f"<answer>{gold}</answer> no: <answer>{other_number(gold)}</answer>"
    assert compute_score("arc_1d", back, gold, row["extra_info"]) == 0.0


def test_another_right_countdown_expression_scores_one():
    extra = {"numbers": [1, 2, 3, 4], "target": 10}
    for answer, score in (
        ("4+(3*2)*1", 1.0),
        ("(4 + 3*2) * 1", 1.0),
        ("4+3+2+1", 1.0),
        ("4+3+2", 0.0),
        ("10", 0.0),
    ):
        assert compute_score("countdown", f"<answer>{answer}</answer>", "1+2+3+4", extra) == score, answer


@pytest.mark.parametrize(
    "answer", ["9**9**9**9", "__import__('os').getcwd()", "1//0", "(" * 40, "1/(2-2)*1", "\x00"]
)
def test_text_that_the_countdown_parser_would_evaluate_scores_zero_at_once(answer):
    start = time.perf_counter()
    extra = {"numbers": [1, 2, 2, 1], "target": 10}
    assert compute_score("countdown", f"<answer>{answer}</answer>", "x", extra) == 0.0
    assert time.perf_counter() - start < 2.0


def test_rows_of_other_recipes_are_refused_with_the_fix():
    with pytest.raises(ValueError, match=r"knights_knaves, countdown.*found 'openai/gsm8k'"):
        compute_score("openai/gsm8k", "1", "1", {})
    with pytest.raises(ValueError, match=r"extra_info\.numbers.*recipes\.countdown\.data"):
        compute_score("countdown", "<answer>1</answer>", "1", {"target": 3})


@needs_data
def test_deepscalers_answers_by_text_and_by_mathematics_in_a_thread_as_ray_calls_it():
    pytest.importorskip("math_verify", reason="DeepScaleR's reward needs math-verify")
    from concurrent.futures import ThreadPoolExecutor

    from recipes.rewards.maths import compute_score as score

    rows = maths.deepscaler(DATA)
    assert {score("deepscaler", BOXED.format(truth(row)), truth(row)) for row in rows} == {1.0}
    few = rows[::80]  # every one takes a tenth of a second on a loaded machine
    with ThreadPoolExecutor(2) as threads:
        wrong = list(
            threads.map(lambda r: score("deepscaler", said(r, other_number(truth(r))), truth(r)), few)
        )
        equal = threads.map(
            lambda pair: score("deepscaler", BOXED.format(pair[0]), pair[1]),
            [
                ("0.5", "\\frac{1}{2}"),
                ("(x+1)^2", "x^2+2x+1"),
                ("\\frac{14}{4}", "3.5"),
                ("12", "\\sqrt{144}"),
            ],
        )
        assert list(equal) == [1.0] * 4
    found = [[truth(r), other_number(truth(r))] for r, s in zip(few, wrong, strict=True) if s]
    print(f"deepscaler: {len(found)} wrong answers of {len(few)} that math-verify takes for right: {found}")
    recorded, tried = json.loads(RECORDED.read_text())["deepscaler"], [truth(row) for row in few]
    assert found == [pair for pair in recorded if pair[0] in tried]
    assert score("deepscaler", truth(rows[0]), truth(rows[0])) == 0.0
    assert score("openai/gsm8k", "#### 7", "7") == 1.0
