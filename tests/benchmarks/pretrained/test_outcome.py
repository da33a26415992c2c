"""What is read from a run's folder, a kill in the middle included."""

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.pretrained import outcome
from recipes.evaluation.scores import CollectError


def test_all_of_a_run_that_was_killed_and_resumed(
    run_folder: Callable[[Path], Path], held_out: Path, tmp_path: Path
) -> None:
    found = outcome.outcome(run_folder(tmp_path / "run"), held_out)
    tests = found["held_out"]
    assert tests["step"] == [0, 2, 3]
    assert tests["accuracy"]["all"] == [0.25, 0.5, 0.75]
    assert tests["accuracy"]["openai/gsm8k"] == [0.0, 0.5, 1.0]
    assert tests["accuracy"]["knights_knaves"] == [0.5, 0.5, 0.5]
    assert sum(score for scores in tests["items"]["after"].values() for score in scores) == 3
    assert tests["items"]["before"].keys() == tests["items"]["after"].keys() == set(tests["groups"]["all"])
    assert {name: len(items) for name, items in tests["groups"].items()} == {
        "all": 4, "openai/gsm8k": 2, "knights_knaves": 2
    }  # fmt: skip
    assert found["train"] == {
        "step": [1, 2, 3], "reward": [0.1, 0.2, 0.3], "degenerate_share": [0.9, 0.8, 0.7],
        "response_tokens": [None] * 3, "tokens": 300,
    }  # fmt: skip
    # the step trained twice counts once, as it was after the resume
    assert found["seconds"]["each"] == [9.0, 4.0, 4.0] and found["seconds"]["median"] == 4.0
    assert found["seconds"]["parts"] == {"gen": 2.0}
    assert found["overhead"]["ms"]["each"] == [2.0, 3.0, 4.0] and found["overhead"]["ms"]["median"] == 3.5


def test_only_pulls_that_count_are_counted(run_folder: Callable[[Path], Path], tmp_path: Path) -> None:
    found = outcome.pulls(run_folder(tmp_path / "run") / "sparft" / "journal.jsonl")
    assert found["names"] == ["easy", "hard"] and found["prompts"] == [3, 1]
    assert found["served"] == [[2, 1, 1], [0, 1, 1]]


def test_a_run_without_two_validations_has_no_gain(held_out: Path, tmp_path: Path) -> None:
    (tmp_path / "run" / "validation").mkdir(parents=True)
    with pytest.raises(CollectError, match=r"validations of two steps, but holds those of \[\]"):
        outcome.accuracies(tmp_path / "run", held_out)
