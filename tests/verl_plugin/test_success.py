import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparft_verl.verl_plugin.errors import CurriculumError
from sparft_verl.verl_plugin.success import SuccessRule, parse_rules, to_success


def test_acc_comes_before_the_score_and_before_the_rule() -> None:
    rules = {"math": SuccessRule(threshold=2.0)}
    assert to_success(-1.0, 1.0, "math", rules) == 1.0
    assert to_success(5.0, False, "math", rules) == 0.0


def test_a_score_in_the_unit_interval_needs_no_rule() -> None:
    assert to_success(0.25, None, "gsm8k", {}) == 0.25


@pytest.mark.parametrize(("score", "expected"), [(-3.0, 0.0), (0.99, 0.0), (1.0, 1.0), (3.0, 1.0)])
def test_threshold_counts_a_score_at_least_as_high_as_solved(score: float, expected: float) -> None:
    assert to_success(score, None, "kk", {"kk": SuccessRule(threshold=1.0)}) == expected


@pytest.mark.parametrize(
    ("score", "expected"), [(-1.0, 0.0), (0.0, 0.5), (1.0, 1.0), (7.0, 1.0), (-7.0, 0.0)]
)
def test_range_rescales_linearly_and_clips(score: float, expected: float) -> None:
    assert to_success(score, None, "x", {"x": SuccessRule(range=(-1.0, 1.0))}) == expected


def test_the_star_rule_serves_sources_without_a_rule_of_their_own() -> None:
    rules = {"*": SuccessRule(threshold=1.0), "x": SuccessRule(threshold=5.0)}
    assert to_success(2.0, None, "y", rules) == 1.0
    assert to_success(2.0, None, "x", rules) == 0.0


@pytest.mark.parametrize("score", [-1.0, 1.5, math.nan, math.inf])
def test_a_score_outside_the_unit_interval_stops_naming_source_value_and_setting(score: float) -> None:
    with pytest.raises(CurriculumError, match=r"math_dapo.*score = .*curriculum\.success"):
        to_success(score, None, "math_dapo", {})


def test_an_acc_outside_the_unit_interval_stops() -> None:
    with pytest.raises(CurriculumError, match=r"reward_extra_info\.acc = 2"):
        to_success(0.5, 2.0, "s", {"s": SuccessRule(threshold=0.0)})


def test_nan_is_not_hidden_by_a_rule() -> None:
    with pytest.raises(CurriculumError, match="nan"):
        to_success(math.nan, None, "s", {"s": SuccessRule(range=(-1, 1))})


@pytest.mark.parametrize(
    "raw",
    [
        {"s": {"treshold": 1}},
        {"s": {}},
        {"s": {"threshold": 1, "range": [0, 1]}},
        {"s": {"range": [1, 1]}},
        {"s": {"range": [0]}},
        {"s": 1.0},
    ],
)
def test_a_malformed_rule_is_refused(raw: dict) -> None:
    with pytest.raises(CurriculumError, match=r"curriculum\.success"):
        parse_rules(raw)


@given(
    st.floats(-1e6, 1e6),
    st.one_of(
        st.floats(-1e3, 1e3).map(lambda x: SuccessRule(threshold=x)),
        st.tuples(st.floats(-1e3, 0), st.floats(1, 1e3)).map(lambda r: SuccessRule(range=r)),
    ),
)
def test_every_rule_gives_a_success_in_the_unit_interval(score: float, rule: SuccessRule) -> None:
    assert 0.0 <= to_success(score, None, "s", {"s": rule}) <= 1.0
