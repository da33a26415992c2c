"""Line charts and stacked bars over steps."""

from collections.abc import Sequence
from math import isfinite

import numpy as np
import numpy.typing as npt

from sparft_verl.report.heat import LEFT, RIGHT, WIDTH
from sparft_verl.report.svg import Scale, element, figure, percent, polyline, text, ticks, title

Floats = npt.NDArray[np.float64]


def _frame(x: Scale, y: Scale, *, name: str, steps_named: bool) -> str:
    """Return the axes of a chart whose values are shares of 1."""
    body = []
    for value in (0.0, 0.25, 0.5, 0.75, 1.0):
        line = "axis" if value == 0 else "rule"
        body.append(element("path", d=f"M{x.start:g} {y(value):g}H{x.end:g}", class_=line))
        body.append(text(x.start - 10, y(value) + 4, percent(value), text_anchor="end"))
    # the axis is named where the heat maps name their rows, so that all the figures stand in line
    for line_number, words in enumerate(name.split("\n")):
        body.append(
            text(8, y(1.0) + 5 + 16 * line_number, words, class_="name" if line_number == 0 else None)
        )
    marks = [value for value in ticks(x.low + 0.5, x.high - 0.5, 9) if value == int(value)] or [x.low + 0.5]
    for value in marks if steps_named else []:
        body.append(text(x(value), y(0.0) + 18, f"{value:g}", text_anchor="middle"))
    if steps_named:
        middle = (x.start + x.end) / 2
        body.append(text(middle, y(0.0) + 36, "optimiser step", text_anchor="middle", class_="head"))
    return "".join(body)


def step_scale(steps: Floats) -> Scale:
    """Return the horizontal scale that gives every step its own column, in line with the heat maps."""
    half = (float(steps[-1]) - float(steps[0])) / max(len(steps) - 1, 1) / 2 or 0.5
    return Scale(float(steps[0]) - half, float(steps[-1]) + half, LEFT, WIDTH - RIGHT)


def solve_curve(
    steps: Floats,
    raw: Floats,
    trend: Floats,
    shares: Sequence[tuple[str, Floats]],
    tips: Sequence[str],
    resumed: Sequence[int],
    *,
    label: str,
    description: str,
) -> str:
    """Return two charts over the same steps: the solve rate, and the groups that taught nothing.

    `shares` holds (CSS class, share of the groups [B]), stacked from below; `tips` one tooltip per step;
    `resumed` the steps from which the run was resumed.
    """
    x = step_scale(steps)
    upper, lower = Scale(0, 1, 236, 16), Scale(0, 1, 384, 274)
    body = [_frame(x, upper, name="solve rate\nof the prompts served", steps_named=False)]
    body.append(_frame(x, lower, name="groups without\na signal", steps_named=True))
    wide = (x.end - x.start) / len(steps)
    for index in range(len(steps)):
        base = 0.0
        for class_, share in shares:
            value = float(share[index])
            if isfinite(value) and value > 0:
                high, low = lower(base + value), lower(base)
                left, gap = x(float(steps[index])) - wide / 2, min(1.0, wide * 0.15)
                body.append(
                    element(
                        "rect", class_=class_, x=left + gap / 2, y=high, width=wide - gap, height=low - high
                    )
                )
                base += value
    for step in resumed:
        body.append(
            element(
                "path", title(f"resumed from step {step}"), d=f"M{x(step + 0.5):.2f} 16V384", class_="resumed"
            )
        )
    at = [x(float(step)) for step in steps]
    body.append(polyline(at, [upper(float(value)) for value in raw], "raw"))
    body.append(polyline(at, [upper(float(value)) for value in trend], "trend"))
    for index, tip in enumerate(tips):
        column = {"x": at[index] - wide / 2, "y": 16, "width": wide, "height": 368, "class_": "hover"}
        body.append(element("rect", title(tip), **column))
    return figure(WIDTH, 430, "".join(body), label=label, description=description)


def compact(value: float) -> str:
    """Return a number in at most seven characters."""
    size = abs(value)
    if size == 0 or 0.01 <= size < 1e5:
        return f"{value:.3g}" if size < 100 else f"{value:.0f}"
    digits, _, power = f"{value:.1e}".partition("e")
    return f"{value:.2g}" if 0.001 <= size < 0.01 else f"{digits}e{int(power)}"


def small_multiple(name: str, steps: Floats, values: Floats) -> str:
    """Return one small line chart of a metric, with its last value beside its name."""
    known = np.isfinite(values)
    low, high = float(values[known].min()), float(values[known].max())
    x, y = Scale(float(steps[0]), float(steps[-1]), 54, 292), Scale(low, high, 100, 34)
    body = [
        text(0, 14, name, class_="name"),
        text(292, 14, compact(float(values[known][-1])), text_anchor="end", class_="name"),
        element("path", d="M54 106H292", class_="axis"),
        text(48, y(high) + 4, compact(high), text_anchor="end"),
    ]
    if high > low:
        body.append(text(48, y(low) + 4, compact(low), text_anchor="end"))
    body.append(polyline([x(float(step)) for step in steps], [y(float(value)) for value in values], "log"))
    body.append(text(x(float(steps[0])), 122, f"{steps[0]:g}", text_anchor="middle"))
    if len(steps) > 1:
        body.append(text(292, 122, f"step {steps[-1]:g}", text_anchor="end"))
    description = f"From {compact(float(values[known][0]))} to {compact(float(values[known][-1]))}"
    return figure(300, 126, "".join(body), label=name, description=description)
