"""The parts that every page is put together from: sections, tiles, tables, lists of facts."""

import json
from collections.abc import Iterable, Sequence
from html import escape

from sparft_verl.report.style import CSS
from sparft_verl.report.svg import element


def page(title: str, sections: Sequence[str], css: str = "") -> str:
    """Return a whole HTML page that needs nothing else; `title` is escaped, sections are markup."""
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{CSS}{css}</style>"
    )
    body = element("main", "".join(sections))
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>{body}</body></html>\n'


def tiles(entries: Iterable[tuple[str, str, str]]) -> str:
    """Return the row of large figures at the head of a page, from (what, value, note)."""
    cells = [
        element("div", f"<dt>{what}</dt><dd>{escape(value)}<small>{escape(note)}</small></dd>", class_="tile")
        for what, value, note in entries
    ]
    return element("dl", "".join(cells), class_="tiles")


def section(heading: str, note: str, body: str) -> str:
    """Return a section; all three are markup."""
    return element("section", f'<h2>{heading}</h2><p class="note">{note}</p>{body}')


def wide(svg: str) -> str:
    """Return a figure that scrolls sideways where the screen is narrow."""
    return element("figure", svg, class_="wide")


def key(entries: Iterable[tuple[str, str]]) -> str:
    """Return a legend from (SVG markup of 22 x 12, what it stands for)."""
    items = [
        f'<span><svg viewBox="0 0 22 12" aria-hidden="true">{mark}</svg>{escape(what)}</span>'
        for mark, what in entries
    ]
    return element("div", "".join(items), class_="key")


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, total: bool = False) -> str:
    """Return a table whose first column names the row; `total` sets the last row off."""
    head = "".join(element("th", escape(name), scope="col") for name in header)
    lines = []
    for index, row in enumerate(rows):
        cells = element("th", escape(row[0]), scope="row") + "".join(
            element("td", escape(cell)) for cell in row[1:]
        )
        lines.append(element("tr", cells, class_="total" if total and index == len(rows) - 1 else None))
    return element(
        "div", f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>", class_="wide"
    )


def facts(summary: str, entries: Iterable[tuple[str, str]]) -> str:
    """Return a section folded up under `summary` that lists names and values."""
    listed = "".join(f"<dt>{escape(name)}</dt><dd>{escape(said)}</dd>" for name, said in entries)
    return element(
        "section", f'<details><summary>{summary}</summary><dl class="facts">{listed}</dl></details>'
    )


def plain(value: object) -> str:
    """Return a value as a reader wants it: text as it is, the rest as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
