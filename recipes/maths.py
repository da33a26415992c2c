"""The public maths sets that the recipes train and test on, and how their rows read in verl's format."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from recipes.raw import Raw, Source, read
from recipes.rows import RecipeError, Row, row

HASHED = 'Let\'s think step by step and output the final answer after "####".'
BOXED = "Let's think step by step and output the final answer within \\boxed{}."
INTEGER = "The answer is an integer; write it without leading zeros."

GSM8K_TRAIN, GSM8K_TEST = (
    Source(
        hub="openai/gsm8k",
        revision="740312add88f781978c0658806c59bc2815b9866",
        split=split,
        copy=f"gsm8k_{split}.jsonl",
        subset="main",
    )
    for split in ("train", "test")
)
MATH_TRAIN = Source(
    hub="DigitalLearningGmbH/MATH-lighteval",
    revision="0530c78699ea5e8eb5530600900e1f328b48acad",
    split="train",
    copy="math_train.json",
    subset="default",
)
MATH500 = Source(
    hub="HuggingFaceH4/MATH-500",
    revision="6e4ed1a2a79af7d8630a6b768ec859cb5af4d3be",
    split="test",
    copy="math500.json",
)
AIME_TRAIN = Source(
    hub="di-zhang-fdu/AIME_1983_2024",
    revision="3e2cc86390666c5c756622afc0eeb9e6194496bc",
    split="train",
    copy="aime_train.json",
)
AIME24 = Source(
    hub="HuggingFaceH4/aime_2024",
    revision="2fe88a2f1091d5048c0f36abc874fb997b3dd99a",
    split="train",
    copy="aime24.json",
)
AIME25 = Source(
    hub="math-ai/aime25",
    revision="563bb8404243c5f09de6ec262f2db674fe5bce9b",
    split="test",
    copy="aime25.jsonl",
)
DEEPSCALER = Source(
    hub="lime-nlp/DeepScaleR_Difficulty",
    revision="07cda162b4f9eb680e1e738f17c6cbfbd5021b53",
    split="train",
    copy="deepscaler_10k.parquet",
    subset="Difficulty Score",
)


def _need(raw: dict[str, Any], names: tuple[str, ...], what: str) -> Any:
    """Return the first of several columns that a row has; data sets name the same thing differently."""
    for name in names:
        if raw.get(name) is not None:
            return raw[name]
    raise RecipeError(
        f"rows of {what} must have {' or '.join(names)}, but found {sorted(raw)}; the source has changed: pin the "
        "revision that recipes/maths.py names"
    )


def gsm8k(source: Source, folder: Path | None) -> list[Row]:
    """Return GSM8K's rows; difficulty is the number of calculations in the reference solution."""
    rows = []
    for index, raw in enumerate(read(source, folder)):
        solution = _need(raw, ("answer",), source.hub)
        truth = solution.rsplit("####", 1)[-1].strip().replace(",", "")
        steps = float(len(re.findall(r"<<.*?>>", solution)))
        question = _need(raw, ("question",), source.hub)
        prompt = f"{question} {HASHED}"
        rows.append(
            row("openai/gsm8k", "math", prompt, question, truth, source.split, index, difficulty=steps)
        )
    return rows


def math_train(folder: Path | None) -> list[Row]:
    """Return MATH's training rows; difficulty is the level from 1 to 5, None where the set gives none.

    Rows without an answer, four in the copy, are left out: no reward could be given for them.
    """
    rows: list[Row] = []
    for raw in read(MATH_TRAIN, folder):
        truth = raw["answer"] if "answer" in raw else _last_boxed(_need(raw, ("solution",), MATH_TRAIN.hub))
        if truth:
            rows.append(_boxed(MATH_TRAIN.hub, raw, truth, "train", len(rows), _level(raw)))
    return rows


def _last_boxed(solution: str) -> str | None:
    from verl.utils.reward_score.math_reward import last_boxed_only_string, remove_boxed

    boxed = last_boxed_only_string(solution)
    return None if boxed is None else remove_boxed(boxed)


def math500(folder: Path | None) -> list[Row]:
    """Return MATH-500; difficulty is the level from 1 to 5."""
    rows = read(MATH500, folder)
    return [
        _boxed(MATH500.hub, raw, _need(raw, ("answer",), MATH500.hub), "test", index, _level(raw))
        for index, raw in enumerate(rows)
    ]


def aime_train(folder: Path | None) -> list[Row]:
    """Return AIME of 1983 to 2023; difficulty is the problem's place in its paper, 1 to 15."""
    raw = [
        one for one in read(AIME_TRAIN, folder) if int(_need(one, ("year", "Year"), AIME_TRAIN.hub)) < 2024
    ]
    return _aime(raw, AIME_TRAIN, "aime_1983_2023", "train")


def aime24(folder: Path | None) -> list[Row]:
    """Return both papers of AIME 2024."""
    return _aime(read(AIME24, folder), AIME24, "aime24", "test")


def aime25(folder: Path | None) -> list[Row]:
    """Return both papers of AIME 2025."""
    return _aime(read(AIME25, folder), AIME25, "aime25", "test")


def deepscaler(folder: Path | None) -> list[Row]:
    """Return DeepScaleR; difficulty is 100 - the per cent of 128 answers of Qwen2.5-Math-7B that were right.

    The local copy is a part of the set and has no difficulty: None.
    """
    rows = []
    for index, raw in enumerate(read(DEEPSCALER, folder)):
        if "reward_model" in raw:  # the copy is in verl's format
            given = {"problem": raw["extra_info"]["question"], "answer": raw["reward_model"]["ground_truth"]}
            raw, solved = given, None
        else:
            solved = _need(raw, ("solved_percentage",), DEEPSCALER.hub)
        truth = str(_need(raw, ("ground_truth", "answer"), DEEPSCALER.hub))
        difficulty = None if solved is None else 100.0 - float(solved)
        rows.append(_boxed("deepscaler", raw, truth, "train", index, difficulty))
    return rows


def _boxed(
    source: str, raw: dict[str, Any], truth: str, split: str, index: int, difficulty: float | None
) -> Row:
    question = _need(raw, ("problem",), source)
    prompt = f"{question} {BOXED}"
    return row(source, "math", prompt, question, truth, split, index, difficulty=difficulty)


def _level(raw: dict[str, Any]) -> float | None:
    """Return the level of a MATH problem: `Level 3` on the hub, 3.0 in the copy; both have a few without one."""
    found = re.search(r"[1-5]", str(raw.get("level", raw.get("difficulty"))))
    return float(found[0]) if found else None


def _aime(raws: Raw, source: Source, name: str, split: str) -> list[Row]:
    rows = []
    for index, raw in enumerate(raws):
        question = _need(raw, ("problem", "Question"), source.hub)
        # 073 and 73 are one answer, and models write 73
        truth = str(int(_need(raw, ("answer", "Answer"), source.hub)))
        place = raw.get("problem_number", raw.get("Problem Number"))
        prompt = f"{question} {INTEGER} {BOXED}"
        difficulty = float(place) if place else None
        rows.append(row(name, "math", prompt, question, truth, split, index, difficulty=difficulty))
    return rows
