"""The sampler's arithmetic against brute force."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sparft_verl.verl_plugin.cpu.sampling import SamplingParams, choose, keep_top


def _oracle(logits: list[float], top_k: int, top_p: float) -> np.ndarray:
    """Distribution after top-k, then top-p, spelled out token by token."""
    vocabulary = len(logits)
    order = sorted(range(vocabulary), key=lambda token: -logits[token])
    kept = order
    if top_k > 0:
        kth = logits[order[min(top_k, vocabulary) - 1]]
        kept = [token for token in order if logits[token] >= kth]
    weight = np.exp(np.array([logits[token] for token in kept], dtype=np.float64) - logits[order[0]])
    weight /= weight.sum()
    if top_p < 1:
        mass, nucleus = 0.0, 0
        while mass < top_p and nucleus < len(kept):
            mass += weight[nucleus]
            nucleus += 1
        kept, weight = kept[:nucleus], weight[:nucleus] / weight[:nucleus].sum()
    distribution = np.zeros(vocabulary)
    distribution[kept] = weight
    return distribution


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    vocabulary=st.integers(1, 40),
    top_k=st.integers(-1, 45),
    top_p=st.sampled_from([0.01, 0.2, 0.5, 0.9, 0.999, 1.0]),
)
def test_top_k_then_top_p_keep_what_brute_force_keeps(
    seed: int, vocabulary: int, top_k: int, top_p: float
) -> None:
    logits = np.random.default_rng(seed).normal(size=vocabulary).astype(np.float32) * 3
    kept = keep_top(torch.from_numpy(logits)[None], torch.tensor([top_k]), torch.tensor([top_p]))
    got = kept.double().softmax(-1)[0].numpy()
    np.testing.assert_allclose(got, _oracle(logits.tolist(), top_k, top_p), atol=1e-6)


def test_tokens_as_probable_as_the_kth_all_stay() -> None:
    logits = torch.tensor([[2.0, 1.0, 1.0, 1.0, 0.0]])
    kept = keep_top(logits, torch.tensor([2]), torch.tensor([1.0]))
    assert kept.isfinite().tolist() == [[True, True, True, True, False]]


def test_a_token_is_chosen_by_inverting_the_cumulative_distribution() -> None:
    probability = torch.tensor([0.1, 0.0, 0.6, 0.3])
    draws = torch.tensor([0.0, 0.0999, 0.1001, 0.6999, 0.7001, 1 - 2**-53], dtype=torch.float64)
    logits = probability.log().expand(len(draws), -1)
    ones = torch.ones(len(draws))
    token, log_prob = choose(logits, ones, torch.full((len(draws),), -1), ones, draws)
    assert token.tolist() == [0, 0, 2, 2, 3, 3]
    torch.testing.assert_close(log_prob.exp(), probability[token])


def test_the_last_possible_token_is_reached_and_none_beyond_it() -> None:
    logits = torch.tensor([[0.0, 1.0, 0.5, -torch.inf, -torch.inf]])
    draw = torch.tensor([np.nextafter(1.0, 0.0)], dtype=torch.float64)
    token, log_prob = choose(logits, torch.ones(1), torch.tensor([-1]), torch.ones(1), draw)
    assert token.tolist() == [2]
    assert log_prob.isfinite().all()


def test_every_row_of_a_mixed_batch_gets_its_own_settings() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(5, 30, generator=generator) * 2
    temperature = torch.tensor([0.0, 0.5, 1.0, 2.0, 1.0])
    top_k = torch.tensor([3, -1, 4, -1, 0])
    top_p = torch.tensor([0.5, 1.0, 1.0, 0.7, 1.0])
    uniform = torch.rand(5, generator=generator, dtype=torch.float64)
    token, log_prob = choose(logits, temperature, top_k, top_p, uniform)
    for row in range(5):
        alone, alone_log_prob = choose(
            logits[row : row + 1],
            temperature[row : row + 1],
            top_k[row : row + 1],
            top_p[row : row + 1],
            uniform[row : row + 1],
        )
        assert token[row] == alone[0]
        assert log_prob[row] == alone_log_prob[0]
        if temperature[row] == 0:
            assert token[row] == logits[row].argmax()
            expected = logits[row].log_softmax(-1)[token[row]].exp().item()
        else:
            scaled = (logits[row] / temperature[row]).tolist()
            expected = _oracle(scaled, int(top_k[row]), float(top_p[row]))[token[row]]
        assert log_prob[row].exp().item() == pytest.approx(expected, rel=1e-5)


def test_frequencies_follow_the_filtered_distribution() -> None:
    logits = torch.tensor([1.0, 0.5, 0.0, -0.5, -3.0])
    draws = 20_000
    uniform = torch.from_numpy(np.random.default_rng(0).random(draws))
    token, _ = choose(
        logits.expand(draws, -1),
        torch.full((draws,), 0.8),
        torch.full((draws,), 4),
        torch.full((draws,), 0.9),
        uniform,
    )
    seen = np.bincount(token.numpy(), minlength=5) / draws
    np.testing.assert_allclose(seen, _oracle((logits / 0.8).tolist(), 4, 0.9), atol=0.012)


def test_what_verl_sends_is_understood() -> None:
    sent = {"temperature": 0.7, "top_p": 0.9, "top_k": -1, "repetition_penalty": 1.0, "logprobs": True}
    params = SamplingParams.from_verl(sent, max_tokens=9)
    assert params == SamplingParams(temperature=0.7, top_p=0.9, top_k=-1, max_tokens=9, logprobs=True)
    assert SamplingParams.from_verl({"stop": "x", "max_new_tokens": 3}, max_tokens=9).max_tokens == 3
    assert SamplingParams.from_verl({"stop": "x"}, max_tokens=9).stop == ("x",)
    assert not SamplingParams.from_verl({}, max_tokens=9).logprobs
    assert SamplingParams.from_verl({"logprobs": 0}, max_tokens=9).logprobs, (
        "vLLM spells 'the sampled one' as 0"
    )


@pytest.mark.parametrize(
    ("sent", "named"),
    [
        ({"repetition_penalty": 1.2}, "repetition_penalty=1.2"),
        ({"n": 4}, "n=4"),
        ({"logit_bias": {3: 1.0}}, "logit_bias"),
        ({"temperature": -1}, "temperature=-1"),
        ({"top_p": 0.0}, "top_p=0.0"),
        ({"top_k": -2}, "top_k=-2"),
        ({"max_tokens": 0}, "max_tokens=0"),
        ({"stop": [""]}, "stop="),
    ],
)
def test_a_setting_it_cannot_honour_is_refused_by_name(sent: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        SamplingParams.from_verl(sent, max_tokens=8)
