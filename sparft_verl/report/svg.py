"""Small parts from which the figures are put together: elements, scales, ticks, number formats."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, isfinite, log10


def element(name: str, content: str = "", /, **attributes: object) -> str:
    """Return an SVG or HTML element; `content` is markup, attribute values are escaped.

    `_` in an attribute's name stands for `-`, a trailing one is dropped (`class_`), None leaves it out, and
    floats are written with two decimals at most.
    """
    parts = [name]
    for key, value in attributes.items():
        if value is not None:
            text = number(value) if isinstance(value, float) else str(value)
            parts.append(f'{key.rstrip("_").replace("_", "-")}="{escape(text)}"')
    return f"<{' '.join(parts)}>{content}</{name}>"


def text(x: float, y: float, label: str, **attributes: object) -> str:
    """Return an SVG text element; `label` is escaped."""
    return element("text", escape(label), x=x, y=y, **attributes)


def title(label: str) -> str:
    """Return the tooltip of the element that it stands in; `label` is escaped."""
    return element("title", escape(label))


def number(value: float) -> str:
    """Return a coordinate with two decimals at most."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def percent(value: float, digits: int = 0) -> str:
    """Return `value` (1.0 = all) as a percentage, or an en dash when it is nan."""
    return f"{100 * value:.{digits}f} %" if isfinite(value) else "–"


def points(value: float) -> str:
    """Return a difference of two shares in percentage points with its sign, or an en dash when it is nan."""
    if not isfinite(value):
        return "–"
    rounded = round(100 * value, 1)
    return "0.0" if rounded == 0 else f"{rounded:+.1f}".replace("-", "−")


def short(label: str, width: int) -> str:
    """Return `label`, cut in its middle to `width` characters."""
    if len(label) <= width:
        return label
    head = (width - 1) // 2
    return f"{label[:head]}…{label[len(label) - (width - 1 - head) :]}"


@dataclass(frozen=True)
class Scale:
    """A linear map from data to coordinates."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        if self.high == self.low:
            return (self.start + self.end) / 2
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Return at most about `most` round values within [low, high]."""
    if high <= low:
        return [low]
    raw = (high - low) / max(most - 1, 1)
    power = 10.0 ** floor(log10(raw))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * (1 - 1e-9))
    first = ceil(low / step - 1e-9)
    return [round(index * step, 12) for index in range(first, floor(high / step + 1e-9) + 1)]


def polyline(xs: Sequence[float], ys: Sequence[float], class_: str) -> str:
    """Return the line through the points; it breaks where y is nan, and a point alone becomes a dot."""
    pieces: list[list[tuple[float, float]]] = [[]]
    for x, y in zip(xs, ys, strict=True):
        if isfinite(y):
            pieces[-1].append((x, y))
        elif pieces[-1]:
            pieces.append([])
    path = "".join(
        "M" + "L".join(f"{number(x)} {number(y)}" for x, y in piece) for piece in pieces if len(piece) > 1
    )
    dots = "".join(
        element("circle", cx=piece[0][0], cy=piece[0][1], r=3, class_=f"{class_} dot")
        for piece in pieces
        if len(piece) == 1
    )
    return (element("path", d=path, class_=class_) if path else "") + dots


def figure(width: float, height: float, body: str, *, label: str, description: str) -> str:
    """Return an SVG image that scales with the page, named for readers that cannot see it."""
    # aria-label rather than <title>: a title on the root would show as a tooltip over the whole figure
    described = element("desc", escape(description))
    return element(
        "svg",
        described + body,
        viewBox=f"0 0 {number(width)} {number(height)}",
        role="img",
        aria_label=f"{label}. {description}",
    )
