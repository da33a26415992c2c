"""The generation engine against transformers itself."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from transformers import Qwen2ForCausalLM

from sparft_verl.verl_plugin.cpu.engine import Engine, Request
from sparft_verl.verl_plugin.cpu.sampling import SamplingParams

from .conftest import EOS, VOCABULARY, build_model

MakeEngine = Callable[..., Engine]

PROMPTS = [(5, 9, 11), (7,), (30, 31, 32, 33, 34, 35, 36), (5, 9, 11), (12, 13)]
FREE = SamplingParams(max_tokens=12, ignore_eos=True)


def run(engine: Engine) -> list[Request]:
    """Step until nothing is left; return the requests in the order in which they finished."""
    finished = []
    while engine.busy:
        finished += engine.step()
    return finished


def answers(engine: Engine, prompts: Sequence[tuple[int, ...]], params: SamplingParams) -> list[list[int]]:
    requests = [engine.submit(prompt, params) for prompt in prompts]
    run(engine)
    return [request.tokens for request in requests]


def direct_log_probs(model: Qwen2ForCausalLM, request: Request, temperature: float) -> torch.Tensor:
    """Log-probabilities of the answer from one plain forward pass over prompt and answer."""
    with torch.no_grad():
        logits = model(torch.tensor([[*request.prompt, *request.tokens]])).logits[0]
    first = len(request.prompt) - 1
    log_probs = (logits[first:-1] / temperature).log_softmax(-1)
    return log_probs.gather(-1, torch.tensor(request.tokens).unsqueeze(-1)).squeeze(-1)


def test_greedy_answers_are_those_of_transformers_generate(
    model: Qwen2ForCausalLM, make_engine: MakeEngine
) -> None:
    greedy = SamplingParams(temperature=0, max_tokens=20)
    for prompt, answer in zip(PROMPTS, answers(make_engine(), PROMPTS, greedy), strict=True):
        expected = model.generate(
            torch.tensor([prompt]),
            attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
            do_sample=False,
            max_new_tokens=20,
            eos_token_id=EOS,
            pad_token_id=0,
        )
        assert answer == expected[0, len(prompt) :].tolist()


@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_log_probs_are_those_of_a_plain_forward_pass(
    model: Qwen2ForCausalLM, make_engine: MakeEngine, temperature: float
) -> None:
    engine = make_engine()
    params = SamplingParams(temperature=temperature, max_tokens=15)
    requests = [engine.submit(prompt, params) for prompt in PROMPTS * 3]
    run(engine)
    for request in requests:
        got = torch.tensor(request.log_probs)
        torch.testing.assert_close(got, direct_log_probs(model, request, temperature), atol=2e-5, rtol=1e-4)


def test_requests_that_join_later_change_nothing_for_those_under_way(make_engine: MakeEngine) -> None:
    together = answers(make_engine(), PROMPTS, FREE)
    engine = make_engine()
    requests = []
    for prompt in PROMPTS:
        requests.append(engine.submit(prompt, FREE))
        engine.step()
        engine.step()
    run(engine)
    assert [request.tokens for request in requests] == together


def test_rows_that_finish_early_are_cut_out_and_the_others_go_on_unchanged(make_engine: MakeEngine) -> None:
    alone = answers(make_engine(), [PROMPTS[2]], FREE)[0]
    engine = make_engine()
    brief = [engine.submit((40 + i,), SamplingParams(max_tokens=1 + i)) for i in range(8)]
    lasting = engine.submit(PROMPTS[2], FREE)
    order = run(engine)
    assert lasting.tokens == alone
    assert order[-1] is lasting
    assert sorted(map(id, order)) == sorted(map(id, [*brief, lasting])), "each is reported exactly once"


def test_an_answer_ends_at_the_end_token_unless_told_to_ignore_it(make_engine: MakeEngine) -> None:
    engine = make_engine()
    ending = [engine.submit(prompt, SamplingParams(max_tokens=100)) for prompt in PROMPTS * 4]
    going_on = [engine.submit(prompt, SamplingParams(max_tokens=100, ignore_eos=True)) for prompt in PROMPTS]
    run(engine)
    stopped = [request for request in ending if request.finish_reason == "stop"]
    assert stopped, "some of twenty answers of up to a hundred tokens end"
    for request in stopped:
        assert request.tokens.index(EOS) == len(request.tokens) - 1
    for request in set(ending) - set(stopped):
        assert (request.finish_reason, len(request.tokens)) == ("length", 100)
    assert all(len(request.tokens) == 100 for request in going_on)


def test_stop_tokens_and_stop_strings_end_an_answer_and_stay_in_it(make_engine: MakeEngine) -> None:
    free = answers(make_engine(), [PROMPTS[0]], FREE)[0]
    target = free[4]
    first = free.index(target) + 1
    by_token = SamplingParams(max_tokens=12, ignore_eos=True, stop_token_ids=(target,))
    assert answers(make_engine(), [PROMPTS[0]], by_token) == [free[:first]]
    text = "".join(chr(64 + token) for token in free[3:6])
    by_string = SamplingParams(max_tokens=12, ignore_eos=True, stop=("never seen", text))
    assert answers(make_engine(), [PROMPTS[0]], by_string) == [free[:6]]


def test_min_tokens_keeps_end_and_stop_tokens_away(make_engine: MakeEngine) -> None:
    every = tuple(range(2, 30))
    params = SamplingParams(max_tokens=20, min_tokens=6, stop_token_ids=every)
    for answer in answers(make_engine(), PROMPTS, params):
        assert not set(answer[:6]) & {EOS, *every}
        assert len(answer) > 6


def test_tokens_without_text_are_never_sampled(make_engine: MakeEngine) -> None:
    params = SamplingParams(max_tokens=40, temperature=5.0, ignore_eos=True)
    assert max(max(a) for a in answers(make_engine(), PROMPTS, params)) > 49
    assert max(max(a) for a in answers(make_engine(vocabulary=50), PROMPTS, params)) < 50


def test_different_settings_in_one_batch_are_each_honoured(
    model: Qwen2ForCausalLM, make_engine: MakeEngine
) -> None:
    settings = [
        SamplingParams(temperature=0, max_tokens=9, ignore_eos=True),
        SamplingParams(temperature=2.0, max_tokens=4, ignore_eos=True),
        SamplingParams(top_k=1, max_tokens=9, ignore_eos=True),
        SamplingParams(top_p=1e-6, max_tokens=7, ignore_eos=True),
    ]
    engine = make_engine()
    requests = [engine.submit(PROMPTS[0], params) for params in settings]
    run(engine)
    assert [len(request.tokens) for request in requests] == [9, 4, 9, 7]
    assert requests[2].tokens == requests[0].tokens, "one token to choose from is greedy"
    assert requests[3].tokens == requests[0].tokens[:7]
    assert requests[2].log_probs == [0.0] * 9, "the only token left has probability one"
    torch.testing.assert_close(
        torch.tensor(requests[0].log_probs), direct_log_probs(model, requests[0], 1.0), atol=2e-5, rtol=1e-4
    )


def test_identical_prompts_are_read_once_and_answered_differently(
    model: Qwen2ForCausalLM, make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    shapes = []
    forward = model.forward

    def counting(**kwargs: Any) -> Any:
        shapes.append(tuple(kwargs["input_ids"].shape))
        return forward(**kwargs)

    monkeypatch.setattr(model, "forward", counting)
    answered = answers(make_engine(), [PROMPTS[0]] * 8 + [PROMPTS[2]] * 8, FREE)
    assert shapes[0] == (2, 7)
    assert shapes[1:] == [(16, 1)] * 11, "the twelfth token needs no further pass"
    assert len({tuple(answer) for answer in answered}) == 16


def test_prompts_are_read_in_parts_when_they_are_many(make_engine: MakeEngine) -> None:
    whole = answers(make_engine(), PROMPTS, FREE)
    assert answers(make_engine(max_prefill_tokens=7), PROMPTS, FREE) == whole
    assert answers(make_engine(max_sequences=2), PROMPTS, FREE) == whole


def test_answers_depend_on_seed_weights_and_prompt_and_not_on_the_order_of_prompts(
    make_engine: MakeEngine,
) -> None:
    once = answers(make_engine(), PROMPTS, FREE)
    assert answers(make_engine(), PROMPTS, FREE) == once
    # PROMPTS has one prompt twice, whose two answers may change places.
    assert sorted(answers(make_engine(), PROMPTS[::-1], FREE)) == sorted(once)
    assert answers(make_engine(seed=6), PROMPTS, FREE) != once
    engine = make_engine()
    assert answers(engine, PROMPTS, FREE) == once
    assert answers(engine, PROMPTS, FREE) != once, "the same prompt again under the same weights"


def test_a_request_with_a_seed_of_its_own_repeats_itself(make_engine: MakeEngine) -> None:
    engine = make_engine()
    seeded = SamplingParams(max_tokens=12, ignore_eos=True, seed=3)
    first, second = answers(engine, [PROMPTS[0]] * 2, seeded)
    assert first == second == answers(make_engine(seed=99), [PROMPTS[0]], seeded)[0]


def test_abort_returns_the_tokens_so_far_and_empties_the_engine(make_engine: MakeEngine) -> None:
    whole = answers(make_engine(), PROMPTS, FREE)
    engine = make_engine(max_sequences=4)
    requests = [engine.submit(prompt, FREE) for prompt in PROMPTS]
    for _ in range(3):
        engine.step()
    aborted = engine.abort()
    assert not engine.busy
    assert {id(request) for request in aborted} == {id(request) for request in requests}
    assert all(request.finish_reason == "abort" for request in requests)
    assert [request.tokens for request in requests[:4]] == [answer[:3] for answer in whole[:4]]
    assert requests[4].tokens == [], "it was still waiting for a place"


def test_new_weights_take_effect_and_are_named_in_what_follows(make_engine: MakeEngine) -> None:
    other = build_model(seed=1)
    expected = answers(make_engine(model=other), PROMPTS, SamplingParams(temperature=0, max_tokens=10))
    engine = make_engine(model=build_model())
    before = engine.submit(PROMPTS[0], FREE)
    run(engine)
    engine.load_weights({k: v for k, v in other.state_dict().items() if k != "lm_head.weight"}, version=4)
    assert answers(engine, PROMPTS, SamplingParams(temperature=0, max_tokens=10)) == expected
    assert (before.version, engine.submit(PROMPTS[0], FREE).version) == (None, 4)


def test_requests_under_way_go_on_under_new_weights(make_engine: MakeEngine) -> None:
    other = build_model(seed=1)
    engine = make_engine(model=build_model())
    greedy = SamplingParams(temperature=0, max_tokens=10, ignore_eos=True)
    request = engine.submit(PROMPTS[0], greedy)
    for _ in range(4):
        engine.step()
    engine.load_weights(other.state_dict(), version=1)
    run(engine)
    rest = SamplingParams(temperature=0, max_tokens=6, ignore_eos=True)
    context = PROMPTS[0] + tuple(request.tokens[:4])
    assert request.tokens[4:] == answers(make_engine(model=other), [context], rest)[0]


def test_weights_of_another_model_are_refused_and_leave_the_old_ones(make_engine: MakeEngine) -> None:
    engine = make_engine(model=build_model())
    before = {name: tensor.clone() for name, tensor in engine.model.state_dict().items()}
    state = dict(build_model(seed=1).state_dict())
    state["model.norm.weight"] = torch.zeros(7)
    state.pop("model.layers.0.mlp.up_proj.weight")
    with pytest.raises(ValueError, match=r"up_proj.*model\.norm\.weight.*lora"):
        engine.load_weights(state, version=1)
    for name, tensor in engine.model.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_an_empty_prompt_and_a_stop_string_without_tokenizer_are_refused(make_engine: MakeEngine) -> None:
    with pytest.raises(ValueError, match="no token"):
        make_engine().submit((), FREE)
    with pytest.raises(ValueError, match="needs a tokenizer"):
        make_engine(decode=None).submit((1,), SamplingParams(stop=("x",)))


def test_a_model_with_sliding_windows_is_refused(make_engine: MakeEngine) -> None:
    sliding = build_model()
    sliding.config.layer_types = ["full_attention", "sliding_attention"]
    sliding.config.sliding_window = 4
    with pytest.raises(ValueError, match="full attention in every layer"):
        make_engine(model=sliding)
    assert sliding.config.vocab_size == VOCABULARY
