"""What was written before the confirmation families were run is what is run."""

import json

import pytest

from benchmarks.learning.families import of_kind
from benchmarks.learning.goal import MOST_OF_RIVAL, MOST_OF_UNIFORM
from benchmarks.learning.mixes import training_set
from benchmarks.learning.suites import CONFIRMATION, HEADLINE, SUITES
from sparft_verl.curricula import CurriculumConfig

TOLD = json.loads(CONFIRMATION.read_text())


def test_the_families_are_those_of_the_world() -> None:
    kinds = {kind: [family.name for family in of_kind("confirm", kind)] for kind in TOLD["families"]}
    assert kinds == TOLD["families"]


def test_the_candidate_is_the_one_that_is_run_with_the_defaults_of_today() -> None:
    candidate = TOLD["candidate"]
    runs = [run for run in SUITES["confirm"] if run.label == candidate["label"]]
    assert len(runs) == len(TOLD["seeds"]) * len(TOLD["useless"])
    config = CurriculumConfig.of(runs[0].settings).as_dict()
    assert candidate["curriculum"].items() <= config.items()
    assert set(runs[0].settings) == {"method"}
    assert candidate["arms"] == runs[0].arms
    assert candidate["prepare"].items() >= runs[0].stage_a.items()


def test_the_seed_that_was_replaced_cannot_be_drawn() -> None:
    late = TOLD["amended"]
    with pytest.raises(ValueError, match="xor/0 has 119"):
        training_set("confirm", late["useless"], late["seed"])


def test_seeds_mixes_methods_and_goal_are_those_written() -> None:
    runs = SUITES["confirm"]
    assert {run.world for run in runs} == {"confirm"}
    assert sorted({run.useless for run in runs}) == TOLD["useless"]
    late = TOLD["amended"]
    for useless in TOLD["useless"]:
        seeds = {run.seed for run in runs if run.useless == useless}
        asked = set(TOLD["seeds"])
        assert seeds == (asked if useless != late["useless"] else asked - {late["seed"]} | {late["instead"]})
    assert list(dict.fromkeys(run.label for run in runs)) == TOLD["methods"] == list(HEADLINE)
    assert f"{MOST_OF_UNIFORM} x" in TOLD["goal"][0] and f"{MOST_OF_RIVAL} x" in TOLD["goal"][1]
