"""One belief per prompt: a step decays and updates the groups seen, draws every prompt, takes the best 1024."""

from collections.abc import Iterator

import numpy as np

from benchmarks.kernel.case import Case, Size
from benchmarks.kernel.floor import NORMALS_PER_BETA, Floor, key
from sparft_verl import bandit

GROUPS = 1024
ROLLOUTS = 8.0
KEEP = 0.5
TARGET = 0.5


def cases(size: Size, threads: int, floor: Floor) -> Iterator[Case]:
    """Yield one case per number of prompts; the rule is MoPPS's (nearest to one half)."""
    for prompts in size.prompts:
        groups = min(GROUPS, prompts // 4)
        rng = np.random.default_rng(prompts)
        success = np.floor(rng.random(prompts) * ROLLOUTS)
        failure = ROLLOUTS - success
        arm = rng.permutation(prompts)[:groups].astype(np.int32)
        wide = arm.astype(np.int64)
        successes = np.floor(rng.random(groups) * (ROLLOUTS + 1))
        rollouts = np.full(groups, ROLLOUTS)
        failures = rollouts - successes
        a, b = success.copy(), failure.copy()
        fast = np.random.Generator(np.random.SFC64(1))

        def ours(s=success, f=failure, arm=arm, w=successes, n=rollouts, k=groups) -> object:
            bandit.observe_beta(s, f, arm, w, n, keep=KEEP)
            return bandit.choose_top(
                bandit.Beta(s, f), k, utility=bandit.Target(TARGET), **key(), backend="cpu", threads=threads
            )

        def numpy(a=a, b=b, arm=wide, w=successes, n=failures, k=groups, rng=fast) -> object:
            a[arm] = a[arm] * KEEP + w  # every group is another prompt, so plain indexing adds each once
            b[arm] = b[arm] * KEEP + n
            utility = np.abs(rng.beta(a + 1.0, b + 1.0) - TARGET)
            top = np.argpartition(utility, k - 1)[:k]
            return top[np.argsort(utility[top])]

        moved = 16 * prompts + groups * (4 + 16 + 32)
        seconds, what = floor.of(normals=NORMALS_PER_BETA * prompts, bytes=moved, threads=threads)
        yield Case(
            f"N={prompts}",
            {"ours": ours, "numpy": numpy},
            seconds,
            what,
            draws=prompts,
            bytes=moved,
            shape={"prompts": prompts, "groups": groups},
        )
