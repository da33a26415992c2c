"""Each source is scored by the recipes' own scorer."""

import pytest

pytest.importorskip("verl", reason="needs verl")
pytest.importorskip("reasoning_gym", reason="needs reasoning-gym")

from benchmarks.pretrained.reward import compute_score


@pytest.mark.parametrize(("said", "score"), [("so 3\n#### 12", 1.0), ("#### 13", 0.0), ("it is 12", 0.0)])
def test_gsm8k_wants_the_number_after_its_mark(said: str, score: float) -> None:
    assert compute_score("openai/gsm8k", said, "12", {}) == score


@pytest.mark.parametrize(
    ("said", "score"),
    [
        ("<answer>Zoe is a knave, and Riley is a knight.</answer>", 1.0),
        ("<answer>Zoe is a knight, and Riley is a knight.</answer>", 0.0),
        ("Zoe is a knave, and Riley is a knight.", 0.0),
    ],
)
def test_puzzles_want_everyone_right_between_tags(said: str, score: float) -> None:
    truth = "Zoe is a knave, and Riley is a knight."
    assert compute_score("knights_knaves", said, truth, {}) == score


def test_an_unknown_source_is_refused() -> None:
    with pytest.raises(ValueError, match=r"data_source must be one of .* but found 'other'"):
        compute_score("other", "1", "1", {})
