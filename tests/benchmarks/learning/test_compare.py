"""Tables of methods: pairing, corrections, what is marked, and the goal."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from benchmarks.learning.compare import Table, compare
from benchmarks.learning.goal import judge
from benchmarks.learning.tables import as_json, by_family, headline, markdown, spending, text

from .records import record

Records = list[dict[str, Any]]


def runs(label: str, seeds: Sequence[int], **settings: Any) -> Records:
    return [record(label, seed, noise=0.01, **settings) for seed in seeds]


@pytest.fixture(scope="module")
def table() -> Table:
    return compare(
        [
            *runs("sparft", range(10), curriculum={"method": "sparft"}, speed=0.4),
            *runs("uniform-full", range(10)),
            *runs("auto", range(10), curriculum={"method": "sparft_target"}, speed=3),
            *runs("sec", range(10), curriculum={"method": "sec"}, speed=1.5),
            *runs("space", range(3), curriculum={"method": "space"}),
        ]
    )[0]


def test_the_baseline_comes_first_and_is_compared_with_nothing(table: Table) -> None:
    assert [row.label for row in table.rows] == ["uniform-full", "sparft", "auto", "sec", "space"]
    base = table.rows[0]
    assert base.gain is None and base.equal is None
    assert base.reached == 10 and base.ratio["rollouts"].mean.estimate == 1


def test_gains_and_ratios_are_those_of_the_curves(table: Table) -> None:
    ours, slow = table.rows[2], table.rows[1]
    assert ours.ratio["rollouts"].mean.estimate == pytest.approx(1 / 3, abs=0.05)
    assert ours.ratio["rollouts"].below_one and ours.reached == 10
    assert ours.ratio["tokens"].mean.estimate == pytest.approx(ours.ratio["rollouts"].mean.estimate, abs=0.01)
    assert ours.gain is not None and ours.gain.low > 0 and ours.area_gain.low > 0
    assert slow.reached == 0 and slow.ratio["rollouts"].bound == "≥" and not slow.ratio["rollouts"].below_one
    assert slow.gain is not None and slow.gain.high < 0
    assert slow.p == 2 / 1024


def test_equal_rollouts_are_the_whole_budget_here(table: Table) -> None:
    ours = table.rows[2]
    assert ours.equal is not None and ours.gain is not None
    assert ours.equal["rollouts"].estimate == pytest.approx(ours.gain.estimate, abs=0.02)


def test_headline_rows_are_corrected_among_themselves(table: Table) -> None:
    corrected = {row.label: row.p_holm for row in table.rows}
    assert corrected["sparft"] == pytest.approx(6 / 1024) and corrected["auto"] == pytest.approx(6 / 1024)
    space = table.rows[4]
    assert space.exploratory and space.p_holm == space.p >= 0.25


def test_only_seeds_of_the_baseline_are_paired() -> None:
    found = compare(
        [*runs("uniform-full", [1, 2, 3]), *runs("auto", [2, 3, 4], curriculum={"method": "sec"})]
    )
    assert found[0].rows[1].seeds == (2, 3)


def test_there_is_a_table_for_every_share_and_world_with_a_baseline() -> None:
    records = [
        *runs("uniform-full", [0], useless=0.9),
        *runs("uniform-full", [0], useless=0.0),
        *runs("uniform-full", [0], useless=0.0, world="confirm"),
        *runs("sec", [0], useless=0.3, curriculum={"method": "sec"}),
    ]
    assert [(one.world, one.useless) for one in compare(records)] == [
        ("confirm", 0.0),
        ("train", 0.0),
        ("train", 0.9),
    ]


def test_one_label_for_two_methods_is_refused() -> None:
    mixed = [
        *runs("auto", [0], curriculum={"method": "sec"}),
        *runs("auto", [1], curriculum={"method": "dump"}),
    ]
    with pytest.raises(ValueError, match=r"'auto' stands for two methods.*curriculum"):
        compare([*runs("uniform-full", [0, 1]), *mixed])


def test_markdown_and_text_mark_what_they_must(table: Table) -> None:
    cells = headline(table)
    assert all(len(line) == len(cells[0]) for line in cells)
    shown = markdown(cells)
    assert shown.splitlines()[1].count("|") == shown.splitlines()[0].count("|")
    slow = next(line for line in cells if line[0] == "sparft")
    assert slow[5].startswith("≥ ") and "≥" in slow[5].split(",")[1] and slow[6] == "0/10"
    assert cells[-1][0] == "space (exploratory)"
    assert text([table]).startswith("world train, 60 % useless prompts, against uniform-full\nmethod")
    assert cells[1][3:6] == ["–", "–", "1"]


def test_the_other_faces_have_a_row_for_each_method(table: Table) -> None:
    for cells in (spending(table), by_family(table)):
        assert len(cells) == 6 and {len(line) for line in cells} == {len(cells[0])}
    slow = spending(table)[2]
    assert slow[3:6] == ["not reached", "not reached", "∞ [∞, ∞]"]
    assert by_family(table)[0] == ["method", "ADD", "REV"]


def test_json_has_every_number_and_no_nan(table: Table) -> None:
    written = json.loads(json.dumps(as_json([table]), allow_nan=False))
    row = next(row for row in written[0]["rows"] if row["label"] == "auto")
    assert row["seeds"] == list(range(10)) and row["exploratory"] is False
    assert row["ratio"]["rollouts"]["mean"]["estimate"] == pytest.approx(1 / 3, abs=0.05)
    slow = next(row for row in written[0]["rows"] if row["label"] == "sparft")
    assert slow["ratio"]["rollouts"]["short"] == 10 and slow["ratio"]["rollouts"]["median"]["high"] is None
    assert {"method", "to", "mean"} <= written[0]["rollouts_ratio"][0].keys()


def test_the_goal_is_judged_beside_the_better_rival(table: Table) -> None:
    claims = judge([table], "train", "auto")
    assert [claim.asked for claim in claims] == [
        "at most 0.5 x the rollouts of uniform-full",
        "at most 0.75 x the rollouts of sec, the better of sec",
    ]
    assert all(claim.holds for claim in claims)
    assert not any(claim.holds for claim in judge([table], "train", "sparft"))
    assert judge([table], "confirm", "auto") == []


@pytest.mark.parametrize(("speed", "holds"), [(0.5, False), (1.0, True), (2.0, True)])
def test_worse_than_uniform_without_useless_prompts_fails_the_goal(speed: float, holds: bool) -> None:
    records = [
        *runs("uniform-full", range(10), useless=0.0),
        *runs("auto", range(10), useless=0.0, speed=speed, curriculum={"method": "sparft_target"}),
    ]
    claims = judge(compare(records), "train", "auto")
    assert [claim.holds for claim in claims] == [holds]
