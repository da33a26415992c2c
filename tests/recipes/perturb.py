"""Wrong answers made from right ones, and how each benchmark wants an answer written."""

import re

FORMS = {
    "openai/gsm8k": "The answer follows.\n#### {}",
    "knights_knaves": "<think>Suppose not.</think> <answer>{}</answer>",
    "countdown": "So <answer>{}</answer>",
    "zebra_puzzles": "So <answer>{}</answer>",
    "arc_1d": "The rule shifts. <answer>{}</answer>",
}
BOXED = "Therefore the answer is \\boxed{{{}}}."


def said(row: dict, answer: str) -> str:
    """Return a response that ends in the answer, as the row's prompt asks for it."""
    return FORMS.get(row["data_source"], BOXED).format(answer)


def other_number(answer: str) -> str:
    """Return the answer with its first digit one higher (9 becomes 1, never 0); without a digit, with a 1 behind."""
    found = re.search(r"\d", answer)
    if found is None:
        return answer + "1"
    digit = str(int(found[0]) % 9 + 1)
    return answer[: found.start()] + digit + answer[found.end() :]


def swapped_role(answer: str) -> str:
    """Return a Knights & Knaves answer with the first person's role replaced by the other one of its pair."""
    from reasoning_gym.logic.knights_knaves import KNIGHT_KNAVE_PAIRS

    other = {a.split()[1]: b.split()[1] for pair in KNIGHT_KNAVE_PAIRS for a, b in (pair, pair[::-1])}
    role = re.search(r"\b(" + "|".join(other) + r")\b", answer)
    assert role is not None, answer
    return answer[: role.start()] + other[role[0]] + answer[role.end() :]
