"""Which prompts are computed together: every prompt once, in one order, and cuts that move with the text."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sparft_verl.prepare.embed_shards import batches, distinct, shards

TEXTS = st.lists(st.text(max_size=12), unique=True, max_size=300)


@settings(max_examples=60, deadline=None)
@given(TEXTS, st.integers(1, 6))
def test_every_text_is_in_one_shard_and_longer_ones_come_first(texts: list[str], size: int) -> None:
    parts = list(shards(texts, size))
    numbers = np.concatenate([part.numbers for part in parts]) if parts else np.array([])
    assert sorted(numbers) == list(range(len(texts)))
    for part in parts:
        assert 1 <= len(part.texts) <= size
        assert part.texts == [texts[i] for i in part.numbers]
        assert part.texts == sorted(part.texts, key=len, reverse=True)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=12000), max_size=9), st.integers(1, 4))
def test_batches_are_runs_and_a_long_prompt_fills_one(texts: list[str], size: int) -> None:
    texts = sorted(texts, key=len, reverse=True)
    runs = list(batches(texts, size))
    assert [text for run in runs for text in run] == texts
    for run in runs:
        assert 1 <= len(run) <= size
        assert len(run) == 1 or len(run) * len(run[0]) <= size * 4096


def test_a_long_prompt_takes_no_others_along() -> None:
    runs = list(batches(["x" * 1_000_000, *["y" * 4000] * 70], 64))
    assert [len(run) for run in runs] == [1, 64, 6]


def test_distinct_texts_keep_the_order_of_their_first_occurrence() -> None:
    texts, index = distinct(["b", "a", "b", "c", "a"])
    assert texts == ["b", "a", "c"] and index.tolist() == [0, 1, 0, 2, 1] and index.dtype == np.int64


def test_cuts_move_with_the_text() -> None:
    def parts(texts: list[str]) -> set[tuple[str, ...]]:
        return {tuple(part.texts) for part in shards(texts, 16)}

    texts = [f"prompt number {i * i} of many {'!' * (i % 9)}" for i in range(4000)]
    whole = parts(texts)
    without = parts([*texts[:2000], *texts[2001:]])
    turned = parts([*texts[2000:], *texts[:2000]])
    assert 230 <= len(whole) <= 300
    assert len(whole - without) <= 24, "one prompt less: its segment, and until the cuts meet again"
    assert len(whole - turned) <= 48, "files in another order: the segments at their ends"
    order = [number for part in shards(texts, 16) for number in part.numbers]
    assert order == [number for part in shards(list(texts), 16) for number in part.numbers]
