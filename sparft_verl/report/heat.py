"""Heat maps: one row per arm, one column per step or bin of steps."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
import numpy.typing as npt

from sparft_verl.report.style import LEVELS
from sparft_verl.report.svg import Scale, element, figure, percent, short, text, ticks, title

WIDTH = 960.0
LEFT, RIGHT, TOP, BOTTOM = 186.0, 70.0, 24.0, 70.0


@dataclass(frozen=True)
class HeatMap:
    """What a heat map shows."""

    values: npt.NDArray[np.float64]
    """[B, K] in [0, top], nan where there is nothing to show."""
    top: float
    """Value of the last colour."""
    ramp: str
    """Prefix of the colours' CSS classes."""
    rows: Sequence[str]
    """K names."""
    columns: Sequence[str]
    """B names, as tooltips say them."""
    centres: npt.NDArray[np.float64]
    """Step in the middle of each column, [B]."""
    margin: Sequence[str]
    """K words at the right edge: the row as a whole."""
    margin_name: str
    """What stands above them."""
    legend: str
    """What the colours mean."""
    tooltip: Callable[[int, int], str]
    """What the cell at (row, column) tells, after the names of both."""
    empty: str
    """What a cell without a value means."""


def colour_level(value: float, top: float) -> int:
    """Return which of the LEVELS colours stands for `value` in [0, top]."""
    return 0 if top <= 0 else min(LEVELS - 1, max(0, int(value / top * LEVELS)))


def row_height(rows: int) -> float:
    """Return a height in pixels at which `rows` rows can be read without the figure growing out of the screen."""
    return min(26.0, max(9.0, 560.0 / max(rows, 1)))


def draw(heat: HeatMap, *, label: str, description: str) -> str:
    """Return the heat map as an SVG image with axes, a legend and a tooltip on every cell."""
    columns, rows = heat.values.shape
    tall, wide = row_height(rows), (WIDTH - LEFT - RIGHT) / columns
    bottom = TOP + rows * tall
    body = [text(WIDTH - RIGHT + 10, TOP - 9, heat.margin_name, class_="head")]
    for row in range(rows):
        cells = []
        for column in range(columns):
            value = float(heat.values[column, row])
            fill = f"{heat.ramp}{colour_level(value, heat.top)}" if isfinite(value) else "none"
            tip = title(f"{heat.rows[row]}, {heat.columns[column]}: {heat.tooltip(row, column)}")
            x = LEFT + column * wide
            cells.append(element("rect", tip, class_=f"cell {fill}", x=x, width=wide, height=tall))
        # a name on every row where there is room, on every other row or so where there is not
        if row % max(1, round(13 / tall)) == 0:
            middle = tall / 2 + 4
            name = text(LEFT - 10, middle, short(heat.rows[row], 24), text_anchor="end", class_="name")
            cells.append(name.replace("</text>", f"{title(heat.rows[row])}</text>"))
            cells.append(text(WIDTH - RIGHT + 10, middle, heat.margin[row]))
        body.append(element("g", "".join(cells), transform=f"translate(0 {TOP + row * tall:g})"))
    body.append(_steps(heat.centres, wide, bottom))
    body.append(_legend(heat, bottom + 46))
    return figure(WIDTH, bottom + BOTTOM, "".join(body), label=label, description=description)


def _steps(centres: npt.NDArray[np.float64], wide: float, bottom: float) -> str:
    first, last = float(centres[0]), float(centres[-1])
    count = len(centres)
    scale = Scale(first, last, LEFT + wide / 2, LEFT + (count - 0.5) * wide)
    marks = [value for value in ticks(first, last, 9) if value == int(value)] or [first]
    body = [text(scale(value), bottom + 17, f"{value:g}", text_anchor="middle") for value in marks]
    body.append(
        text(LEFT + count * wide / 2, bottom + 35, "optimiser step", text_anchor="middle", class_="head")
    )
    return "".join(body)


def _legend(heat: HeatMap, y: float) -> str:
    size = 17.0
    start = WIDTH - RIGHT - LEVELS * size - 46
    body = [text(LEFT, y + 11, heat.legend)]
    if not np.isfinite(heat.values).all():
        body.append(element("rect", class_="cell none", x=start - 130, y=y, width=size, height=13))
        body.append(text(start - 130 + size + 6, y + 11, heat.empty))
    body.append(text(start - 8, y + 11, percent(0), text_anchor="end"))
    for level in range(LEVELS):
        body.append(
            element("rect", class_=f"{heat.ramp}{level}", x=start + level * size, y=y, width=size, height=13)
        )
    body.append(text(start + LEVELS * size + 8, y + 11, percent(heat.top)))
    return "".join(body)
