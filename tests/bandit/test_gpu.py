"""CUDA against the CPU op, on a machine with a device: the same bits and the same arms."""

from __future__ import annotations

import numpy as np
import pytest

from sparft_verl import bandit
from sparft_verl.bandit import _kernel

KEY = {"seed": 21, "stream": 4, "step": 2**40}


@pytest.fixture(autouse=True)
def device() -> None:
    problem = _kernel.cuda_problem()
    if problem:
        pytest.skip(f"no CUDA device: {problem}")


@pytest.mark.gpu
@pytest.mark.parametrize(("n", "first"), [(0, 0), (1, 0), (5, 3), (4096, 1), (1_000_003, 2**50 + 7)])
def test_normals_of_cuda_and_cpu_have_the_same_bits(n: int, first: int) -> None:
    cuda, cpu = (bandit.normal(n, first=first, backend=b, **KEY) for b in ("cuda", "cpu"))
    np.testing.assert_array_equal(cuda.view(np.uint32), cpu.view(np.uint32))


@pytest.mark.gpu
@pytest.mark.parametrize("spread", [0.0, 1.0])
@pytest.mark.parametrize(
    ("arms", "rounds", "capacity"),
    [(1, 5, 9), (10, 16, 99), (10, 40, 4), (257, 300, 2), (1024, 64, 1), (5000, 5000, 1), (1_000_001, 6, 1)],
)
def test_cuda_and_cpu_choose_the_same_arms(arms: int, rounds: int, capacity: int, spread: float) -> None:
    rng = np.random.default_rng(arms)
    mean, sd = rng.normal(size=arms) * spread, rng.random(arms)
    room = rng.integers(0, 2, arms) * capacity
    room[: -(-rounds // max(capacity, 1))] = capacity
    cuda, cpu = (bandit.thompson_gaussian(mean, sd, room, rounds, backend=b, **KEY) for b in ("cuda", "cpu"))
    np.testing.assert_array_equal(cuda, cpu)


@pytest.mark.gpu
def test_cuda_breaks_ties_as_the_cpu_does() -> None:
    mean, sd, room = np.zeros(3000), np.zeros(3000), np.full(3000, 2)
    chosen = bandit.thompson_gaussian(mean, sd, room, 50, backend="cuda", **KEY)
    assert chosen.tolist() == [k // 2 for k in range(50)]
