"""The rule from scores to successes that stage A and training share; tests/verl_plugin has the rest of it."""

import pytest

from sparft_verl.success import SuccessRule, parse_rules, to_success


def test_errors_are_of_the_callers_kind_and_name_the_callers_setting() -> None:
    class Mine(ValueError):
        pass

    with pytest.raises(Mine, match=r"score = -1\b.*'\+mine\.success=\{src:.*setting: mine\.success"):
        to_success(-1.0, None, "src", {}, setting="+mine.success", error=Mine)
    with pytest.raises(Mine, match=r"mine\.success\['src'\]: range needs lo < hi"):
        parse_rules({"src": {"range": [1, 0]}}, setting="mine.success", error=Mine)
    with pytest.raises(Mine, match=r"mine\.success\['src'\]: could not convert"):
        parse_rules({"src": {"threshold": "much"}}, setting="mine.success", error=Mine)


def test_rules_are_read_by_source() -> None:
    rules = parse_rules({"a": {"threshold": 2}, "*": {"range": [-1, 3]}}, setting="mine.success")
    assert rules == {"a": SuccessRule(threshold=2.0), "*": SuccessRule(range=(-1.0, 3.0))}
    assert to_success(1.9, None, "a", rules, setting="s") == 0.0
    assert to_success(1.0, None, "b", rules, setting="s") == 0.5
    assert to_success(9.0, True, "b", rules, setting="s") == 1.0
