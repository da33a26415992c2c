"""Held-out accuracy before and after, as a figure."""

from collections.abc import Sequence

from sparft_verl.report.heat import LEFT, WIDTH
from sparft_verl.report.heldout import HeldoutRow
from sparft_verl.report.svg import Scale, element, figure, percent, points, short, text, title

TALL = 30.0
RIGHT = 232.0


def gain_figure(rows: Sequence[HeldoutRow], first: int, last: int) -> str:
    """Return one line per data source: accuracy at both steps, and the gain with its interval beside it.

    The band is where the accuracy after would lie if the gain were at either end of its interval.
    """
    x = Scale(0, 1, LEFT, WIDTH - RIGHT)
    bottom = 26 + TALL * len(rows)
    body = []
    for value in (0.0, 0.25, 0.5, 0.75, 1.0):
        body.append(
            element("path", d=f"M{x(value):g} 22V{bottom:g}", class_="axis" if value == 0 else "rule")
        )
        body.append(text(x(value), bottom + 17, percent(value), text_anchor="middle"))
    body.append(text(WIDTH - RIGHT + 24, 14, "gain in points [95 %]", class_="head"))
    for index, row in enumerate(rows):
        y = 26 + TALL * (index + 0.5)
        label = (
            f"{row.source}: {percent(row.before, 1)} at step {first}, {percent(row.after, 1)} at step {last}"
        )
        parts = [title(f"{label}; gain {gain_text(row)} points over {row.gain.n} items")]
        parts.append(element("rect", class_="hover", x=0, y=y - TALL / 2, width=WIDTH, height=TALL))
        parts.append(text(LEFT - 10, y + 4, short(row.source, 24), text_anchor="end", class_="name"))
        if row.gain.n > 1:
            low, high = (x(min(1.0, max(0.0, row.before + end))) for end in (row.gain.low, row.gain.high))
            parts.append(element("path", d=f"M{low:.2f} {y:g}H{high:.2f}", class_="interval"))
        parts.append(element("path", d=f"M{x(row.before):.2f} {y:g}H{x(row.after):.2f}", class_="move"))
        parts.append(element("circle", class_="before", cx=x(row.before), cy=y, r=5))
        parts.append(element("circle", class_="after", cx=x(row.after), cy=y, r=5.5))
        parts.append(text(WIDTH - RIGHT + 24, y + 4, gain_text(row), class_="name"))
        body.append(element("g", "".join(parts)))
    description = "; ".join(
        f"{row.source} from {percent(row.before)} to {percent(row.after)}" for row in rows
    )
    return figure(
        WIDTH, bottom + 28, "".join(body), label="Held-out accuracy before and after", description=description
    )


def gain_text(row: HeldoutRow) -> str:
    """Return the gain in percentage points with its interval."""
    if row.gain.n < 2:
        return points(row.gain.mean)
    return f"{points(row.gain.mean)}  [{points(row.gain.low)}, {points(row.gain.high)}]"
