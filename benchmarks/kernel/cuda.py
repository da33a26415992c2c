"""The ops on a CUDA device, state there, against the same in torch and cupy and against our CPU op.

The floor is the device's own: torch's (else cupy's) rate of normals and of copies.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from benchmarks.kernel.case import Case, Size, peer
from benchmarks.kernel.floor import NORMALS_PER_BETA, Floor, key
from benchmarks.kernel.gaussian import shapes
from benchmarks.kernel.timing import Call, side_by_side
from sparft_verl import bandit

AT_ONCE = 2**27  # float32 numbers that the peers hold


class Library:
    """torch or cupy on the device, by the few names that are needed."""

    def __init__(self, module: Any) -> None:
        self.name = module.__name__
        self._module = module
        self._torch = self.name == "torch"
        self._rng = None if self._torch else module.random.default_rng(1)

    def put(self, array: Any) -> Any:
        return self._module.from_numpy(array.copy()).cuda() if self._torch else self._module.asarray(array)

    def normals(self, rounds: int, arms: int) -> Any:
        if self._torch:
            return self._module.randn(rounds, arms, device="cuda")
        return self._rng.standard_normal((rounds, arms), dtype=np.float32)

    def betas(self, a: Any, b: Any) -> Any:
        return self._module.distributions.Beta(a, b).sample() if self._torch else self._rng.beta(a, b)

    def top(self, x: Any, n: int) -> Any:
        if self._torch:
            return x.topk(n).indices
        part = self._module.argpartition(-x, n)[:n]
        return part[self._module.argsort(-x[part])]

    def finished(self, call: Callable[[], Any]) -> Call:
        """Return the call followed by the wait for the device."""
        wait = self._module.cuda.synchronize if self._torch else self._module.cuda.Device().synchronize
        return lambda: (call(), wait())

    def copied(self, source: Any, target: Any) -> Call:
        return self.finished(
            lambda: target.copy_(source) if self._torch else self._module.copyto(target, source)
        )


def libraries() -> tuple[list[Library], dict[str, str]]:
    """Return what is there and why the rest is absent."""
    found, absent = [], {}
    for name in ("torch", "cupy"):
        module = peer(name)
        if isinstance(module, str):
            absent[name] = module
        elif name == "torch" and not module.cuda.is_available():
            absent[name] = "this torch has no CUDA"
        else:
            found.append(Library(module))
    return found, absent


def device_floor(library: Library) -> Floor:
    """Return the device's seconds per normal and per byte read or written."""
    source, target = (library.put(np.zeros(2**27, dtype=np.float64)) for _ in range(2))
    calls = {
        "normal": library.finished(lambda: library.normals(1, 2**27)),
        "byte": library.copied(source, target),
    }
    seconds, _ = side_by_side(calls, 2.0)
    return Floor(word=0.0, normal=seconds["normal"] / 2**27, byte=seconds["byte"] / 2**31)


def choose_calls(libs: list[Library], mean: Any, sd: Any, rounds: int) -> dict[str, Call]:
    """Return our op with its state on the device, our CPU op, and the peers in strips that fit."""
    there = bandit.Gaussian(libs[0].put(mean), libs[0].put(sd))
    here = bandit.Gaussian(mean, sd)
    calls: dict[str, Call] = {
        "ours": lambda: bandit.choose(there, rounds, **key(), backend="cuda"),
        "ours on the CPU": lambda: bandit.choose(here, rounds, **key(), backend="cpu"),
    }
    arms = len(mean)
    strip = max(1, min(rounds, AT_ONCE // arms))
    for lib in libs:
        m, s = lib.put(mean.astype(np.float32)), lib.put(sd.astype(np.float32))

        def strips(lib: Library = lib, m: Any = m, s: Any = s) -> None:
            for start in range(0, rounds, strip):
                (lib.normals(min(strip, rounds - start), arms) * s + m).argmax(1)

        calls[lib.name] = lib.finished(strips)
    return calls


def top_calls(libs: list[Library], success: Any, failure: Any, n: int) -> dict[str, Call]:
    """Return draw and top of Beta beliefs nearest to one half."""
    there = bandit.Beta(libs[0].put(success), libs[0].put(failure))
    here = bandit.Beta(success, failure)
    near = bandit.Target(0.5)
    calls: dict[str, Call] = {
        "ours": lambda: bandit.choose_top(there, n, utility=near, **key(), backend="cuda"),
        "ours on the CPU": lambda: bandit.choose_top(here, n, utility=near, **key(), backend="cpu"),
    }
    for lib in libs:
        a, b = lib.put(success + 1.0), lib.put(failure + 1.0)
        calls[lib.name] = lib.finished(
            lambda lib=lib, a=a, b=b: lib.top(-abs(lib.betas(a, b) - 0.5), n)  # what they draw has other bits
        )
    return calls


def cases(size: Size, threads: int, floor: Floor) -> Iterator[Case]:
    """Yield choose over all shapes and top over the numbers of prompts; `floor` is the CPU's and not used."""
    libs, absent = libraries()
    if not libs:
        raise RuntimeError(f"nothing can put arrays on the device: {absent}")
    there = device_floor(libs[0])
    for name, arms, batch, rounds in shapes(size):
        rng = np.random.default_rng(arms)
        calls = choose_calls(libs, rng.normal(size=arms), rng.random(arms) + 0.1, rounds)
        draws, moved = arms * rounds, 16 * arms + 4 * rounds
        seconds, what = there.of(normals=draws, bytes=moved)
        shape = {"arms": arms, "batch": batch, "rounds": rounds}
        yield Case(f"choose {name}", calls, seconds, what, draws, moved, absent, shape)
    for prompts in size.prompts:
        n = min(1024, prompts // 4)
        success = np.floor(np.random.default_rng(prompts).random(prompts) * 9)
        calls = top_calls(libs, success, 8.0 - success, n)
        seconds, what = there.of(normals=NORMALS_PER_BETA * prompts, bytes=16 * prompts)
        yield Case(
            f"top N={prompts}", calls, seconds, what, prompts, 16 * prompts, absent, {"prompts": prompts}
        )
