"""Gaussian draw and choose: K arms, a batch of rounds, each round the arg-max of fresh draws."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.kernel.case import Case, Size, peer
from benchmarks.kernel.floor import Floor, key
from sparft_verl import bandit

MOST_AT_ONCE = 2**24
IN_CACHE = 2**16  # draws that the peers hold at a time: measured best for NumPy and torch


def numpy_call(mean: Any, sd: Any, rounds: int) -> Any:
    """Return the line that one writes: all draws at once, in float64 as ours compares them, and arg-max."""
    rng = np.random.default_rng(1)
    strip = max(1, min(rounds, MOST_AT_ONCE // len(mean)))  # as many rounds as memory allows

    def call() -> Any:
        return np.concatenate(
            [
                (mean + sd * rng.standard_normal((min(strip, rounds - start), len(mean)))).argmax(axis=1)
                for start in range(0, rounds, strip)
            ]
        )

    return call


def tuned_call(mean: Any, sd: Any, rounds: int) -> Any:
    """Return arg-max over vectorised float32 normals of NumPy's fastest bit generator, in strips of the cache."""
    rng = np.random.Generator(np.random.SFC64(1))
    arms = len(mean)
    strip = max(1, min(rounds, IN_CACHE // arms))
    theta = np.empty((strip, arms), dtype=np.float32)
    mean, sd = mean.astype(np.float32), sd.astype(np.float32)
    out = np.empty(rounds, dtype=np.int64)

    def call() -> Any:
        for start in range(0, rounds, strip):
            n = min(strip, rounds - start)
            rng.standard_normal(dtype=np.float32, out=theta[:n])
            np.multiply(theta[:n], sd, out=theta[:n])
            np.add(theta[:n], mean, out=theta[:n])
            np.argmax(theta[:n], axis=1, out=out[start : start + n])
        return out

    return call


def torch_call(torch: Any, mean: Any, sd: Any, rounds: int, threads: int) -> Any:
    """Return the same in torch, in strips of `threads` times the cache."""
    torch.set_num_threads(threads)
    arms = len(mean)
    strip = max(1, min(rounds, threads * IN_CACHE // arms))
    m, s = torch.from_numpy(mean.astype(np.float32)), torch.from_numpy(sd.astype(np.float32))

    def call() -> Any:
        return torch.cat(
            [
                torch.randn(min(strip, rounds - start), arms).mul_(s).add_(m).argmax(1)
                for start in range(0, rounds, strip)
            ]
        )

    return call


def shapes(size: Size) -> Iterator[tuple[str, int, int, int]]:
    """Yield name, arms, batch and the rounds that are timed; SPaRFT's own case is ten arms and 256 slots."""
    yield "K=10 batch=256 (SPaRFT)", 10, 256, 256
    yield "K=100000 batch=1", 100_000, 1, 1
    for arms in size.arms:
        for batch in size.batches:
            rounds = max(1, min(batch, size.draws // arms))
            yield f"K={arms} batch={batch}", arms, batch, rounds


def cases(size: Size, threads: int, floor: Floor) -> Iterator[Case]:
    """Yield one case per shape."""
    torch = peer("torch")
    for name, arms, batch, rounds in shapes(size):
        rng = np.random.default_rng(arms)
        mean, sd = rng.normal(size=arms), rng.random(arms) + 0.1
        belief = bandit.Gaussian(mean, sd)
        calls = {
            "ours": lambda b=belief, r=rounds: bandit.choose(b, r, **key(), backend="cpu", threads=threads),
            "numpy": numpy_call(mean, sd, rounds),
            "numpy float32, in strips": tuned_call(mean, sd, rounds),
        }
        if not isinstance(torch, str):
            calls["torch"] = torch_call(torch, mean, sd, rounds, threads)
        moved = 16 * arms + 4 * rounds
        seconds, what = floor.of(normals=arms * rounds, bytes=moved, threads=threads)
        yield Case(
            name,
            calls,
            seconds,
            what,
            draws=arms * rounds,
            bytes=moved,
            absent={"torch": torch} if isinstance(torch, str) else {},
            shape={"arms": arms, "batch": batch, "rounds": rounds},
        )
