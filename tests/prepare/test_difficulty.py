"""Difficulty: ranks within a source, gaps flagged, nothing guessed in silence."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from sparft_verl.prepare.difficulty import DifficultyConfig, difficulty, quantile
from sparft_verl.prepare.errors import PrepareError


def _level(values: list[Any], source: list[str] | None = None, **settings: Any) -> Any:
    table = pa.table({"extra_info": [{"level": v} for v in values], "id": list(range(len(values)))})
    config = DifficultyConfig(column="extra_info.level", **settings)
    return difficulty(table, source or ["s"] * len(values), config)


@given(st.lists(st.integers(-5, 5).map(float), min_size=2, max_size=30))
def test_the_quantile_is_the_average_rank_on_a_scale_of_0_to_1(x: list[float]) -> None:
    expected = (rankdata(x, method="average") - 1) / (len(x) - 1)
    assert quantile(np.array(x)) == pytest.approx(expected)


def test_scales_of_different_sources_become_one() -> None:
    found = _level([1.0, 2.0, 3.0, 1000.0, 5000.0, 2000.0], ["a"] * 3 + ["b"] * 3)
    assert found.value.tolist() == [0, 0.5, 1, 0, 1, 0.5]
    assert not found.missing.any() and found.known and found.notes == []


def test_equal_values_are_in_the_middle() -> None:
    assert _level([4, 4, 4]).value.tolist() == [0.5, 0.5, 0.5]
    assert _level([4]).value.tolist() == [0.5]


def test_a_missing_value_takes_its_sources_median_and_is_flagged() -> None:
    found = _level([0.0, None, 1.0, 2.0, float("nan")], scale="quantile")
    assert found.value.tolist() == [0, 0.5, 0.5, 1, 0.5]
    assert found.missing.tolist() == [False, True, False, False, True]
    assert found.notes == ["difficulty is missing in 2 of 5 rows of 's': set to its median"]


def test_a_source_without_any_value_is_said() -> None:
    found = _level([1.0, 2.0, None], ["a", "a", "b"])
    assert found.value.tolist() == [0, 1, 0.5]
    assert "0.5, for it has none at all" in found.notes[0]


def test_a_solve_rate_is_turned_round() -> None:
    assert _level([0.2, 0.9, 0.4], invert=True).value.tolist() == [1, 0, 0.5]
    assert _level([0.25, 1.0], invert=True, scale="raw").value.tolist() == [0.75, 0]


def test_no_column_means_constant_0_and_says_so() -> None:
    found = difficulty(pa.table({"id": [1, 2]}), ["s", "s"], DifficultyConfig())
    assert found.value.tolist() == [0, 0] and found.missing.all() and not found.known
    assert "constant 0" in found.notes[0]


def test_a_top_level_column_with_a_dot_in_its_name_is_found() -> None:
    table = pa.table({"a.b": [1.0, 2.0]})
    assert difficulty(table, ["s", "s"], DifficultyConfig(column="a.b")).value.tolist() == [0, 1]


@pytest.mark.parametrize("column", ["nope", "extra_info.nope", "id.level"])
def test_a_missing_column_is_named_with_what_there_is(column: str) -> None:
    table = pa.table({"extra_info": [{"level": 1}], "id": [1]})
    with pytest.raises(PrepareError, match=rf"'{column}' is not among .*'extra_info\.level', 'id'"):
        difficulty(table, ["s"], DifficultyConfig(column=column))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["easy", "hard"], "must hold numbers, but row 0 holds 'easy'"),
        ([1.0, float("inf")], "must be finite, but found inf in row 1"),
        ([None, None], "must hold at least one value, but found only missing ones in 2 rows"),
    ],
)
def test_values_that_are_no_difficulty_are_named(values: list[Any], message: str) -> None:
    with pytest.raises(PrepareError, match=message):
        _level(values)


def test_raw_values_must_lie_in_0_to_1() -> None:
    with pytest.raises(PrepareError, match=r"needs values in \[0, 1\], but found 0\.0\.\.3\.0"):
        _level([0.0, 3.0], scale="raw")
