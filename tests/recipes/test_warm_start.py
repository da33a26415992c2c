"""The warm start: never on held-out questions, both answers at their weights, the same files for the same seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("reasoning_gym", reason="the demo's tasks need the demo extra")

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from recipes.tiny_cpu.families import FAMILIES, is_held_out
from recipes.tiny_cpu.make_policy import Settings, make
from recipes.tiny_cpu.tokenizer import train_tokenizer
from recipes.tiny_cpu.warm_start import answer_loss, batches, corpus, new_model, questions, tokenize

POLICY = Path(__file__).resolve().parents[2] / "recipes" / "tiny_cpu" / "policy"
SMALL = Settings(
    steps=3, questions=160, hidden=16, layers=1, train_rows=40, held_out_rows=20, samples=1, seed=2
)


@pytest.fixture(scope="module")
def texts():
    return corpus(160, seed=1, progress=False)


@pytest.fixture(scope="module")
def cells(texts):
    tokenizer = train_tokenizer(
        [t for found in texts.values() for q in found for t in (q.text, q.right, q.wrong)]
    )
    return tokenizer, tokenize(tokenizer, texts)


def test_it_never_trains_on_a_question_of_the_held_out_pool(texts):
    everything = [question.text for found in texts.values() for question in found]
    assert len(everything) > 1000
    assert not any(is_held_out(text) for text in everything)


def test_a_level_with_few_questions_gives_what_it_has():
    found = questions(FAMILIES[0], 0, 500, seed=0)
    assert 100 < len(found) < 200
    assert len({question.text for question in found}) == len(found)


def test_both_answers_in_one_row_cost_what_two_separate_rows_cost(cells):
    tokenizer, tokenized = cells
    model = new_model(tokenizer, hidden=32, layers=2, seed=0).eval()
    draw = batches(tokenized, np.random.Generator(np.random.Philox(5)), rows=10)
    for batch in draw(1.0):
        separate = torch.zeros(())
        for row in range(len(batch.ids)):
            mine = batch.source[0] == row
            target, weight, columns = batch.target[mine], batch.weight[mine], batch.source[1][mine]
            prompt = batch.ids[row, : int(columns[0]) + 1]
            start = (columns == columns[0]).nonzero()[:, 0].tolist()
            for first, last in ((start[0], start[1]), (start[1], len(target))):
                answer = target[first:last]
                ids = torch.cat([prompt, answer[:-1]])[None]
                logits = model(input_ids=ids).logits[0, len(prompt) - 1 :]
                loss = torch.nn.functional.cross_entropy(logits, answer, reduction="sum")
                separate = separate + loss * weight[first]
        assert answer_loss(model, batch).item() == pytest.approx(separate.item(), rel=1e-4)


def test_the_right_answers_share_is_the_levels_own_or_the_common_one(cells):
    _, tokenized = cells
    by_family = {family.name: {level.right for level in family.levels} for family in FAMILIES}
    draw = batches(tokenized, np.random.Generator(np.random.Philox(6)), rows=20)
    for own, expected in ((1.0, list(by_family.values())), (0.0, [{0.75}] * len(by_family))):
        for batch, shares in zip(draw(own), expected, strict=True):
            weights = {round(float(w), 4) for w in batch.weight.unique()}
            assert weights <= {round(w, 4) for share in shares for w in (share, 1 - share)}


def test_a_run_writes_a_loadable_folder_and_the_same_seed_the_same_bytes(tmp_path):
    first = make(tmp_path / "a", SMALL, progress=False)
    second = make(tmp_path / "b", SMALL, progress=False)
    assert first == second
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert {"README.md", "config.json", "model.safetensors", "solve_rates.json", "tokenizer.json"} <= set(
        names
    )
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "a")
    assert len(AutoTokenizer.from_pretrained(tmp_path / "a")) == model.config.vocab_size


def test_texts_too_uniform_for_the_vocabulary_are_refused_with_both_sizes():
    with pytest.raises(ValueError, match=r"the texts give \d+ tokens, 1024 were asked for"):
        train_tokenizer(["Calculate 5 - 3."])


def test_another_seed_makes_another_model():
    tokenizer = AutoTokenizer.from_pretrained(POLICY)
    one, two = (new_model(tokenizer, 16, 1, seed) for seed in (0, 1))
    assert not torch.equal(one.lm_head.weight, two.lm_head.weight)
