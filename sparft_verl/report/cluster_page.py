"""The page of an artefact: what stage A made of a data set, in one HTML file that needs nothing else."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from sparft_verl.artefact import TEXT_HEAD, Artefact
from sparft_verl.atomic import written_aside
from sparft_verl.report.cluster_figures import CSS, HUES, arm_figure, map_figure
from sparft_verl.report.clusters import MOST_SHOWN, Clusters, Prompt, gather
from sparft_verl.report.errors import ReportError
from sparft_verl.report.parts import facts, key, page, plain, section, table, tiles, wide
from sparft_verl.report.svg import element, percent

_MARK = "<title>Curriculum artefact"
_MOST_ROWS = 200
_REASONS = {
    "empty": "no text",
    "too_long": "more tokens than allowed",
    "duplicate": "the same prompt as an earlier row",
    "near_duplicate": "nearly the same words as an earlier row",
    "semantic_duplicate": "nearly the same meaning as an earlier row",
    "eval_ngram": "shares a run of words with an evaluation item",
    "eval_near_duplicate": "nearly the same words as an evaluation item",
    "eval_neighbour": "nearly the same meaning as an evaluation item",
    "difficulty_missing": "no difficulty is known",
}


def page_path(artefact: str | os.PathLike[str]) -> Path:
    """Return where the page of an artefact stands: beside its folder, which holds data only."""
    folder = Path(artefact).resolve()
    return folder.with_name(f"{folder.name}.html")


def check_page(path: Path) -> None:
    """Raise ReportError unless `path` is free or holds an earlier page of an artefact."""
    fix = "move it away, or set report=false"
    if path.is_dir():
        raise ReportError(f"The page must be a file, but {path} is a folder; {fix}")
    if path.is_file():
        with path.open("rb") as file:
            if _MARK.encode() not in file.read(1000):
                raise ReportError(
                    f"Only an earlier page may be replaced, but {path} is something else; {fix}"
                )


def write_page(artefact: Artefact, path: Path) -> None:
    """Write the page of `artefact` to `path`, aside and then renamed. ReportError for a foreign file there."""
    check_page(path)
    text = render(gather(artefact), artefact.path.resolve().name)
    with written_aside(path, durable=False) as aside:
        aside.write_text(text, encoding="utf-8")


def render(clusters: Clusters, name: str) -> str:
    """Return the whole page; the same artefact gives the same bytes."""
    sections = [
        _header(clusters, name),
        _arms(clusters),
        _map(clusters),
        _prompts(clusters),
        _removed(clusters),
        *_stability(clusters),
        _cost(clusters),
        _facts(clusters),
    ]
    return page(f"Curriculum artefact {name}", sections, CSS)


def _resolved(clusters: Clusters) -> Mapping[str, Any]:
    found = clusters.manifest["parameters"].get("resolved", {})
    return found if isinstance(found, Mapping) else {}


def _header(clusters: Clusters, name: str) -> str:
    manifest = clusters.manifest
    counts, inputs = manifest["counts"], manifest["inputs"]
    read = counts["items"] + counts["removed"]
    embedder = _resolved(clusters).get("embedder", {})
    large = [
        ("rows read", f"{read:,}", f"from {len(inputs)} file{'s' if len(inputs) != 1 else ''}"),
        ("removed", f"{counts['removed']:,}", percent(counts["removed"] / max(read, 1), 1)),
        ("arms", f"{counts['arms']:,}", str(_resolved(clusters).get("engine", ""))),
        ("selected", f"{counts['selected']:,}", f"of {counts['items']:,}"),
        ("difficulty", *_difficulty(clusters)),
    ]
    notes = "".join(f'<p class="note">{escape(note)}</p>' for note in manifest["notes"])
    said = f"embedded with {embedder.get('engine', '?')}: {embedder.get('model', '?')}"
    return (
        f'<header><h1>What is in this artefact</h1><p class="sub">{escape(name)} · {escape(said)}</p>'
        + tiles(large)
        + (f'<div style="margin-top:14px">{notes}</div>' if notes else "")
        + "</header>"
    )


def _difficulty(clusters: Clusters) -> tuple[str, str]:
    if not clusters.manifest["difficulty_known"]:
        return "none", "plays no part in the arms"
    kind = _resolved(clusters).get("difficulty", {}).get("kind", "known")
    missing = clusters.manifest["counts"].get("difficulty_missing", 0)
    return str(kind), f"missing in {missing:,} rows" if missing else "in every row"


def _arms(clusters: Clusters) -> str:
    arms = clusters.manifest["arms"]
    note = "Easiest first. Each arm's difficulty bars have a scale of their own."
    if len(clusters.shown) < len(arms):
        note += f" Of {len(arms):,} arms the {MOST_SHOWN} largest are drawn."
    known = clusters.manifest["difficulty_known"]
    rows = [
        (
            str(arm["name"]),
            f"{arm['size']:,}",
            f"{arm['selected']:,}",
            f"{arm['mean_difficulty']:.2f}" if known else "–",
            str(arm["source"]),
            percent(arm["source_share"]),
        )
        for arm in arms[:_MOST_ROWS]
    ]
    header = ("arm", "prompts", "kept", "mean difficulty", "most frequent source", "its share")
    keys = [
        ('<rect class="size" x="1" y="0" width="20" height="12" rx="2"/>', "prompts"),
        ('<rect class="kept" x="1" y="3" width="20" height="6" rx="2"/>', "kept"),
    ]
    return section("Arms", note, wide(arm_figure(clusters)) + key(keys) + table(header, rows))


def _map(clusters: Clusters) -> str:
    total = clusters.manifest["counts"]["items"]
    held = percent(float(clusters.share.sum()))
    note = (
        f"{len(clusters.arm):,} of {total:,} prompts, drawn in proportion to the arms, on the two directions in which "
        f"the features vary most. They hold {held} of the variance: arms that overlap here may be apart in the rest."
    )
    if clusters.manifest["counts"]["arms"] > HUES:
        note += f" Colours repeat after {HUES} arms, every second time hollow."
    return section("Map", note, wide(map_figure(clusters)))


def _prompts(clusters: Clusters) -> str:
    names = clusters.manifest["arms"]
    blocks = []
    for a in clusters.shown:
        near = _listed("nearest to the centre", clusters.nearest[a], clusters)
        far = _listed("farthest from it", clusters.farthest[a], clusters)
        blocks.append(
            f"<details{' open' if a == clusters.shown[0] else ''}><summary>{escape(str(names[a]['name']))}, "
            f"{names[a]['size']:,} prompts</summary>"
            + element("div", near + far, class_="ends")
            + "</details>"
        )
    note = "What an arm is about, and what lies at its edge. Long prompts are cut."
    return section("Prompts at the centre and at the edge of each arm", note, "".join(blocks))


def _listed(what: str, prompts: Sequence[Prompt], clusters: Clusters) -> str:
    known = clusters.manifest["difficulty_known"]
    shown = []
    for prompt in prompts:
        level = f" · difficulty {prompt.difficulty:.2f}" if known else ""
        head = f"row {prompt.row:,} · {prompt.source}{level} · distance {prompt.distance:.2f}"
        shown.append(_quoted(head, prompt.text))
    return element("div", f"<h4>{what}</h4>" + "".join(shown)) if shown else ""


def _quoted(head: str, text: str) -> str:
    cut = "…" if len(text) >= TEXT_HEAD else ""
    return element("div", f"<small>{escape(head)}</small><span>{escape(text)}{cut}</span>", class_="prompt")


def _removed(clusters: Clusters) -> str:
    counts = clusters.manifest["counts"]
    total = counts["removed"]
    if not total:
        return section("What was removed", "Nothing was removed from the input.", "")
    read = counts["items"] + total
    by_reason = counts.get("removed_by_reason", {})
    rows = [
        (reason, _REASONS.get(reason, ""), f"{count:,}", percent(count / read, 2))
        for reason, count in by_reason.items()
    ]
    rows.append(("all", "", f"{total:,}", percent(total / read, 2)))
    blocks = [table(("reason", "meaning", "rows", "of the input"), rows, total=True)]
    for reason, examples in clusters.removed.items():
        quoted = []
        for row in examples:
            head = f"row {row['sparft_row']:,} · {row['sparft_source']}"
            head += f" · {row['sparft_detail']}" if row["sparft_detail"] else ""
            if row["sparft_other"] >= 0 and str(row["sparft_other"]) not in row["sparft_detail"]:
                head += f" · row {row['sparft_other']:,} was kept"
            if row["sparft_similarity"] == row["sparft_similarity"]:
                head += f" · similarity {row['sparft_similarity']:.2f}"
            quoted.append(_quoted(head, row["sparft_text"]))
        summary = f"<summary>{escape(reason)}: the first {len(examples)}</summary>"
        blocks.append(f"<details>{summary}{''.join(quoted)}</details>")
    note = "Every removed row with its reason stands in removed.parquet."
    return section("What was removed", note, "".join(blocks))


def _stability(clusters: Clusters) -> list[str]:
    quality = _resolved(clusters).get("quality", {})
    tried = quality.get("stability", [])
    if not tried:
        return []
    chosen = clusters.manifest["counts"]["arms"]
    header = list(tried[0])
    rows = []
    for line in tried:
        cells = [_figure(line.get(name)) for name in header]
        rows.append([f"{cells[0]}{' (chosen)' if line.get('k') == chosen else ''}", *cells[1:]])
    note = (
        "cluster.k=auto takes the number of arms with the largest mean silhouette among those that are stable: whose "
        "arms are found again when the prompts are drawn anew (ari: adjusted Rand index, 1 is the very same). "
        f"Measured on {quality.get('rows', 0):,} prompts, drawn {quality.get('resamples', 0)} times."
    )
    return [section("Stability of the number of arms", note, table([str(h) for h in header], rows))]


def _figure(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.3f}" if abs(value) < 100 else f"{value:,.0f}"
    return plain(value)


def _cost(clusters: Clusters) -> str:
    header = ("stage", "seconds", "prompts worked on", "from the cache", "tokens", "responses")
    names = ("seconds", "items", "cached", "tokens", "rollouts")
    ledger = clusters.manifest.get("ledger", {})
    lines = [(stage, *(float(cost.get(name, 0)) for name in names)) for stage, cost in ledger.items()]
    if not lines:
        return ""
    seconds = sum(line[1] for line in lines)
    rows = [
        (line[0], f"{line[1]:,.2f}", *(f"{int(value):,}" if value else "–" for value in line[2:]))
        for line in lines
    ]
    totals = [sum(line[i] for line in lines) for i in (4, 5)]
    rows.append(
        ("all", f"{seconds:,.2f}", "", "", *(f"{int(value):,}" if value else "–" for value in totals))
    )
    note = "Wall-clock seconds of this run. What a cache gave back cost nothing."
    return section("What it cost", note, table(header, rows, total=True))


def _facts(clusters: Clusters) -> str:
    manifest = clusters.manifest
    entries = [(name, plain(value)) for name, value in manifest["parameters"].items() if name != "resolved"]
    entries += [(f"resolved {name}", plain(value)) for name, value in _resolved(clusters).items()]
    entries += [
        (
            f"input {i}",
            ", ".join(f"{k} {plain(v)}" for k, v in source.items()),
        )
        for i, source in enumerate(manifest["inputs"])
    ]
    entries += [(f"version of {name}", version) for name, version in manifest["versions"].items()]
    return facts("Settings, inputs and versions", entries)
