"""Words, runs of words, near pairs and overlaps with items: what is alike, and what only looks alike."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparft_verl.prepare.clean.near import near_pairs
from sparft_verl.prepare.clean.ngrams import overlaps
from sparft_verl.prepare.clean.words import Corpus, Vocabulary, normalise, numbers, runs

STORY = (
    "natalia sold clips to 48 of her friends in april and then she sold half as many clips in may how many clips "
    "did natalia sell altogether in april and may"
)


def corpora(*groups: list[str]) -> list[Corpus]:
    words = Vocabulary()
    return [words.corpus([normalise(text) for text in group]) for group in groups]


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("  Two\t words\n", "two words"),
        ("Janet’s “eggs” – 3", 'janet\'s "eggs" - 3'),
        ("e\u0301te\u0301", "\u00e9t\u00e9"),
        ("No\u00a0break", "no break"),
    ],
)
def test_spacing_case_quotes_and_accents_have_one_form(text: str, same: str) -> None:
    assert normalise(text) == same


def test_a_power_is_not_its_base_and_exponent() -> None:
    assert normalise("x²") != normalise("x2")


def test_signs_are_told_from_words_and_numbers_keep_their_order() -> None:
    (corpus,) = corpora(["3 + x_1 = 12"])
    assert len(corpus.ids) == 7 and len(corpus.words().ids) == 4
    assert numbers("3 + x_1 = 12") == ["3", "1", "12"] != numbers("12 + x_1 = 3")


@settings(deadline=None, max_examples=50)
@given(st.lists(st.lists(st.sampled_from("abc+"), max_size=6), max_size=6), st.integers(1, 4))
def test_runs_are_those_of_each_text_and_equal_only_if_the_words_are(texts: list[list[str]], n: int) -> None:
    (corpus,) = corpora([" ".join(text) for text in texts])
    value, owner = runs(corpus, n)
    expected = [(i, tuple(text[k : k + n])) for i, text in enumerate(texts) for k in range(len(text) - n + 1)]
    assert owner.tolist() == [i for i, _ in expected]
    by_value = dict(zip(value.tolist(), (run for _, run in expected), strict=True))
    assert [by_value[v] for v in value.tolist()] == [run for _, run in expected]
    assert len(by_value) == len({run for _, run in expected})


def test_one_changed_word_is_near_and_its_similarity_is_that_of_the_bags() -> None:
    changed = STORY.replace("friends", "neighbours")
    pairs = near_pairs(*corpora([STORY, "something else entirely with other words in it", changed]), 0.6, 30)
    assert (pairs.first.tolist(), pairs.second.tolist()) == ([0], [2])
    n = len(STORY.split())
    assert pairs.similarity[0] == pytest.approx((n - 3) / (n + 3))


def test_the_wording_of_a_template_makes_no_near_pairs() -> None:
    frame = "you meet many inhabitants of an island where knights tell the truth and knaves lie say who {} is"
    made = [frame.format(f"{chr(97 + i)}{chr(97 + j)}") for i in range(8) for j in range(8)]
    assert len(near_pairs(*corpora(made), 0.6, 30).first) == 0
    assert len(near_pairs(*corpora(made[:20]), 0.6, 30).first) == 190  # too few to be told from variants


def test_near_pairs_of_nothing() -> None:
    assert len(near_pairs(*corpora([]), 0.6, 30).first) == 0
    assert len(near_pairs(*corpora(["", ""]), 0.6, 30).first) == 0


@settings(deadline=None, max_examples=50)
@given(st.lists(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=30), min_size=2, max_size=8))
def test_near_pairs_are_alike_by_the_definition(texts: list[list[str]]) -> None:
    (corpus,) = corpora([" ".join(text) for text in texts])
    pairs = near_pairs(corpus, 0.5, 3)
    for i, j, similarity in zip(pairs.first, pairs.second, pairs.similarity, strict=True):
        bags = []
        for text in (texts[i], texts[j]):
            padded = [*text, "", ""]
            bag: dict[tuple[str, ...], int] = {}
            for k in range(len(text)):
                run = tuple(padded[k : k + 3])
                bag[run] = bag.get(run, 0) + 1
            bags.append(bag)
        common = sum(min(count, bags[1].get(run, 0)) for run, count in bags[0].items())
        union = sum(bags[0].values()) + sum(bags[1].values()) - common
        assert i < j and similarity == pytest.approx(common / union) and similarity >= 0.5


def found(
    texts: list[str], items: list[str], max_rows: int = 10, share: float = 0.2
) -> list[tuple[int, int]]:
    a, b = corpora(texts, items)
    result = overlaps(a, b, 13, max_rows, share)
    assert ((result.share > 0) & (result.share <= 1)).all() and (np.diff(result.text) > 0).all()
    return list(zip(result.text.tolist(), result.item.tolist(), strict=True))


def test_an_item_is_found_within_instructions_and_with_a_changed_word() -> None:
    wrapped = f"Solve this. {STORY}? Think step by step."
    edited = STORY.replace("april", "june", 1)
    assert found(["unrelated", wrapped, edited], ["other item of words", STORY]) == [(1, 1), (2, 1)]


def test_thirteen_common_words_are_found_and_twelve_are_not() -> None:
    words = STORY.split()
    shares = [" ".join(words[:n]) + " zzz" for n in (12, 13)]
    assert found(shares, [STORY], share=0.0) == [(1, 0)]
    assert found(shares, [STORY]) == []


def test_short_items_must_stand_whole_signs_included() -> None:
    texts = ["Please: What is 3 + 4? Thanks.", "What is 3 - 4?", "What is 3+4"]
    assert found(texts, ["what is 3+4?"]) == [(0, 0)]
    assert found(["a b c", "a"], ["a", "a b"]) == []  # too short to mean anything within a prompt


def test_wording_shared_by_many_texts_does_not_count_but_a_whole_item_does() -> None:
    frame = (
        "a very special island is inhabited only by knights and knaves and knights always tell the truth {}"
    )
    made = [frame.format(f"said x{i} of y{i}") for i in range(20)]
    item = frame.format("what did z say to w")
    assert found(made, [item]) == []
    assert found([*made, item], [item]) == [(20, 0)]
    copies = [f"{STORY} variant {i}" for i in range(20)]
    assert found(copies, [STORY]) == [(i, 0) for i in range(20)]


def test_overlaps_of_nothing() -> None:
    assert found([], [STORY]) == found([STORY], []) == found([""], [""]) == []
