"""Figures are whole SVG files that show the numbers they were given."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from benchmarks.learning.chart import COLOURS, HEIGHT, Line, lines
from benchmarks.learning.figures import arm_map, curves, trap, unsolvable_share

from .records import ARMS, record

SVG = "{http://www.w3.org/2000/svg}"
RUNS = [record(label, seed, noise=0.01) for label in ("uniform-full", "auto") for seed in range(4)]


def words(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_a_curve_for_each_method_that_was_run() -> None:
    svg = curves(RUNS, ["uniform-full", "sparft", "auto"], "60 % useless prompts")
    root = ElementTree.fromstring(svg)
    paths = [path for path in root.iter(f"{SVG}path") if (path.get("class") or "").startswith("line")]
    bands = [path for path in root.iter(f"{SVG}path") if (path.get("class") or "").startswith("band")]
    assert len(paths) == len(bands) == 2
    assert {"uniform-full", "auto", "rollouts"} <= set(words(svg)) and "sparft" not in words(svg)
    mean = np.mean([run["curve"]["overall"][-1] for run in RUNS[:4]])
    assert f"uniform-full {100 * mean:.1f} %" in root.find(f"{SVG}desc").text
    assert len(re.findall(r"[ML]", paths[0].get("d"))) == len(RUNS[0]["curve"]["update"])


def test_the_trap_shows_the_share_of_unsolvable_prompts() -> None:
    run = record("sparft", 0)
    run["train"]["served"]["unsolvable"][0] = 20
    run["train"]["served"]["useful"][0] = 50
    assert unsolvable_share(run)[:2] == pytest.approx([0.25, 0.125])
    svg = trap([run, *RUNS])
    assert {"sparft", "auto", "uniform-full", "update"} <= set(words(svg))


def test_arms_are_sorted_by_what_they_are_worth() -> None:
    svg = arm_map(RUNS[0])
    names = [word for word in words(svg) if any(word.startswith(arm) for arm in ARMS)]
    assert names == ["ADD/0 useful", "ADD/1 useful", "HASH/0 unsolvable", "REV/0 duplicated"]
    assert "75 % of the prompts served were useful" in ElementTree.fromstring(svg).find(f"{SVG}desc").text
    assert "40 of 80 prompts" in svg


def test_names_that_end_together_do_not_overlap() -> None:
    x = np.array([0.0, 1.0])
    none = np.full(2, np.nan)
    same = [Line(f"m{i}", x, np.array([0.2, 0.5 + 0.0001 * i]), none, none, i) for i in range(COLOURS)]
    svg = lines(same, x_name="x", y_name="y", label="l", description="d", said=str)
    places = sorted(
        float(e.get("y"))
        for e in ElementTree.fromstring(svg).iter(f"{SVG}text")
        if (e.text or "").startswith("m")
    )
    assert min(np.diff(places)) >= 14.9 and places[-1] <= HEIGHT
    with pytest.raises(ValueError, match=r"its own colour, got m0 0,.* m0 0"):
        lines([*same, same[0]], x_name="x", y_name="y", label="l", description="d", said=str)


def test_a_method_has_its_colour_in_every_chart() -> None:
    runs = [record(label, 0) for label in ("new", "auto", "uniform-full")]
    for labels in (["auto", "new"], ["uniform-full", "new", "auto"]):
        root = ElementTree.fromstring(curves(runs, labels, "all"))
        classes = {text.text: text.get("class") for text in root.iter(f"{SVG}text") if text.text in labels}
        assert classes == {
            label: {"uniform-full": "t0", "auto": "t5", "new": "t7"}[label] for label in labels
        }
    with pytest.raises(ValueError, match="8 colours, got 9"):
        curves(runs, [f"m{i}" for i in range(9)], "all")
