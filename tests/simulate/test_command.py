import json
import math

import pytest

from sparft_verl import __version__, cli
from sparft_verl.curricula import METHODS
from sparft_verl.simulate import SCENARIOS, main
from sparft_verl.simulate.variants import adjust, parse_variants, read_value

QUICK = ["--steps", "3", "--seeds", "2"]


def test_the_table_has_a_line_per_method_and_says_what_it_does_not_show(capsys) -> None:
    assert cli.main(["simulate", "--methods", "sparft:sigma=.5,uniform", *QUICK]) == 0
    shown = capsys.readouterr().out
    assert "mixed: " in shown and "groups 1 to 3 steps late, 2% lost; 2 seeds" in shown
    lines = {line.split()[0]: line for line in shown.splitlines() if line}
    assert "±" in lines["uniform"] and "±" in lines["sparft:sigma=.5"]
    assert "say nothing about how much a language model learns" in shown.splitlines()[-1]


def test_one_seed_has_no_deviation(capsys) -> None:
    assert main(["--methods", "uniform", "--steps", "3", "--seeds", "1"]) == 0
    assert "±" not in capsys.readouterr().out


def test_json_holds_what_was_run_and_every_run(tmp_path, capsys) -> None:
    file = tmp_path / "out.json"
    line = ["--methods", "uniform,sparft:sigma=2", "--set", "curriculum.repeat=true", "returns.lag=2"]
    assert main([*line, "--first-seed", "5", "--json", str(file), *QUICK]) == 0
    found = json.loads(file.read_text())
    assert found["versions"]["sparft-verl"] == __version__ and found["seeds"] == [5, 6]
    assert found["scenario"]["returns"]["lag"] == 2 and found["scenario"]["steps"] == 3
    uniform, sparft = found["methods"]
    assert uniform["settings"] == {"repeat": True}
    assert sparft["settings"] == {"repeat": True, "sigma": 2} and sparft["method"] == "sparft"
    assert [run["seed"] for run in sparft["runs"]] == [5, 6]
    values = [run["measures"]["regret"] for run in sparft["runs"]]
    assert sparft["mean"]["regret"] == pytest.approx(sum(values) / 2)
    assert sparft["sd"]["regret"] == pytest.approx(abs(values[0] - values[1]) / math.sqrt(2))
    assert set(found["measures"]) == set(sparft["mean"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--methods", "sparfd"], "'sparfd' is not a method; choose from"),
        (["--methods", "uniform,uniform"], "'uniform' is written twice"),
        (["--methods", "sparft:sigma"], "a setting is written key=value, got 'sigma'"),
        (["--methods", "sparft:sigma=-1"], "got -1"),
        (["--methods", "sparft:seed=1"], "curriculum.seed cannot be set, got 1; it comes from --seeds"),
        (["--scenario", "hard"], "'hard' is not a scenario; choose from trap, mixed, skewed, large"),
        (["--seeds", "0"], "--seeds must be at least 1, got 0"),
        (["--steps", "-1"], "--steps must be at least 1, got -1"),
        (["--first-seed", "-1"], "--first-seed must be at least 0, got -1"),
        (["--set", "items.ded=1"], "'items.ded' is not a setting; choose from curriculum.*, items.arms"),
        (["--set", "items.dead=x"], "items.dead must be an integer in 0 .. 10, got 'x'"),
        (["--set", "returns.lost=2"], "returns.lost must be a number in 0 .. 0.99, got 2.0"),
        (["--set", "learning.law=kalman"], "learning.law must be one of irt, toy, got 'kalman'"),
        (["--set", "curriculum.tua=1"], "tua"),
        (["--set", "batch=5000"], "5000"),
        (["--json", "nowhere/x.json"], "the folder nowhere does not exist"),
    ],
)
def test_a_bad_argument_is_named_with_its_value_and_leaves_2(arguments, message, capsys) -> None:
    assert main([*QUICK, *arguments]) == 2
    shown = capsys.readouterr()
    assert message in shown.err and shown.out == ""


def test_help_lists_the_scenarios(capsys) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--help"])
    shown = capsys.readouterr().out
    assert stopped.value.code == 0 and "sparft simulate" in shown
    assert all(name in shown for name in SCENARIOS)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        (".5", 0.5),
        ("1e-3", 1e-3),
        ("true", True),
        ("null", None),
        ("slot", "slot"),
        ("[1,2]", [1, 2]),
    ],
)
def test_values_are_read_as_what_they_look_like(text, value) -> None:
    assert read_value(text) == value and type(read_value(text)) is type(value)


def test_all_stands_for_every_method_that_needs_nothing_of_the_user() -> None:
    labels = [variant.label for variant in parse_variants("all")]
    assert {"sparft", "uniform"} <= set(labels) == set(METHODS) - {"custom"}


def test_settings_of_one_variant_win_over_the_common_ones() -> None:
    first, second = parse_variants("sparft:sigma=2,sparft", {"sigma": 0.5})
    assert (first.label, first.settings) == ("sparft:sigma=2", {"sigma": 2})
    assert second.settings == {"sigma": 0.5}


def test_a_scenario_is_adjusted_by_dotted_names_and_the_named_one_stays() -> None:
    changed = adjust(SCENARIOS["mixed"], {"items.dead": 2, "learning.gain": 1, "batch": 8})
    assert (changed.items.dead, changed.learning.gain, changed.batch) == (2, 1.0, 8)
    assert isinstance(changed.learning.gain, float)
    assert SCENARIOS["mixed"].items.dead == 1 and changed.returns == SCENARIOS["mixed"].returns
