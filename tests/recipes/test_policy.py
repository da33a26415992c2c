"""The policy in the repository: loads by the ordinary ways, fits verl's needs, answers shortly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("reasoning_gym", reason="the demo's tasks need the demo extra")

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, Qwen2ForCausalLM

from recipes.tiny_cpu.families import FAMILIES
from recipes.tiny_cpu.measure import by_level, respond, score_rows
from recipes.tiny_cpu.tasks import build
from recipes.tiny_cpu.tokenizer import END, PAD, ROLES, START
from recipes.tiny_cpu.warm_start import RESPONSE_TOKENS

FOLDER = Path(__file__).resolve().parents[2] / "recipes" / "tiny_cpu" / "policy"


@pytest.fixture(scope="module")
def tokenizer():
    return AutoTokenizer.from_pretrained(FOLDER)


@pytest.fixture(scope="module")
def model():
    return AutoModelForCausalLM.from_pretrained(FOLDER).eval()


@pytest.fixture(scope="module")
def rows() -> list[dict]:
    splits = build(120, 60, seed=21, progress=False)
    return splits["train"] + splits["held_out"]


def encode(tokenizer, rows):
    return tokenizer.apply_chat_template(
        [row["prompt"] for row in rows], add_generation_prompt=True, tokenize=True, return_dict=False
    )


def test_the_folder_weighs_one_to_four_megabytes_and_the_model_under_a_million_parameters(model):
    assert 1e6 < sum(path.stat().st_size for path in FOLDER.iterdir()) < 4e6
    assert isinstance(model, Qwen2ForCausalLM)
    assert 2e5 < sum(p.numel() for p in model.parameters()) < 1e6
    assert {p.dtype for p in model.parameters()} == {torch.float32}


def test_vocabulary_special_tokens_and_model_agree(tokenizer, model):
    assert len(tokenizer) == model.config.vocab_size == model.get_input_embeddings().num_embeddings
    assert tokenizer.eos_token == END and tokenizer.eos_token_id == model.config.eos_token_id
    assert tokenizer.pad_token == PAD and tokenizer.pad_token_id == model.config.pad_token_id
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id
    assert model.config.tie_word_embeddings


def test_newline_end_of_turn_and_role_names_are_one_token_each(tokenizer):
    for text in ("\n", START, END, *ROLES):
        assert len(tokenizer.encode(text, add_special_tokens=False)) == 1, text


def test_chat_template_gives_chatml_and_appends_turn_by_turn(tokenizer):
    turns = [{"role": "user", "content": "Calculate 5 - 3."}, {"role": "assistant", "content": "2"}]
    prompt = tokenizer.apply_chat_template(turns[:1], add_generation_prompt=True, tokenize=False)
    assert prompt == "<|im_start|>user\nCalculate 5 - 3.<|im_end|>\n<|im_start|>assistant\n"
    assert tokenizer.apply_chat_template(turns, tokenize=False) == prompt + "2<|im_end|>\n"


def test_saving_and_loading_the_tokenizer_changes_no_token(tokenizer, rows, tmp_path):
    tokenizer.save_pretrained(tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path)
    assert again.get_vocab() == tokenizer.get_vocab()
    assert encode(again, rows) == encode(tokenizer, rows)
    odd = "Größe 1²\t\r\n <|im_start|>naïve 数 \U0001f600"
    assert again.encode(odd) == tokenizer.encode(odd)
    assert tokenizer.decode(tokenizer.encode(odd)) == odd


def test_prompts_are_short(tokenizer, rows):
    lengths: dict[str, list[int]] = {}
    for row, ids in zip(rows, encode(tokenizer, rows), strict=True):
        lengths.setdefault(row["data_source"], []).append(len(ids))
    everything = [n for found in lengths.values() for n in found]
    assert sum(everything) / len(everything) < 48 and max(everything) < 150
    for family in FAMILIES:
        if family.learnable:
            assert max(lengths[family.name]) <= 40


def test_sampled_responses_end_within_the_limit(tokenizer, model, rows):
    answers = respond(model, encode(tokenizer, rows), 1.0, RESPONSE_TOKENS, torch.Generator().manual_seed(0))
    assert answers.shape == (len(rows), RESPONSE_TOKENS)
    ended = (answers == tokenizer.eos_token_id).any(dim=1).float().mean()
    assert ended > 0.95


def test_batched_sampling_agrees_with_generate(tokenizer, model, rows):
    prompts = encode(tokenizer, rows[:24])
    greedy = respond(model, prompts, 0.0, RESPONSE_TOKENS)
    for prompt, answer in zip(prompts, greedy, strict=True):
        alone = model.generate(
            torch.tensor([prompt]),
            attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
            do_sample=False,
            temperature=None,
            max_new_tokens=RESPONSE_TOKENS,
        )[0, len(prompt) :]
        assert answer[: len(alone)].tolist() == alone.tolist()


def test_solve_rates_spread_over_the_levels_and_match_the_recorded_ones(tokenizer, model, rows):
    recorded = json.loads((FOLDER / "solve_rates.json").read_text())
    cells = {(r["family"], r["level"]): r["solve_rate"] for r in recorded["train_sampled"]}
    assert set(cells) == {(family.name, level) for family in FAMILIES for level in range(len(family.levels))}
    assert min(cells.values()) < 0.1 and max(cells.values()) > 0.75
    assert sum(0.1 < rate < 0.75 for rate in cells.values()) >= 6
    rewards = score_rows(model, tokenizer, rows, 4, 1.0, RESPONSE_TOKENS, seed=5, progress=False)
    now = by_level(rows, rewards)
    expected = sum(cells[r["family"], r["level"]] * r["items"] for r in now) / len(rows)
    assert float(rewards.mean()) == pytest.approx(expected, abs=0.1)
