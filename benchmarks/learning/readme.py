"""Writes the generated parts of the pages anew: tables between markers, figures beside them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.learning import sections
from benchmarks.learning.compare import BASELINE
from benchmarks.learning.crosscheck.agree import table as crosscheck
from benchmarks.learning.crosscheck.specs import SPECS as CROSSCHECK
from benchmarks.learning.figures import arm_map, curves, of, trap
from benchmarks.learning.spec import Spec
from benchmarks.learning.store import Store

HERE = Path(__file__).parent
TOP = HERE.parents[1] / "README.md"
CURVES = "Learning curves, "
MAPPED = ("auto", "sparft", "sec")
"""Methods whose arms are drawn, of the first seed."""
Suites = Mapping[str, Sequence[Spec]]


def write(store: Store, suites: Suites, page: Path = HERE / "README.md", top: Path = TOP) -> list[Path]:
    """Fill `page` and `top` and the figures beside `page` from the store; return the files written.

    Raises ValueError for a page that lacks a marker.
    """
    runs = {name: store.of(suites[name]) for name in suites}
    shares = [*runs.get("headline", ()), *runs.get("shares", ())]
    parts = {
        "regime": sections.regime(runs.get("regime", ())),
        "cost": sections.cost(runs.get("cost", ())),
        "headline": sections.comparison(runs.get("headline", ())),
        "shares": sections.comparison(runs.get("shares", ())),
        "goal": sections.goal(shares, "train"),
        "confirm": sections.comparison(runs.get("confirm", ())),
        "verdict": sections.goal(runs.get("confirm", ()), "confirm"),
        "exploratory": sections.comparison(runs.get("exploratory", ())),
        "ablations": sections.comparison(runs.get("ablations", ()), baseline=sections.CHOSEN, whole=False),
        "crosscheck": crosscheck(store.of(CROSSCHECK)) or sections.NOTHING,
        "ledger": sections.ledger(store.tried()),
    }
    drawn = draw(runs, shares)
    folder = page.parent / "figures"
    folder.mkdir(exist_ok=True)
    for name, svg in drawn.items():
        (folder / f"{name}.svg").write_text(svg, encoding="utf-8")
    parts["figures"] = (
        "\n\n".join(f"![{_words(name)}](figures/{name}.svg)" for name in drawn) or sections.NOTHING
    )
    _fill(page, parts)
    _fill(top, {"learning": sections.overview(shares), "confirm": sections.overview(runs.get("confirm", ()))})
    return [page, top, *(folder / f"{name}.svg" for name in drawn)]


def draw(
    runs: Mapping[str, Sequence[Mapping[str, Any]]], shares: Sequence[Mapping[str, Any]]
) -> dict[str, str]:
    """Return every figure that there are runs for, by file name without its ending."""
    drawn = by_share(shares, "curves")
    headline = runs.get("headline", ())
    guarded = of(runs.get("exploratory", ()), "sparft-guarded")
    if of(headline, BASELINE):
        drawn["trap"] = trap([*headline, *guarded])
    drawn |= by_share(runs.get("confirm", ()), "confirm")
    for label in MAPPED:
        if mine := of(headline, label):
            drawn[f"arms-{label}"] = arm_map(mine[0])
    return drawn


def by_share(records: Sequence[Mapping[str, Any]], kind: str) -> dict[str, str]:
    """Return the learning curves of all methods, one figure `kind`-PERCENT for each share of useless prompts."""
    drawn = {}
    for useless in sorted({run["spec"]["useless"] for run in records}):
        here = [run for run in records if run["spec"]["useless"] == useless]
        labels = list(dict.fromkeys(run["spec"]["label"] for run in here))
        name = f"{kind}-{100 * useless:.0f}"
        drawn[name] = curves(here, labels, _words(name).removeprefix(CURVES))
    return drawn


def between(page: str, name: str, body: str) -> str:
    """Return the page with `body` between the markers of `name`, whatever stood there.

    Raises ValueError when the page has no such markers.
    """
    begin, end = f"<!-- {name}: begin, generated -->", f"<!-- {name}: end -->"
    if page.count(begin) != 1 or page.count(end) != 1 or page.index(begin) > page.index(end):
        raise ValueError(
            f"the page must have one {begin} and one {end} behind it; put them where the part belongs"
        )
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    return pattern.sub(lambda _: f"{begin}\n\n{body}\n\n{end}", page)


def _fill(path: Path, parts: Mapping[str, str]) -> None:
    page = path.read_text(encoding="utf-8")
    for name, body in parts.items():
        try:
            page = between(page, name, body)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
    path.write_text(page, encoding="utf-8")


def _words(name: str) -> str:
    kind, _, rest = name.partition("-")
    said = {
        "curves": f"{CURVES}{rest} % useless prompts",
        "confirm": f"{CURVES}confirmation families, {rest} % useless prompts",
        "arms": f"Arms pulled by {rest}",
    }
    return said.get(kind, "The trap and its cure")
