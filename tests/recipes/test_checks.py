"""What `make recipes-check` looks at before it runs anything: command lines, tables, sources of numbers."""

from __future__ import annotations

import pytest

pytest.importorskip("verl", reason="needs verl")

from recipes.checks import tables
from recipes.checks.compose import check, verl_config
from recipes.checks.inputs import LEVELS, data_arguments
from recipes.checks.lines import BASELINES, CURRICULA, METHODS, SMOKE, TINY, Line, folders, lines, words
from recipes.checks.raw_rows import ROWS
from recipes.checks.summary import Summary


def value(overrides: list[str], key: str) -> str | None:
    found = [text.split("=", 1)[1] for text in overrides if text.split("=", 1)[0].lstrip("+") == key]
    return found[-1] if found else None


def test_every_folder_meets_every_curriculum_and_baseline_and_every_script_is_there():
    found = lines()
    for recipe in folders():
        settings = [line.settings for line in found if line.recipe == recipe]
        if recipe == "smoke_gpu":
            assert [one.get("NNODES") for one in settings] == [None, None, "2", "2"]
            continue
        assert {one["CURRICULUM"] for one in settings if "CURRICULUM" in one} == set(CURRICULA)
        assert {one["BASELINE"] for one in settings if "BASELINE" in one} == set(BASELINES)
        assert {line.script for line in found if line.recipe == recipe} == set(folders()[recipe])
    assert len(found) == 9 * len(METHODS) + 4 + 8 + sum(len(mine) - 1 for mine in folders().values())


def test_the_tiny_script_and_the_smoke_run_are_composed_in_verl_like_the_others():
    with verl_config():
        for baseline in ("full", "random"):
            ours, said = words(Line(TINY, {"BASELINE": baseline}))
            config = check(said, ours)
            assert (config.curriculum.method, config.curriculum.artefact) == (
                "uniform",
                f"/artefact-{baseline}",
            )
        _, said = words(Line(SMOKE, {"CURRICULUM": "sparft", "NNODES": "2"}))
        config = check(said)
    assert (config.trainer.nnodes, config.trainer.n_gpus_per_node) == (2, 1)
    assert (config.trainer.total_training_steps, config.trainer.save_freq) == (20, 5)


def test_a_wrong_baseline_stops_the_tiny_script_too():
    with pytest.raises(ValueError, match=r"BASELINE must be full.*, got 'best'"):
        words(Line(TINY, {"BASELINE": "best"}))


@pytest.mark.parametrize("recipe", LEVELS)
def test_a_folder_that_generates_its_rows_is_asked_for_as_many_as_the_others(recipe):
    from importlib import import_module

    (train,) = (file for file in import_module(f"recipes.{recipe}.data").PUZZLE.files if file.name == "train")
    arguments = data_arguments(recipe, tables.RECIPES)
    asked = int(arguments[arguments.index("--train") + 1]) * len(train.levels)
    assert ROWS <= asked < ROWS + len(train.levels)


def test_both_readme_files_hold_the_table_and_every_folder_its_sections_costs_and_sources():
    assert list(tables.check_tables()) == []


@pytest.mark.parametrize(
    ("name", "text", "fine"),
    [
        ("Published", "SEC: +13 % (arXiv 2505.14970).", True),
        ("Published", "SEC: +13 %.", False),
        ("Published", "SEC: +13 % (arXiv 2505.14970). DUMP reaches .301.", False),
        ("Published", "No value is available.", True),
        ("Published", "See https://example.org for 3 values.", True),
        ("Measured", "Not measured.", True),
        ("Measured", "Accuracy .431 on 8 x H100, commit 70e0c90.", True),
        ("Measured", "Accuracy .431 (arXiv 2505.14970).", False),
        ("Measured", "Accuracy .431, in `benchmarks/results/e2e-full.json`.", True),
        ("Measured", "Accuracy .431, in `benchmarks/results/nothing.json`.", False),
    ],
)
def test_a_number_needs_its_source(name, text, fine):
    found = tables.unsourced({name: text})
    assert (found == []) is fine, found


def test_a_readme_without_a_section_or_with_another_cost_is_named():
    sections = tables.paragraphs("# T\n\n**Data.** here\n\n**Expected cost.** 7 steps\n")
    assert sections == {"Data": "here", "Expected cost": "7 steps"}
    assert tables.missing(sections) == [
        f"a paragraph that begins with **{name}.** is missing"
        for name in ("Prepare", "Published", "Measured")
    ]
    script = folders()["gsm8k"][0]
    (said,) = tables._cost(sections, script)
    assert "200 steps of 16 prompts x 8 answers, 25,600 answers of at most 1,024 tokens" in said


def test_the_last_table_counts_lines_and_seconds():
    summary = Summary(["gsm8k", "tiny_cpu"])
    summary.rows["gsm8k"].composed, summary.rows["gsm8k"].refused = 16, 1
    summary.rows["tiny_cpu"].composed, summary.rows["tiny_cpu"].ran = 12, "passed"
    summary.rows["tiny_cpu"].seconds = {"wait": 0.0, "train": 31.25, "cpu": 40.0}
    head, gsm8k, tiny, total = str(summary).splitlines()
    assert head.split("  ")[0] == "folder" and gsm8k.split() == ["gsm8k", "16,", "1", "refused", "-"]
    assert tiny.split() == ["tiny_cpu", "12", "passed", "0.0", "31.2", "40.0"]
    assert total.split() == ["all", "28"]
