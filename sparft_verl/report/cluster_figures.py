"""The figures of an artefact's page: arms with their difficulties, and a map of the prompts."""

from __future__ import annotations

import numpy as np

from sparft_verl.report.clusters import BINS, Clusters
from sparft_verl.report.svg import Scale, element, figure, percent, short, text, title

WIDTH = 960.0
LEFT = 186.0
_SIZES = (LEFT, 470.0)
_LEVELS = (600.0, 880.0)
TALL = 38.0
HUES = 10

_LIGHT = "#2a6fc9 #c2502e #23805a #9a6a00 #8a4fb5 #c23a78 #1c8aa0 #6b7a1e #4a55c8 #8a5a44"
_DARK = "#6ea8f2 #ec8462 #5fc298 #dcb04a #bf92e6 #f08ab5 #5cc3d8 #b3c25c #959df2 #c99a82"


def _hues(colours: str) -> str:
    return "".join(f".a{i}{{fill:{c};stroke:{c}}}" for i, c in enumerate(colours.split()))


CSS = (
    _hues(_LIGHT)
    + "@media (prefers-color-scheme:dark){"
    + _hues(_DARK)
    + "}"
    + """
.hollow{fill:none;stroke-width:1.6}.dot{stroke:none;opacity:.62}svg .on{fill:var(--ink);font-weight:600;
paint-order:stroke;stroke:var(--surface);stroke-width:4px}.size{fill:var(--blue)}.kept{fill:var(--green)}
.bin{fill:var(--blue);opacity:.75}details{margin:6px 0}details p{margin:4px 0}
.prompt{border-left:3px solid var(--line);padding:2px 0 2px 12px;margin:8px 0}
.prompt small{color:var(--soft);display:block}.prompt span{white-space:pre-wrap;overflow-wrap:anywhere}
.ends{display:grid;grid-template-columns:repeat(auto-fit,minmax(320px,1fr));gap:4px 28px}
.ends h4{font-size:13px;font-weight:500;color:var(--soft);margin:6px 0 0}td.long{white-space:normal;text-align:left}
"""
)


def arm_figure(clusters: Clusters) -> str:
    """Return one line per arm: how many prompts it has, how many were kept, how hard they are."""
    arms = clusters.manifest["arms"]
    sizes = Scale(0, max(arms[a]["size"] for a in clusters.shown), *_SIZES)
    levels = Scale(0, 1, *_LEVELS)
    bottom = 26 + TALL * len(clusters.shown)
    body = [
        text(_SIZES[0], 14, "prompts, of them kept", class_="head"),
        text(_LEVELS[0], 14, "difficulty", class_="head"),
        text(_LEVELS[1] + 12, 14, "mean", class_="head"),
    ]
    for value in (0.0, 0.5, 1.0):
        body.append(element("path", d=f"M{levels(value):g} 22V{bottom:g}", class_="rule"))
        body.append(text(levels(value), bottom + 17, f"{value:g}", text_anchor="middle"))
    for line, a in enumerate(clusters.shown):
        arm, y = arms[a], 26 + TALL * line
        known = bool(clusters.manifest["difficulty_known"])
        mean = f"{arm['mean_difficulty']:.2f}" if known else "–"
        tip = f"{arm['name']}: {arm['size']:,} prompts, {arm['selected']:,} kept, mean difficulty {mean}"
        parts = [
            title(f"{tip}; {arm['source']} {percent(arm['source_share'])}"),
            element("rect", class_="hover", x=0, y=y, width=WIDTH, height=TALL),
            text(LEFT - 10, y + 18, short(str(arm["name"]), 24), text_anchor="end", class_="name"),
            text(LEFT - 10, y + 32, short(str(arm["source"]), 28), text_anchor="end", class_="head"),
            element("rect", class_="size", x=LEFT, y=y + 8, width=sizes(arm["size"]) - LEFT, height=12, rx=2),
            element(
                "rect",
                class_="kept",
                x=LEFT,
                y=y + 22,
                width=max(2.0, sizes(arm["selected"]) - LEFT),
                height=6,
                rx=2,
            ),
            text(sizes(arm["size"]) + 8, y + 19, f"{arm['size']:,}, {arm['selected']:,} kept"),
        ]
        if known:
            parts.append(_bars(clusters.histogram[a], levels, y + TALL - 4))
            parts.append(text(_LEVELS[1] + 12, y + 24, mean))
        body.append(element("g", "".join(parts)))
    most = max(clusters.shown, key=lambda a: arms[a]["size"])
    described = f"{len(arms)} arms; the largest, {arms[most]['name']}, has {arms[most]['size']:,} prompts."
    return figure(
        WIDTH, bottom + 28, "".join(body), label="Arms, their sizes and difficulties", description=described
    )


def _bars(counts: np.ndarray, levels: Scale, base: float) -> str:
    wide = (levels(1) - levels(0)) / BINS
    top = max(int(counts.max()), 1)
    return "".join(
        element(
            "rect",
            class_="bin",
            x=levels(i / BINS) + 0.5,
            y=base - 28 * count / top,
            width=wide - 1,
            height=28 * count / top,
        )
        for i, count in enumerate(counts.tolist())
        if count
    )


def map_figure(clusters: Clusters) -> str:
    """Return the sampled prompts on the first two principal components of the features, and the arms' names."""
    tall = 560.0
    x = Scale(*_range(clusters.place[:, 0]), 30, WIDTH - 20)
    y = Scale(*_range(clusters.place[:, 1]), tall - 40, 20)
    names = [str(arm["name"]) for arm in clusters.manifest["arms"]]
    body = [
        element("path", d=f"M30 {tall - 30:g}H{WIDTH - 20:g}M30 20V{tall - 30:g}", class_="axis"),
        text(WIDTH / 2, tall - 10, _axis(clusters, 0),
             text_anchor="middle", class_="head"),
        text(18, tall / 2, _axis(clusters, 1), text_anchor="middle",
             class_="head", transform=f"rotate(-90 18 {tall / 2:g})"),
    ]  # fmt: skip
    for (px, py), a, tip in zip(clusters.place.tolist(), clusters.arm.tolist(), clusters.tips, strict=True):
        # every eleventh arm would look like the first: a second lap of the colours is drawn hollow
        look = f"a{a % HUES} {'hollow' if (a // HUES) % 2 else 'dot'}"
        body.append(
            element("circle", title(f"{names[a]}: {_line(tip)}"), class_=look, cx=x(px), cy=y(py), r=3.2)
        )
    for a in clusters.shown:
        px, py = clusters.centre[a].tolist()
        body.append(text(x(px), y(py), short(names[a], 18), class_="on", text_anchor="middle"))
    described = f"{len(clusters.arm):,} prompts in {len(names)} arms."
    return figure(WIDTH, tall, "".join(body), label="Map of the prompts", description=described)


def _axis(clusters: Clusters, which: int) -> str:
    said = f"{('first', 'second')[which]} component, {percent(float(clusters.share[which]))} of the variance"
    return said + (", mostly difficulty" if clusters.by_level[which] else "")


def _range(values: np.ndarray) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    return (low, high) if high > low else (low - 1, high + 1)


def _line(prompt: str) -> str:
    return short(" ".join(prompt.split()), 90)
