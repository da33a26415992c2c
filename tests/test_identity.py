"""Who a row is: the hash sees content only, and the join gives every row at most once."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparft_verl.identity import ArtefactError, content_hash, join, occurrences, row_hash

PLAIN = st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=8)
TRUTH = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
MESSAGES = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["system", "user"]), "content": st.text(max_size=12)}),
    min_size=1,
    max_size=3,
)
HASHES = st.lists(st.sampled_from("abcd"), max_size=12)


def _disguise(value: Any) -> Any:
    """The same content, as parquet, pandas or a schema merge may hand it over."""
    if isinstance(value, dict):
        return {"zz_gap": None, **{k: _disguise(v) for k, v in reversed(value.items())}}
    if isinstance(value, list):
        array = np.empty(len(value), dtype=object)
        for i, v in enumerate(value):
            array[i] = _disguise(v)
        return array
    if isinstance(value, int) and not isinstance(value, bool):
        return np.int64(value)
    return np.str_(value) if isinstance(value, str) else value


def test_the_hash_of_a_known_row_never_changes() -> None:
    # artefacts on disk hold these values: a change here needs a new schema version
    assert (
        content_hash([{"role": "user", "content": "1+1?"}], "math", "2") == "e6e5e38e40b9c17703e0a2274a755489"
    )


@given(MESSAGES, st.text(max_size=5), TRUTH)
def test_the_hash_does_not_see_containers_gaps_and_order(
    messages: list[Any], source: str, truth: Any
) -> None:
    plain = content_hash(messages, source, truth)
    assert plain == content_hash(_disguise(messages), np.str_(source), _disguise(truth))
    assert len(plain) == 32 and set(plain) <= set("0123456789abcdef")


@given(MESSAGES, st.integers(-(2**40), 2**40))
def test_an_integer_widened_to_float_is_the_same_truth(messages: list[Any], truth: int) -> None:
    assert content_hash(messages, "s", truth) == content_hash(messages, "s", float(truth))


@given(MESSAGES, MESSAGES)
def test_different_messages_have_different_hashes(a: list[Any], b: list[Any]) -> None:
    assert (content_hash(a, "s", "1") == content_hash(b, "s", "1")) == (a == b)


@pytest.mark.parametrize(
    "other",
    [
        ([{"role": "user", "content": "q "}], "s", "1"),
        ([{"role": "system", "content": "q"}], "s", "1"),
        ([{"role": "user", "content": "q"}], "t", "1"),
        ([{"role": "user", "content": "q"}], "s", 1),
        ([{"role": "user", "content": "q"}], "s", True),
        ([{"role": "user", "content": "q"}], "s", None),
    ],
)
def test_every_part_of_the_content_counts(other: tuple[Any, Any, Any]) -> None:
    assert content_hash(*other) != content_hash([{"role": "user", "content": "q"}], "s", "1")


def test_only_role_and_content_of_a_message_count() -> None:
    named = [{"role": "user", "content": "q", "name": "bob"}]
    assert content_hash(named, "s", "1") == content_hash([{"role": "user", "content": "q"}], "s", "1")


def test_images_in_a_message_are_told_apart_by_their_bytes() -> None:
    def image(data: bytes) -> str:
        return content_hash([{"role": "user", "content": [{"type": "image", "image": data}]}], "s", "1")

    assert image(b"\x00") == image(b"\x00") != image(b"\x01")


def test_what_has_no_canonical_text_is_refused_by_type() -> None:
    with pytest.raises(ArtefactError, match=r"found object \(<object"):
        content_hash("q", "s", object())


def test_a_row_keeps_its_hash_through_pandas_and_a_merge_with_another_schema(tmp_path: Path) -> None:
    first = {"prompt": [{"role": "user", "content": "q"}], "data_source": "s"}
    first["reward_model"] = {"ground_truth": {"n": 3, "list": [1, 2]}}
    second = {"prompt": [{"role": "user", "content": "r", "name": "x"}], "data_source": "t"}
    second["reward_model"] = {"style": "rule", "ground_truth": {"n": 2.5, "word": "w"}}
    tables = [pa.Table.from_pylist([row]) for row in (first, second)]
    pq.write_table(pa.concat_tables(tables, promote_options="permissive"), tmp_path / "both.parquet")
    frame = pd.read_parquet(tmp_path / "both.parquet")
    assert [row_hash(row) for row in frame.to_dict("records")] == [row_hash(first), row_hash(second)]


@given(HASHES)
def test_occurrences_count_equal_hashes_before_each(hashes: list[str]) -> None:
    assert occurrences(hashes) == [hashes[:i].count(h) for i, h in enumerate(hashes)]


@given(HASHES, st.data())
def test_rows_of_unchanged_data_find_themselves(hashes: list[str], data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.sampled_from(range(len(hashes))), unique=True)) if hashes else []
    seen = occurrences(hashes)
    assert join([hashes[r] for r in rows], [seen[r] for r in rows], hashes).tolist() == rows


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 5)), max_size=10), HASHES)
def test_the_join_is_as_large_as_content_allows_and_serves_no_row_twice(
    wanted: list[tuple[str, int]], hashes: list[str]
) -> None:
    keys = [key for key, _ in wanted]
    positions = join(keys, [n for _, n in wanted], hashes)
    found = positions[positions >= 0].tolist()
    assert len(set(found)) == len(found)
    assert all(hashes[p] == key for p, key in zip(positions, keys, strict=True) if p >= 0)
    have = Counter(hashes)
    assert len(found) == sum(min(count, have[key]) for key, count in Counter(keys).items())
    seen = occurrences(hashes)
    exact = {(h, n) for h, n in zip(hashes, seen, strict=True)}
    for (key, n), position in zip(wanted, positions, strict=True):
        if (key, n) in exact and wanted.count((key, n)) == 1:
            assert (hashes[position], seen[position]) == (key, n)


def test_training_on_the_artefacts_own_rows_matches_copies_in_order() -> None:
    # the second and fifth copy were selected: in the artefact's own parquet they are the first and second
    assert join(["x", "x"], [1, 4], ["x", "x"]).tolist() == [1, 0]


def test_rows_that_are_gone_are_marked() -> None:
    assert join(["a", "b", "a"], [0, 0, 1], ["c", "a"]).tolist() == [1, -1, -1]


def test_as_many_occurrences_as_keys_are_needed() -> None:
    with pytest.raises(ArtefactError, match="2 keys and 1 occurrences"):
        join(["a", "b"], [0], ["a"])
