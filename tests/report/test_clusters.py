"""The page of an artefact: all of it is there, all of it is escaped, nothing comes from elsewhere."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from sparft_verl.artefact import (
    ITEMS_COLUMNS,
    REMOVED_COLUMNS,
    SELECTION_COLUMNS,
    read_artefact,
    write_artefact,
)
from sparft_verl.report import main
from sparft_verl.report.cluster_page import check_page, page_path
from sparft_verl.report.clusters import MOST_POINTS, gather
from sparft_verl.report.errors import ReportError

NASTY = "<script>alert(\"x\")</script> & 'q' <b>"
AUTO = [
    {"k": 2, "silhouette": 0.31, "ari": 0.9, "inertia": 12.5},
    {"k": 4, "silhouette": 0.2, "ari": 0.4, "inertia": 9.0},
]


def write(
    out: Path, sizes: tuple[int, ...] = (6, 3), *, auto: bool = True, known: bool = True, removed: int = 2
) -> Path:
    """An artefact with one arm per size: arm k lies around (10 k, 0), its difficulties around k / K."""
    arm = np.repeat(np.arange(len(sizes)), sizes)
    n, k = len(arm), len(sizes)
    generator = np.random.Generator(np.random.Philox(key=7))
    x = generator.normal(size=(n, 3)).astype(np.float32)
    x[:, 0] += 10 * arm
    values = {
        "sparft_key": [f"key{i}" for i in range(n)],
        "sparft_occurrence": [0] * n,
        "sparft_arm": arm,
        "sparft_difficulty": (arm + 0.5) / k if known else np.zeros(n),
        "sparft_row": np.arange(n) + removed,
        "sparft_source": [f"src <{a}>" for a in arm],
        "sparft_text": [f"prompt {i} {NASTY}" for i in range(n)],
        "sparft_difficulty_missing": [False] * n,
        "sparft_selected": [i % 2 == 0 for i in range(n)],
    }
    items = pa.table({name: pa.array(values[name], kind) for name, kind in ITEMS_COLUMNS.items()})
    rows = np.flatnonzero(values["sparft_selected"])
    gone: dict[str, list[Any]] = {
        "sparft_row": list(range(removed)),
        "sparft_key": ["r"] * removed,
        "sparft_occurrence": [0] * removed,
        "sparft_source": ["src"] * removed,
        "sparft_reason": [("duplicate", "eval_ngram")[i % 2] for i in range(removed)],
        "sparft_detail": [("copy of input row 2", "math500 item 7")[i % 2] for i in range(removed)],
        "sparft_other": [(2, -1)[i % 2] for i in range(removed)],
        "sparft_similarity": [(1.0, float("nan"))[i % 2] for i in range(removed)],
        "sparft_text": [NASTY] * removed,
    }
    write_artefact(
        out,
        selection=items.select(list(SELECTION_COLUMNS)).take(rows),
        items=items,
        removed=pa.table({name: pa.array(gone[name], kind) for name, kind in REMOVED_COLUMNS.items()}),
        embeddings=np.ones((n, 2), np.float32),
        features=x,
        arms=[
            {
                "name": f"c{a}",
                "size": size,
                "selected": int(np.isin(np.flatnonzero(arm == a), rows).sum()),
                "mean_difficulty": (a + 0.5) / k,
                "source": f"src <{a}>",
                "source_share": 1.0,
            }
            for a, size in enumerate(sizes)
        ],
        parameters={
            "seed": 0,
            "resolved": {
                "engine": "faiss",
                "embedder": {"engine": "lexical", "model": "words"},
                "difficulty": {"kind": "column"},
                "quality": {"stability": AUTO, "rows": 9, "resamples": 3} if auto else {},
            },
        },
        difficulty_known=known,
        inputs=[{"path": "a.parquet", "rows": n + removed}],
        counts={"removed_by_reason": {"duplicate": removed - removed // 2, "eval_ngram": removed // 2}},
        ledger={"embed": {"seconds": 1.5, "items": n, "cached": 0, "tokens": 1234, "rollouts": 0}},
        notes=[f"a note {NASTY}"],
        versions={"numpy": "2"},
    )
    return out


class Strict(HTMLParser):
    """Fails on tags that are not closed in order; collects tags, attributes and text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(out: Path) -> tuple[str, Strict]:
    html = page_path(out).read_text(encoding="utf-8")
    page = Strict()
    page.feed(html)
    page.close()
    assert page.open == []
    return html, page


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "art")


def test_the_command_writes_the_page_beside_the_artefact(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(folder)]) == 0
    assert "art.html: 5 prompts selected in 2 arms" in capsys.readouterr().out
    assert sorted(p.name for p in folder.parent.iterdir()) == ["art", "art.html"]
    assert main([str(folder), "--out", str(folder.parent / "else.html")]) == 0
    assert (folder.parent / "else.html").read_bytes() == (folder.parent / "art.html").read_bytes()


def test_the_page_needs_nothing_else_and_shows_no_markup_of_the_data(folder: Path) -> None:
    main([str(folder)])
    html, page = read(folder)
    assert not {"script", "link", "img", "iframe", "use", "image", "b"} & set(page.tags)
    assert not [
        name for name, _ in page.attributes if name in ("src", "href", "srcset") or name.startswith("on")
    ]
    assert "url(" not in html and "@import" not in html and "http" not in html
    shown = "".join(page.text)
    assert f"prompt 0 {NASTY}" in shown and f"a note {NASTY}" in shown and "src <1>" in shown


def test_every_part_is_there(folder: Path) -> None:
    main([str(folder)])
    html, page = read(folder)
    headings = re.findall(r"<h2>(.*?)</h2>", html)
    assert headings == [
        "Arms",
        "Map",
        "Prompts at the centre and at the edge of each arm",
        "What was removed",
        "Stability of the number of arms",
        "What it cost",
    ]
    cells = [cell for cell in page.text if cell.strip()]
    assert cells[cells.index("duplicate") : cells.index("duplicate") + 4] == [
        "duplicate", "the same prompt as an earlier row", "1", "9.09 %",
    ]  # fmt: skip
    assert "row 0 · src · copy of input row 2 · similarity 1.00" in cells
    assert "row 1 · src · math500 item 7" in cells
    assert "2 (chosen)" in cells and "0.310" in cells
    assert "1,234" in cells and "1.50" in cells


def test_nearest_and_farthest_prompts_are_those_of_the_features(folder: Path) -> None:
    artefact = read_artefact(folder)
    found = gather(artefact)
    x, arm = np.asarray(artefact.features, np.float64), artefact.items["sparft_arm"].to_numpy()
    for a in (0, 1):
        members = np.flatnonzero(arm == a)
        away = np.linalg.norm(x[members] - x[members].mean(axis=0), axis=1)
        ranked = [int(members[i]) + 2 for i in np.argsort(away)]
        assert [p.row for p in found.nearest[a]] == ranked[: len(found.nearest[a])]
        assert [p.row for p in found.farthest[a]] == ranked[::-1][: len(found.farthest[a])]
        assert len(found.nearest[a]) + len(found.farthest[a]) == min(6, len(members))
    assert found.histogram.sum(axis=1).tolist() == [6, 3]
    assert found.histogram[0, 5] == 6 and found.histogram[1, 15] == 3


def test_the_map_lies_on_the_first_two_principal_components(folder: Path) -> None:
    artefact = read_artefact(folder)
    found = gather(artefact)
    x = np.asarray(artefact.features, np.float64)
    centred = x - x.mean(axis=0)
    _, s, v = np.linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(np.abs(found.place), np.abs(centred @ v[:2].T), atol=1e-6)
    np.testing.assert_allclose(found.share, (s**2 / (s**2).sum())[:2], atol=1e-6)


def test_a_large_artefact_is_sampled_alike_each_time_and_stays_below_a_megabyte(tmp_path: Path) -> None:
    folder = write(tmp_path / "art", (4000, 800, *([30] * 60), 1), removed=50)
    first, again = gather(read_artefact(folder)), gather(read_artefact(folder))
    np.testing.assert_array_equal(first.place, again.place)
    assert set(first.arm.tolist()) == set(range(63)) and len(first.arm) <= MOST_POINTS + 63
    share = np.bincount(first.arm)[0] / len(first.arm)
    assert share == pytest.approx(4000 / 6601, abs=0.03)
    main([str(folder)])
    html, _ = read(folder)
    assert len(html.encode()) < 1_000_000
    assert "Of 63 arms the 40 largest are drawn." in html and "Colours repeat after 10 arms" in html


@pytest.mark.parametrize("sizes", [(1,), (2, 1), (1, 1, 1)])
def test_tiny_artefacts_have_a_page(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    folder = write(tmp_path / "art", sizes, auto=False, known=False, removed=0)
    assert main([str(folder)]) == 0
    html, _ = read(folder)
    assert "Nothing was removed" in html and "Stability" not in html and "plays no part in the arms" in html


def test_the_same_artefact_gives_the_same_bytes(folder: Path) -> None:
    main([str(folder)])
    first = page_path(folder).read_bytes()
    main([str(folder)])
    assert page_path(folder).read_bytes() == first


def test_a_file_of_the_users_is_not_replaced(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page_path(folder).write_text("<p>mine</p>")
    assert main([str(folder)]) == 2
    assert "Only an earlier page may be replaced" in capsys.readouterr().err
    assert page_path(folder).read_text() == "<p>mine</p>"
    with pytest.raises(ReportError, match="is a folder"):
        check_page(folder)


def test_a_damaged_artefact_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"schema_version": 1}))
    assert main([str(folder)]) == 2
    assert "schema version must be 2" in capsys.readouterr().err
