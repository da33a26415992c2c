"""observe of 512 rewards: what a step's rewards cost, however many arms there are."""

from collections.abc import Iterator

import numpy as np

from benchmarks.kernel.case import Case, Size, peer
from benchmarks.kernel.floor import Floor
from sparft_verl import bandit

REWARDS = 512
DISCOUNT = 0.99


def cases(size: Size, threads: int, floor: Floor) -> Iterator[Case]:
    """Yield plain means and discounted sums; the peers pay for the discount with a pass over all arms."""
    if threads > 1:  # the op is one thread's work
        return
    torch = peer("torch")
    absent = {"torch": torch} if isinstance(torch, str) else {}
    for arms in size.observe_arms:
        rng = np.random.default_rng(arms)
        arm = rng.integers(0, arms, REWARDS).astype(np.int32)
        value = rng.random(REWARDS)
        wide = arm.astype(np.int64)

        total, count = np.zeros(arms), np.zeros(arms, dtype=np.int64)
        their_total, their_count = np.zeros(arms), np.zeros(arms, dtype=np.int64)

        def mean_numpy(total=their_total, count=their_count, arm=wide, value=value) -> None:
            np.add.at(total, arm, value)
            np.add.at(count, arm, 1)

        calls = {
            "ours": lambda t=total, c=count, a=arm, v=value: bandit.observe_mean(t, c, a, v),
            "numpy": mean_numpy,
        }
        if not isinstance(torch, str):
            torch.set_num_threads(threads)
            t, c = torch.zeros(arms, dtype=torch.float64), torch.zeros(arms, dtype=torch.int64)
            i, v, one = (
                torch.from_numpy(wide),
                torch.from_numpy(value),
                torch.ones(REWARDS, dtype=torch.int64),
            )
            calls["torch"] = lambda t=t, c=c, i=i, v=v, one=one: (
                t.index_add_(0, i, v),
                c.index_add_(0, i, one),
            )
        moved = REWARDS * (4 + 8 + 2 * 16)
        seconds, what = floor.of(bytes=moved)
        shape = {"arms": arms, "rewards": REWARDS}
        yield Case(f"mean, A={arms}", calls, seconds, what, 0, moved, absent, shape)

        evidence, weight = np.zeros(arms), np.zeros(arms)
        their_evidence, their_weight = np.zeros(arms), np.zeros(arms)

        def sum_numpy(total=their_evidence, weight=their_weight, arm=wide, value=value) -> None:
            np.multiply(total, DISCOUNT, out=total)
            np.multiply(weight, DISCOUNT, out=weight)
            np.add.at(total, arm, value)
            np.add.at(weight, arm, 1.0)

        # Ours discounts by its scale. A large one lets the sums stay within bounds however often the call is timed.
        calls = {
            "ours": lambda t=evidence, w=weight, a=arm, v=value: bandit.observe_sum(t, w, a, v, scale=1024.0),
            "numpy": sum_numpy,
        }
        yield Case(f"discounted sum, A={arms}", calls, seconds, what, 0, moved, {}, shape)
