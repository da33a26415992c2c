"""Tokens are drawn from the model's own distribution, by numbers that belong to the prompt."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="rollouts on a CPU run in torch")
pytest.importorskip("transformers", reason="rollouts on a CPU run in transformers")

from sparft_verl.prepare.rollouts_transformers import Inversion  # noqa: E402
from sparft_verl.prepare.rollouts_vllm import request_seed  # noqa: E402


def drawn(logits: "torch.Tensor", uniform: list[float]) -> list[int]:
    rows = logits.expand(len(uniform), -1)
    step = Inversion(torch.tensor(uniform, dtype=torch.float64)[:, None], prompt_tokens=3)
    scores = step(torch.zeros(len(uniform), 3, dtype=torch.int64), rows)
    assert torch.isfinite(scores).sum(1).tolist() == [1] * len(uniform)
    return scores.argmax(1).tolist()


def test_tokens_come_as_often_as_the_model_says() -> None:
    logits = torch.tensor([[2.0, -1.0, 0.5, 0.0, -30.0]])
    grid = ((np.arange(20000) + 0.5) / 20000).tolist()
    share = np.bincount(drawn(logits, grid), minlength=5) / len(grid)
    assert share == pytest.approx(logits.softmax(-1)[0].numpy(), abs=1e-4)


def test_the_ends_of_the_unit_interval_give_possible_tokens() -> None:
    logits = torch.tensor([[-torch.inf, 0.0, 1.0, -torch.inf]])
    assert drawn(logits, [0.0, np.nextafter(1.0, 0.0)]) == [1, 2]


def test_each_step_takes_the_next_number() -> None:
    step = Inversion(torch.tensor([[0.1, 0.9]], dtype=torch.float64), prompt_tokens=5)
    even = torch.zeros(1, 2)
    chosen = [step(torch.zeros(1, 5 + i, dtype=torch.int64), even).argmax().item() for i in range(2)]
    assert chosen == [0, 1]


def test_seeds_of_vllm_requests_are_never_neighbours() -> None:
    digests = [f"{i:064x}" for i in range(2000)]
    seeds = np.sort([request_seed(s, d) for s in (0, 1) for d in digests])
    assert np.diff(seeds).min() > 2**16, "vLLM counts on from a seed for the k answers to one prompt"
    assert seeds[0] >= 0 and seeds[-1] < 2**62
    assert request_seed(0, digests[0]) == request_seed(0, digests[0])
