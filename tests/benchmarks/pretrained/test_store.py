"""Finished runs are kept whole or not at all."""

from pathlib import Path

import pytest

from benchmarks.pretrained.store import Store


def test_what_is_put_is_there_and_can_be_replaced(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    assert store.get("a") is None
    store.put("a", {"x": 1})
    store.put("a", {"x": [2.5, None]})
    assert store.get("a") == {"x": [2.5, None]} and store.get("b") is None
    assert [path.name for path in store.folder.iterdir()] == ["a.json"]


def test_a_record_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put("a", {"x": 1})
    with pytest.raises(ValueError, match="JSON"):
        store.put("a", {"x": float("nan")})
    assert store.get("a") == {"x": 1}
    assert [path.name for path in tmp_path.glob("*.json")] == ["a.json"]
