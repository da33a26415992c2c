"""Results are found again by what they were made from, whole or not at all."""

from pathlib import Path

import numpy as np
import pytest

from sparft_verl.prepare.cache import Cache, default_folder, digest_texts
from sparft_verl.prepare.errors import PrepareError


def test_what_was_kept_is_found_by_an_equal_key_and_by_no_other(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.entry("embed", {"model": "m", "n": 3}).save("part", np.arange(3.0))
    found = cache.entry("embed", {"n": 3, "model": "m"})
    np.testing.assert_array_equal(found.load("part"), [0.0, 1.0, 2.0])
    assert found.load_json("key") == {"model": "m", "n": 3}
    assert cache.entry("embed", {"model": "m", "n": 4}).load("part") is None
    assert cache.entry("other", {"model": "m", "n": 3}).load("part") is None


def test_looking_writes_nothing(tmp_path: Path) -> None:
    entry = Cache(tmp_path / "new").entry("embed", {"a": 1})
    assert entry.load("x") is None and entry.load_json("y") is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"garbage"])
def test_a_damaged_file_counts_as_absent(tmp_path: Path, content: bytes) -> None:
    entry = Cache(tmp_path).entry("s", {})
    entry.save("x", np.ones(2))
    entry.save_json("y", [1])
    for name in ("x.npy", "y.json"):
        next(tmp_path.rglob(name)).write_bytes(content)
    assert entry.load("x") is None and entry.load_json("y") is None


def test_a_failed_write_leaves_the_earlier_value_and_nothing_aside(tmp_path: Path) -> None:
    entry = Cache(tmp_path).entry("s", {})
    entry.save_json("y", "before")
    with pytest.raises(ValueError, match="not JSON compliant"):
        entry.save_json("y", float("nan"))
    assert entry.load_json("y") == "before"
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["key.json", "y.json"]


def test_a_folder_that_cannot_be_written_is_named_with_the_fix(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PrepareError, match="cache=null to keep none"):
        Cache(tmp_path / "file").entry("s", {}).save("x", np.ones(1))


def test_without_a_folder_nothing_is_kept() -> None:
    entry = Cache(None).entry("s", {"a": 1})
    entry.save("x", np.ones(1))
    entry.save_json("y", 1)
    assert entry.load("x") is None and entry.load_json("y") is None


def test_texts_are_told_apart_by_their_boundaries_and_order() -> None:
    sums = [digest_texts(t) for t in (["ab", "c"], ["a", "bc"], ["c", "ab"], ["abc"], ["ab", "c", ""])]
    assert len(set(sums)) == 5 and digest_texts(iter(["ab", "c"])) == sums[0]


def test_the_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARFT_CACHE", "/a")
    assert default_folder() == Path("/a")
    monkeypatch.delenv("SPARFT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/b")
    assert default_folder() == Path("/b/sparft-verl")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_folder() == Path.home() / ".cache" / "sparft-verl"
