"""verl's keys of trajectories, `{uid}_{session}_{output}`; rollouts of one uid form a group."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

I64 = NDArray[np.int64]


def uid_of(key: str) -> str:
    """Return the uid in the key of a trajectory; it may hold "_" itself."""
    return key.rsplit("_", 2)[0]


def parsed(keys: Sequence[str]) -> tuple[I64, I64, I64]:
    """Return three times int64 [n]: number of the uid among all of them in alphabetical order, session and output."""
    # a call for each key takes longer than all the rest: one call for all, checked by the line ends between them
    parts = "_\n_".join(keys).split("_")
    if len(parts) != 4 * len(keys) - 1 or parts[3::4].count("\n") != len(keys) - 1:  # a uid with "_" in it
        parts = [part for key in keys for part in (*key.rsplit("_", 2), "\n")]
    uid, session, output = (parts[place::4] for place in range(3))
    number = {name: place for place, name in enumerate(sorted(set(uid)))}
    return _coded(uid, number), _integers(session), _integers(output)


def _integers(texts: list[str]) -> I64:
    return _coded(texts, {text: int(text) for text in set(texts)})


def _coded(texts: list[str], number: Mapping[str, int]) -> I64:
    if len(number) == 1:
        return np.full(len(texts), next(iter(number.values())), dtype=np.int64)
    return np.fromiter(map(number.__getitem__, texts), np.int64, len(texts))


def first_of(number: I64) -> I64:
    """int64 [m]: where each of the numbers 0 .. m-1, all of which are there, first stands in `number`, int64 [n]."""
    first = np.empty(int(number.max(initial=-1)) + 1, dtype=np.int64)
    first[number[::-1]] = np.arange(len(number))[::-1]  # of several that go to one place the last one stays
    return first
