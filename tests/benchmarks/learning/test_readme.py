"""The pages are filled from the store, and from nothing else."""

from pathlib import Path

import pytest

from benchmarks.learning import sections
from benchmarks.learning.readme import HERE, TOP, between, write
from benchmarks.learning.spec import Spec
from benchmarks.learning.store import Store
from benchmarks.learning.suites import SUITES

from .records import record

METHODS = {"uniform-full": {"method": "uniform"}, "auto": {"method": "sparft_target"}}


@pytest.fixture
def pages(tmp_path: Path) -> tuple[Path, Path]:
    page, top = tmp_path / "learning" / "README.md", tmp_path / "README.md"
    page.parent.mkdir()
    page.write_text((HERE / "README.md").read_text())
    top.write_text(TOP.read_text())
    return page, top


def filled(folder: Path) -> tuple[Store, dict[str, list[Spec]]]:
    store, specs = Store(folder), []
    for useless in (0.0, 0.6):
        for seed in range(3):
            for label, curriculum in METHODS.items():
                speed = 2.0 if label == "auto" and useless else 1.0
                run = record(
                    label, seed, useless=useless, speed=speed, top=0.7 + seed / 50, curriculum=curriculum
                )
                store.append({**run, "params": 90000})
                specs.append(Spec.read(run["spec"]))
    store.close()
    suites = {
        "headline": [spec for spec in specs if spec.useless == 0.6],
        "shares": [spec for spec in specs if spec.useless == 0.0],
        "regime": [spec for spec in specs if spec.label == "uniform-full"],
        "cost": specs,
    }
    return store, suites


def test_pages_hold_tables_and_figures_and_stay_the_same_when_written_again(
    pages: tuple[Path, Path], tmp_path: Path
) -> None:
    page, top = pages
    store, suites = filled(tmp_path / "store")
    files = write(store, suites, page, top)
    text = page.read_text()
    assert "**World train, 60 % useless prompts, against uniform-full.**" in text
    assert "| auto (exploratory) | 3 |" in text
    for file in files[2:]:
        assert f"(figures/{file.name})" in text and file.read_text().startswith("<svg ")
    assert {file.stem for file in files[2:]} == {"curves-0", "curves-60", "trap", "arms-auto"}
    assert "| 60 % | 3 | 30.0 | " in text
    shown = top.read_text()
    assert "| useless prompts | 0 % | 60 % |" in shown
    assert "At 0 % useless prompts `auto` gains nothing" in shown and "At 60 %" not in shown
    before = (text, shown)
    write(store, suites, page, top)
    assert (page.read_text(), top.read_text()) == before


def test_an_empty_store_says_so(pages: tuple[Path, Path], tmp_path: Path) -> None:
    page, top = pages
    write(Store(tmp_path / "none"), SUITES, page, top)
    assert page.read_text().count(sections.NOTHING) >= 9 and sections.NOTHING in top.read_text()


def test_only_what_stands_between_the_markers_changes() -> None:
    page = "a\n<!-- x: begin, generated -->old \\1<!-- x: end -->\nb"
    assert between(page, "x", r"new \2") == (
        "a\n<!-- x: begin, generated -->\n\nnew \\2\n\n<!-- x: end -->\nb"
    )


@pytest.mark.parametrize(
    "page", ["", "<!-- x: begin, generated -->", "<!-- x: end --><!-- x: begin, generated -->"]
)
def test_a_page_without_its_markers_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="must have one <!-- x: begin"):
        between(page, "x", "body")
