"""A line chart with bands as an SVG file that stands alone, on light and dark pages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sparft_verl.report.style import CSS
from sparft_verl.report.svg import Scale, element, figure, number, polyline, text, ticks

Floats = npt.NDArray[np.float64]
WIDTH, HEIGHT = 760.0, 380.0
LEFT, RIGHT, TOP, BOTTOM = 62.0, 176.0, 18.0, 52.0
_LIGHT = "#6b7078 #9a6a00 #c2502e #2a6fc9 #7a4fb5 #23805a #b0407f #3d8fa3"
_DARK = "#adb2b8 #dcb04a #ec8462 #6ea8f2 #b695ec #5fc298 #ea86bd #7cc7d8"
COLOURS = len(_LIGHT.split())
_NAMESPACE = 'xmlns="http://www.w3.org/2000/svg"'
_APART = 15.0
"""Pixels between two names at the right edge."""


@dataclass(frozen=True)
class Line:
    """One method."""

    name: str
    x: Floats
    y: Floats
    low: Floats
    """Lower edge of the band, nan where there is none."""
    high: Floats
    colour: int
    """Below COLOURS; a method has one in every chart."""


def lines(
    curves: Sequence[Line],
    *,
    x_name: str,
    y_name: str,
    label: str,
    description: str,
    said: Callable[[float], str],
) -> str:
    """Return the chart of the curves, each named where it ends; `said` writes a value of y.

    Raises ValueError without a curve, or when two have one colour.
    """
    if not curves or len({curve.colour for curve in curves}) < len(curves):
        names = ", ".join(f"{curve.name} {curve.colour}" for curve in curves)
        raise ValueError(
            f"a chart shows at least one curve and each in its own colour, got {names or 'none'}"
        )
    edges = np.concatenate([part for curve in curves for part in (curve.y, curve.low, curve.high)])
    low, high = float(np.nanmin(edges)), float(np.nanmax(edges))
    room = 0.05 * (high - low) or 0.05
    x = Scale(0.0, max(float(curve.x[-1]) for curve in curves), LEFT, WIDTH - RIGHT)
    y = Scale(max(0.0, low - room), high + room, HEIGHT - BOTTOM, TOP)
    body = [_axes(x, y, x_name, y_name, said)]
    body += [_band(curve, x, y) for curve in curves]
    for curve in curves:
        body.append(polyline([x(v) for v in curve.x], [y(v) for v in curve.y], f"line c{curve.colour}"))
    body.append(_names(curves, y))
    return alone(figure(WIDTH, HEIGHT, "".join(body), label=label, description=description), _colours())


def alone(svg: str, css: str = "") -> str:
    """Return an SVG image of the report's as a file: with its name space, its size and its style inside."""
    style = element("style", CSS + "svg{background:var(--surface);font-family:system-ui,sans-serif}" + css)
    head, body = svg.split(">", 1)
    return f"{head} {_NAMESPACE}>{style}{body}\n"


def _axes(x: Scale, y: Scale, x_name: str, y_name: str, said: Callable[[float], str]) -> str:
    body = []
    for value in ticks(y.low, y.high, 6):
        body.append(element("path", d=f"M{x.start:g} {number(y(value))}H{x.end:g}", class_="rule"))
        body.append(text(x.start - 8, y(value) + 4, said(value), text_anchor="end"))
    for value in ticks(x.low, x.high, 7):
        body.append(text(x(value), y.start + 18, f"{value:,.0f}", text_anchor="middle"))
    body.append(element("path", d=f"M{x.start:g} {y.start:g}H{x.end:g}", class_="axis"))
    body.append(text((x.start + x.end) / 2, y.start + 40, x_name, text_anchor="middle", class_="head"))
    body.append(text(x.start + 6, y.end + 8, y_name, class_="head"))
    return "".join(body)


def _band(curve: Line, x: Scale, y: Scale) -> str:
    known = np.isfinite(curve.low) & np.isfinite(curve.high)
    if known.sum() < 2:
        return ""
    upper = [f"{number(x(a))} {number(y(b))}" for a, b in zip(curve.x[known], curve.high[known], strict=True)]
    lower = [f"{number(x(a))} {number(y(b))}" for a, b in zip(curve.x[known], curve.low[known], strict=True)]
    return element("path", d=f"M{'L'.join([*upper, *reversed(lower)])}Z", class_=f"band b{curve.colour}")


def _names(curves: Sequence[Line], y: Scale) -> str:
    """Return the curves' names at the right edge, moved apart where they end close together."""
    order = sorted(range(len(curves)), key=lambda index: y(float(curves[index].y[-1])))
    places: list[float] = []
    for index in order:
        wanted = y(float(curves[index].y[-1]))
        places.append(max(wanted, places[-1] + _APART) if places else max(wanted, TOP))
    over = max(0.0, places[-1] - (HEIGHT - BOTTOM))
    return "".join(
        text(WIDTH - RIGHT + 10, place - over + 4, curves[index].name, class_=f"t{curves[index].colour}")
        for index, place in zip(order, places, strict=True)
    )


def _colours() -> str:
    return (
        ".line{fill:none;stroke-width:2.2;stroke-linejoin:round}.band{opacity:.13}"
        f"{_rules(_LIGHT)}@media (prefers-color-scheme:dark){{{_rules(_DARK)}}}"
    )


def _rules(colours: str) -> str:
    """Return line, dot, band and name of every curve in its colour."""
    return "".join(
        f".c{i}{{stroke:{colour}}}.c{i}.dot,.b{i},svg .t{i}{{fill:{colour}}}"
        for i, colour in enumerate(colours.split())
    )
