"""The goal set before looking, and whether a table meets it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.learning.compare import Table
from benchmarks.learning.statistics import Ratio

USELESS = 0.6
MOST_OF_UNIFORM = 0.5
MOST_OF_RIVAL = 0.75
RIVALS = ("sec", "dump")
LEVEL = 0.05


@dataclass(frozen=True)
class Claim:
    """One part of the goal: what was asked, what came out, and whether it holds."""

    asked: str
    ratio: Ratio | None
    found: str
    holds: bool


def judge(tables: Sequence[Table], world: str, label: str) -> list[Claim]:
    """Return the parts of the goal that can be judged from the tables of `world` for the method `label`.

    At 60 % useless prompts: uniform's final accuracy with at most half its rollouts, and at most three quarters of
    those of SEC or DUMP, whichever needs fewer; both with the interval below 1. At 0 %: not significantly worse than
    uniform (final accuracy, p uncorrected, which is the stricter side here).
    """
    claims = []
    for table in tables:
        row = next((row for row in table.rows if row.label == label), None)
        if table.world != world or row is None:
            continue
        if table.useless == USELESS:
            asked = f"at most {MOST_OF_UNIFORM} x the rollouts of {table.baseline}"
            claims.append(_claim(asked, row.ratio["rollouts"], MOST_OF_UNIFORM))
            rivals = {name: table.better[label, name] for name in RIVALS if (label, name) in table.better}
            if rivals:
                # the better rival is the one beside which we look worst
                name = max(rivals, key=lambda name: rivals[name].mean.estimate)
                asked = (
                    f"at most {MOST_OF_RIVAL} x the rollouts of {name}, the better of {' and '.join(rivals)}"
                )
                claims.append(_claim(asked, rivals[name], MOST_OF_RIVAL))
        if table.useless == 0.0 and row.gain is not None:
            asked = f"not significantly worse than {table.baseline} without useless prompts"
            found = f"{100 * row.gain.estimate:+.1f} points, p = {row.p:.3g}"
            claims.append(Claim(asked, None, found, row.gain.estimate >= 0 or row.p > LEVEL))
    return claims


def _claim(asked: str, ratio: Ratio, most: float) -> Claim:
    mean = ratio.mean
    found = f"{ratio.bound}{mean.estimate:.2f} [{mean.low:.2f}, {mean.high:.2f}]"
    return Claim(asked, ratio, found, mean.estimate <= most and ratio.below_one)
