from collections import Counter

import numpy as np
import pytest

from benchmarks.learning.families import WORLDS, draw, is_held_out, of_kind
from benchmarks.learning.families.base import one
from benchmarks.learning.mixes import COPIES, ROWS, held_out, quotas, training_set
from benchmarks.learning.policy import CHARACTERS, RESPONSE_TOKENS, decode, encode_answer

FAMILIES = [family for world in WORLDS.values() for family in world]


def generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


def test_the_worlds_share_no_family() -> None:
    names = [family.name for family in FAMILIES]
    assert len(set(names)) == len(names)
    assert len(of_kind("train", "useful")) >= 10
    assert len(of_kind("confirm", "useful")) >= 8


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_items_fit_the_policy(family) -> None:
    for level in range(family.levels):
        for item in draw(family, level, 50, generator(level), held_out=False):
            assert set(item.question) <= set(CHARACTERS)
            for answer in (item.answer, item.slip):
                ids = encode_answer(answer)
                assert len(ids) <= RESPONSE_TOKENS
                assert decode(ids) == answer
            assert family.kind != "useful" or item.answer != item.slip


KNOWN = {
    "add 12 7": "19",
    "sub 15 7": "8",
    "mod 47 5": "2",
    "max 23 71 45": "71",
    "sort 5283": "2358",
    "count b abbca": "2",
    "rev abcd": "dcba",
    "next xz 2": "zb",
    "rot abcde 2": "cdeab",
    "close ([{<": ">}])",
    "xor 1011 0110": "1101",
    "solve x+4=13": "9",
    "solve x-4=9": "13",
    "uniq aabcc": "abc",
    "zip abc xyz": "axbycz",
    "even 52847": "284",
    "sum 352": "10",
    "odd abcdefg": "aceg",
    "put b c abcb": "accc",
}


def rule(question: str) -> str:
    """The right answer, by another road than the generators'."""
    name, *words = question.split()
    match name:
        case "add" | "sub" | "mod":
            return str(eval(f"{words[0]} {dict(add='+', sub='-', mod='%')[name]} {words[1]}"))
        case "max":
            return max(words)
        case "sort":
            return "".join(digit for digit in "0123456789" for _ in range(words[0].count(digit)))
        case "count":
            return str(len(words[1].split(words[0])) - 1)
        case "rev":
            return "".join(reversed(words[0]))
        case "next":
            return "".join(chr((ord(letter) - 97 + int(words[1])) % 26 + 97) for letter in words[0])
        case "rot":
            place = int(words[1])
            return (words[0] * 2)[place : place + len(words[0])]
        case "close":
            return words[0][::-1].translate(str.maketrans("([{<", ")]}>"))
        case "xor":
            return f"{int(words[0], 2) ^ int(words[1], 2):0{len(words[0])}b}"
        case "solve":
            left, right = words[0][1:].split("=")
            return str(int(right) - int(left))
        case "uniq":
            return "".join(dict.fromkeys(words[0]))
        case "zip":
            return "".join(map("".join, zip(*words, strict=True)))
        case "even":
            return "".join(digit for digit in words[0] if digit in "02468") or "no"
        case "sum":
            return str(sum(map(int, words[0])))
        case "odd":
            return words[0][::2]
        case "put":
            return words[2].translate(str.maketrans(words[0], words[1]))
    raise AssertionError(name)


@pytest.mark.parametrize(("question", "answer"), KNOWN.items())
def test_the_rule_of_the_tests_is_right(question: str, answer: str) -> None:
    assert rule(question) == answer


@pytest.mark.parametrize(
    "family", [f for f in FAMILIES if f.kind == "useful"], ids=lambda family: family.name
)
def test_answers_are_right_and_slips_are_not(family) -> None:
    chance = generator(1)
    for index in range(200):
        item = one(family, index % family.levels, chance)
        assert item.answer == rule(item.question)
        assert item.slip != item.answer


@pytest.mark.parametrize("useless", [0.0, 0.3, 0.6, 0.9])
@pytest.mark.parametrize("world", WORLDS)
def test_a_training_set_has_the_shares_asked_for(world: str, useless: float) -> None:
    tasks = training_set(world, useless, 0)
    assert len(tasks) == ROWS
    counts = Counter(task.kind for task in tasks)
    third = round(ROWS * useless / 3)
    assert {kind: counts[kind] for kind in ("unsolvable", "mastered", "duplicated")} == dict.fromkeys(
        ("unsolvable", "mastered", "duplicated"), third
    )
    assert not any(is_held_out(task.question) for task in tasks)
    copies = Counter(task.question for task in tasks if task.kind == "duplicated")
    assert all(count <= COPIES for count in copies.values())
    once = [task.question for task in tasks if task.kind != "duplicated"]
    assert len(set(once)) == len(once)
    for task in tasks:
        if task.kind in ("useful", "duplicated"):
            assert task.answer == rule(task.question)
        if task.kind == "unsolvable" and task.family not in {f.name for f in of_kind(world, "unsolvable")}:
            assert task.answer != rule(task.question)


def test_families_have_skewed_sizes_in_an_order_of_the_seed() -> None:
    sizes = [Counter(task.family for task in training_set("train", 0.0, seed)) for seed in (0, 1)]
    for counts in sizes:
        assert max(counts.values()) > 5 * min(counts.values())
    assert sizes[0] != sizes[1]


def test_equal_seeds_give_equal_sets() -> None:
    assert training_set("train", 0.3, 5) == training_set("train", 0.3, 5)
    assert training_set("train", 0.3, 5) != training_set("train", 0.3, 6)


@pytest.mark.parametrize("world", WORLDS)
def test_held_out_questions_are_nobodys(world: str) -> None:
    questions = {item.question for items in held_out(world).values() for item in items}
    assert all(is_held_out(question) for question in questions)
    assert set(held_out(world)) == {family.name for family in WORLDS[world] if family.kind != "unsolvable"}


def test_too_few_questions_are_named() -> None:
    with pytest.raises(ValueError, match=r"mod/0 has .* were asked for"):
        draw(of_kind("train", "useful")[2], 0, 400, generator(0), held_out=True)


def test_quotas_are_whole_and_sum_up() -> None:
    assert quotas(10, np.array([1.0, 1.0, 1.0])) == [4, 3, 3]
    assert sum(quotas(997, 1 / np.arange(1, 12))) == 997
