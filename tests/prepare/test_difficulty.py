"""Difficulty from columns: ranks within a source, gaps flagged, nothing guessed in silence."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from sparft_verl.prepare.cache import Cache
from sparft_verl.prepare.difficulty import (
    Difficulty,
    DifficultyConfig,
    ReferencesConfig,
    difficulty,
    quantile,
)
from sparft_verl.prepare.errors import PrepareError
from sparft_verl.prepare.read import DataConfig, read
from sparft_verl.prepare.rollouts_config import RolloutsConfig
from sparft_verl.prepare.workers import LocalWorkers

Level = Callable[..., Difficulty]


@pytest.fixture
def level(tmp_path: Path) -> Level:
    """The difficulty of rows that hold the given columns."""

    def make(config: DifficultyConfig, source: list[str] | None = None, **columns: list[Any]) -> Difficulty:
        n = len(next(iter(columns.values())))
        table = pa.table(
            {
                "data_source": source or ["s"] * n,
                "prompt": [[{"role": "user", "content": f"question {i}"}] for i in range(n)],
                "reward_model": [{"style": "rule", "ground_truth": "1"}] * n,
                **columns,
            }
        )
        pq.write_table(table, tmp_path / "train.parquet")
        prompts = read(DataConfig(train_files=str(tmp_path / "train.parquet")), Cache(None))
        return difficulty(prompts, config, cache=Cache(None), workers=LocalWorkers(), seed=0, threads=1)

    return make


def of(values: list[Any]) -> list[dict[str, Any]]:
    return [{"level": v} for v in values]


def config(**settings: Any) -> DifficultyConfig:
    return DifficultyConfig(column="extra_info.level", **settings)


@given(st.lists(st.integers(-5, 5).map(float), min_size=2, max_size=30))
def test_the_quantile_is_the_average_rank_on_a_scale_of_0_to_1(x: list[float]) -> None:
    expected = (rankdata(x, method="average") - 1) / (len(x) - 1)
    assert quantile(np.array(x)) == pytest.approx(expected)


def test_scales_of_different_sources_become_one(level: Level) -> None:
    values = [1.0, 2.0, 3.0, 1000.0, 5000.0, 2000.0]
    found = level(config(), ["a"] * 3 + ["b"] * 3, extra_info=of(values))
    assert found.value.tolist() == [0, 0.5, 1, 0, 1, 0.5]
    assert not found.missing.any() and found.known and found.notes == [] and found.kind == "column"
    assert found.solve_rate is None and found.references is None and len(found.drop) == 0


def test_the_global_scale_ranks_over_all_sources(level: Level) -> None:
    values = [1.0, 2.0, 3.0, 1000.0, 5000.0, 2000.0]
    found = level(config(scale="global"), ["a"] * 3 + ["b"] * 3, extra_info=of(values))
    assert found.value.tolist() == [0, 0.2, 0.4, 0.6, 1, 0.8]


def test_equal_values_are_in_the_middle(level: Level) -> None:
    assert level(config(), extra_info=of([4, 4, 4])).value.tolist() == [0.5, 0.5, 0.5]
    assert level(config(), extra_info=of([4])).value.tolist() == [0.5]


def test_a_missing_value_takes_its_sources_median_and_is_flagged(level: Level) -> None:
    found = level(config(), extra_info=of([0.0, None, 1.0, 2.0, float("nan")]))
    assert found.value.tolist() == [0, 0.5, 0.5, 1, 0.5]
    assert found.missing.tolist() == [False, True, False, False, True]
    assert found.notes == ["difficulty is missing in 2 of 5 rows of 's': set to its median"]


def test_a_source_without_any_value_is_said(level: Level) -> None:
    found = level(config(), ["a", "a", "b"], extra_info=of([1.0, 2.0, None]))
    assert found.value.tolist() == [0, 1, 0.5]
    assert "0.5, for it has none at all" in found.notes[0]


def test_rows_without_a_value_are_named_when_they_are_to_be_dropped(level: Level) -> None:
    found = level(config(missing="drop"), extra_info=of([3.0, None, 1.0, None]))
    assert found.drop.tolist() == [1, 3] and "left out" in found.notes[0]
    kept = found.keep(np.array([0, 2]))
    assert kept.value.tolist() == [1, 0] and not kept.missing.any() and len(kept.drop) == 0


def test_rows_without_a_value_stop_the_run_when_that_is_asked(level: Level) -> None:
    with pytest.raises(PrepareError, match=r"missing=error .* found 1 of 2 rows of 's'"):
        level(config(missing="error"), extra_info=of([3.0, None]))
    assert level(config(missing="error"), extra_info=of([3.0, 1.0])).value.tolist() == [1, 0]


def test_a_solve_rate_is_turned_round(level: Level) -> None:
    assert level(config(invert=True), extra_info=of([0.2, 0.9, 0.4])).value.tolist() == [1, 0, 0.5]
    found = level(config(invert=True, scale="raw"), extra_info=of([0.25, 1.0]))
    assert found.value.tolist() == [0.75, 0]


def test_no_column_means_constant_0_and_says_so(level: Level) -> None:
    found = level(DifficultyConfig(), id=[1, 2])
    assert found.value.tolist() == [0, 0] and found.missing.all() and not found.known
    assert "constant 0" in found.notes[0] and found.kind == "none"


def test_a_top_level_column_with_a_dot_in_its_name_is_found(level: Level) -> None:
    assert level(DifficultyConfig(column="a.b"), **{"a.b": [1.0, 2.0]}).value.tolist() == [0, 1]


def test_a_missing_column_is_named_with_what_there_is(level: Level) -> None:
    with pytest.raises(PrepareError, match=r"difficulty\.column .*'extra_info\.nope'.*extra_info\.level"):
        level(DifficultyConfig(column="extra_info.nope"), extra_info=of([1]))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["easy", "hard"], "must hold numbers, but row 0 holds 'easy'.*difficulty.levels="),
        ([1.0, float("inf")], "must be finite, but found inf in row 1"),
        ([None, None], "must hold at least one value, but found only missing ones in 2 rows"),
    ],
)
def test_values_that_are_no_difficulty_are_named(level: Level, values: list[Any], message: str) -> None:
    with pytest.raises(PrepareError, match=message):
        level(config(), extra_info=[{"level": v, "more": 1} for v in values])


def test_raw_values_must_lie_in_0_to_1(level: Level) -> None:
    with pytest.raises(PrepareError, match=r"needs values in \[0, 1\].*found 0\.0\.\.3\.0"):
        level(config(scale="raw"), extra_info=of([0.0, 3.0]))


def test_names_become_the_levels_that_were_given(level: Level) -> None:
    levels = {"easy": 0, "medium": 0.5, "hard": 1}
    found = level(config(levels=levels), extra_info=of(["hard", "easy", " medium ", "easy"]))
    assert found.value.tolist() == [1, 0, 0.5, 0] and found.kind == "levels"
    ranked = level(config(levels=levels, scale="quantile"), extra_info=of(["hard", "easy", "medium", "easy"]))
    assert ranked.value.tolist() == [1, pytest.approx(1 / 6), pytest.approx(2 / 3), pytest.approx(1 / 6)]


def test_numbers_may_be_names_of_levels(level: Level) -> None:
    found = level(config(levels={1: 0.25, "2": 0.75}), extra_info=of([2.0, 1.0, None]))
    assert found.value.tolist() == [0.75, 0.25, 0.5] and found.missing.tolist() == [False, False, True]


def test_a_name_without_a_level_is_listed(level: Level) -> None:
    with pytest.raises(PrepareError, match=r"row 1 holds 'hrad' .* for \['easy', 'hard'\]; add \['hrad'\]"):
        level(config(levels={"easy": 0, "hard": 1}), extra_info=of(["easy", "hrad"]))


def test_reference_columns_are_kept_as_pass_rates(level: Level) -> None:
    settings = config(references=ReferencesConfig(columns=["weak", "strong"]))
    found = level(settings, extra_info=of([1.0, 2.0]), weak=[0.25, 0.0], strong=[0.75, 0.5])
    assert found.references is not None and found.references.tolist() == [[0.25, 0.75], [0.0, 0.5]]
    assert found.references.dtype == np.float64 and found.notes == []
    assert found.described["references"] == {"weak": {"column": "weak"}, "strong": {"column": "strong"}}


def test_gaps_in_references_follow_the_same_rule_as_gaps_in_difficulty(level: Level) -> None:
    both = ReferencesConfig(columns=["weak", "strong"])
    columns = {"extra_info": of([1.0, 2.0, None]), "weak": [0.2, None, 0.4], "strong": [0.5, 0.7, 0.9]}
    found = level(config(references=both), **columns)
    assert found.references is not None and found.references[:, 0].tolist() == pytest.approx([0.2, 0.3, 0.4])
    assert any("pass rate of weak is missing in 1 of 3" in note for note in found.notes)
    assert level(config(references=both, missing="drop"), **columns).drop.tolist() == [1, 2]


def test_references_that_are_the_wrong_way_round_are_said(level: Level) -> None:
    both = ReferencesConfig(columns=["weak", "strong"])
    found = level(DifficultyConfig(references=both), weak=[0.9, 0.8], strong=[0.1, 0.2])
    assert any("wrong way round" in note for note in found.notes)


def test_a_reference_outside_0_to_1_is_named(level: Level) -> None:
    both = ReferencesConfig(columns=["weak", "strong"])
    with pytest.raises(PrepareError, match=r"columns: strong must hold pass rates.*found 3 in row 1"):
        level(DifficultyConfig(references=both), weak=[0.9, 0.8], strong=[0.1, 3.0])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"scale": "linear"}, "scale must be one of"),
        ({"missing": "guess"}, "missing must be one of"),
        ({"levels": {"easy": 0}}, "levels needs the column"),
        ({"column": "d", "levels": {"easy": 5}}, r"levels must lie in \[0, 1\]"),
        ({"invert": True}, "invert turns a column round"),
        ({"column": "d", "rollouts": RolloutsConfig(model="m")}, "from a column or from rollouts"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(PrepareError, match=message):
        DifficultyConfig(**settings)


@pytest.mark.parametrize(
    "settings", [{"columns": ["one"]}, {"models": ["a", ""]}, {"columns": ["a", "b"], "models": ["c", "d"]}]
)
def test_references_are_two_columns_or_two_models(settings: dict[str, Any]) -> None:
    with pytest.raises(PrepareError, match="references"):
        ReferencesConfig(**settings)
