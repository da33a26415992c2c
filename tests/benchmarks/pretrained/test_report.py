"""The table: means over seeds, paired differences from uniform, costs; runs that are not there yet."""

import pytest

from benchmarks.pretrained.report import table, text

from .records import record

RECORDS = [
    record("sec", 1, [0, 0, 0, 1], [1, 1, 1, 1], 4.0),
    record("uniform", 1, [0, 0, 0, 1], [1, 0, 0, 1]),
    record("sec", 2, [0, 0, 0, 1], [1, 1, 0, 1], 2.0),
    record("uniform", 2, [0, 0, 0, 1], [1, 0, 0, 1]),
]


def test_means_differences_and_costs() -> None:
    found = table(RECORDS, "uniform")
    uniform, sec = found["all"]
    assert (uniform["method"], uniform["seeds"], uniform["before"], uniform["after"]) == (
        "uniform",
        2,
        0.25,
        0.5,
    )
    assert uniform["difference"] is None and uniform["sd_over_seeds"] == 0.0
    assert sec["after"] == pytest.approx(0.875) and sec["difference"] == pytest.approx(0.375)
    assert sec["difference_low"] <= 0.375 <= sec["difference_high"] and 0 < sec["p"] <= 1
    assert sec["sd_over_seeds"] == pytest.approx(0.125 * 2**0.5)
    assert (sec["seconds_per_step"], sec["overhead_ms"], sec["overhead_percent"]) == (3.0, 3.0, 0.1)
    assert found["gsm8k"][1]["after"] == 1.0 and found["gsm8k"][0]["items"] == 2
    printed = text(found)
    assert "all (4 items)" in printed and "+0.375" in printed


def test_without_the_baseline_nothing_is_compared() -> None:
    (line,) = table(RECORDS[:1], "uniform")["all"]
    assert line["difference"] is None and line["sd_over_seeds"] is None and line["after"] == 1.0
    assert text({}) == "no run has ended yet"
