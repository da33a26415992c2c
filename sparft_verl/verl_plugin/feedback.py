"""Finished rollouts, as they lie in verl's TransferQueue, into feedback for a curriculum."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sparft_verl.curricula import Groups
from sparft_verl.verl_plugin.columns import as_list, as_ragged, means, picked, sums
from sparft_verl.verl_plugin.keys import first_of, parsed
from sparft_verl.verl_plugin.success import SuccessRule, to_successes

ROW = "sparft_row"
"""Column that carries a prompt's row position from the data set to the finished rollout."""
TICKET = "sparft_ticket"
"""Column that carries the ticket under which the prompt was proposed."""

DISCARDED_FIELDS = [ROW, TICKET, "data_source", "rm_scores", "extra_fields"]
TRAINED_FIELDS = [*DISCARDED_FIELDS, "advantages", "response_mask"]

__all__ = [
    "DISCARDED_FIELDS",
    "ROW",
    "TICKET",
    "TRAINED_FIELDS",
    "Rollout",
    "Rollouts",
    "as_list",
    "group",
    "read_rollouts",
]


@dataclass(frozen=True)
class Rollout:
    """One finished rollout of one prompt."""

    key: str
    """verl's `{uid}_{session}_{output}`; rollouts of one uid form a group."""
    ticket: int
    row: int
    success: float
    """In [0, 1]."""
    advantage: float | None
    """Mean over the response's tokens; None where it was not computed."""
    version: int | None = None
    """Optimiser steps of the policy that began it; None where the rollout engine does not say."""


@dataclass(frozen=True)
class Rollouts:
    """n finished rollouts in columns; iterating gives each as a `Rollout`."""

    keys: list[str]
    uid: NDArray[np.int64]
    """int64 [n]: number of the prompt's uid among all of them in alphabetical order."""
    session: NDArray[np.int64]
    output: NDArray[np.int64]
    ticket: NDArray[np.int64]
    row: NDArray[np.int64]
    success: NDArray[np.float64]
    advantage: NDArray[np.float64]
    """float64 [n]: nan where it was not computed."""
    version: NDArray[np.int64]
    """int64 [n]: -1 where the rollout engine does not say."""

    def __len__(self) -> int:
        return len(self.keys)

    def __iter__(self) -> Iterator[Rollout]:
        columns = (self.ticket, self.row, self.success, self.advantage, self.version)
        for key, *values in zip(self.keys, *(column.tolist() for column in columns), strict=True):
            ticket, row, success, advantage, version = values
            none = advantage != advantage
            yield Rollout(
                key, ticket, row, success, None if none else advantage, version if version >= 0 else None
            )

    @classmethod
    def of(cls, rollouts: "Rollouts | Iterable[Rollout]") -> "Rollouts":
        """Return `rollouts` in columns."""
        if isinstance(rollouts, Rollouts):
            return rollouts
        some = list(rollouts)
        return cls(
            [one.key for one in some],
            *parsed([one.key for one in some]),
            np.array([one.ticket for one in some], dtype=np.int64),
            np.array([one.row for one in some], dtype=np.int64),
            np.array([one.success for one in some], dtype=np.float64),
            np.array([np.nan if one.advantage is None else one.advantage for one in some], dtype=np.float64),
            np.array([-1 if one.version is None else one.version for one in some], dtype=np.int64),
        )


def read_rollouts(
    tags: Mapping[str, Mapping[str, Any]], data: Any, rules: Mapping[str, SuccessRule]
) -> Rollouts:
    """Return the rollouts in `data`, what verl's `kv_batch_get` gave for the keys of `tags`, verl's tag of each."""
    keys = list(tags)
    # what is the same for all rollouts of a prompt is read once: a value costs microseconds
    prompt, session, output = parsed(keys)
    first = first_of(prompt).tolist()
    row, ticket = (np.array(picked(data, name, first), dtype=np.int64)[prompt] for name in (ROW, TICKET))
    scores, verdicts = _graded(picked(data, "extra_fields"), data)
    advantage = np.full(len(keys), np.nan)
    if "advantages" in data.keys():  # noqa: SIM118 - a TensorDict, whose `in` asks something else
        advantage = means(as_ragged(data["advantages"]), as_ragged(data["response_mask"]))
    versions = [-1 if (step := tag.get("min_global_steps")) is None else step for tag in tags.values()]
    return Rollouts(
        keys,
        prompt,
        session,
        output,
        ticket,
        row,
        to_successes(scores, verdicts, lambda: picked(data, "data_source", first), prompt, rules),
        advantage,
        np.array(versions, dtype=np.int64),
    )


def _graded(extras: list[Any], data: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the score of each rollout and the reward function's own verdict, float64 [n], nan where it gave none.

    A plain number of the reward function's verl files under `acc`, alone: a score, not a verdict.
    """
    try:
        infos = [extra["reward_extra_info"] or {} for extra in extras]
    except (KeyError, TypeError):  # somewhere there is none
        infos = [extra.get("reward_extra_info") or {} if isinstance(extra, dict) else {} for extra in extras]
    found = [info.get("acc") for info in infos]
    verdicts = np.array(found, dtype=np.float64)  # None is nan
    alone = ~np.array(["score" in info for info in infos], dtype=np.bool_)
    if not (alone.any() or np.isnan(verdicts).any()):
        return np.full(len(extras), np.nan), verdicts  # no score will be asked for
    scores = sums(as_ragged(data["rm_scores"]))
    alone &= np.array([acc is not None for acc in found], dtype=np.bool_)
    scores[alone], verdicts[alone] = verdicts[alone], np.nan
    return scores, verdicts


def group(rollouts: Rollouts | Iterable[Rollout], kind: str) -> Groups:
    """Return the prompts' groups, ordered by ticket and row: sums must not depend on verl's batch order.

    A session may leave several outputs (multi-turn agents); its last one speaks for it, as in verl's own
    validation.
    """
    some = Rollouts.of(rollouts)
    first = first_of(some.uid)
    rank = np.empty_like(first)
    rank[np.lexsort((some.row[first], some.ticket[first]))] = np.arange(len(first))
    sessions, outputs = (int(column.max(initial=0)) + 1 for column in (some.session, some.output))
    order = np.argsort((rank[some.uid] * sessions + some.session) * outputs + some.output)
    uid, session = some.uid[order], some.session[order]
    last = np.ones(len(order), dtype=np.bool_)
    last[:-1] = (uid[1:] != uid[:-1]) | (session[1:] != session[:-1])
    order, uid = order[last], uid[last]
    begins = np.flatnonzero(np.append(True, uid[1:] != uid[:-1])) if len(uid) else np.zeros(0, np.int64)
    version = some.version[order]
    unknown = np.iinfo(np.int64).max
    oldest = np.minimum.reduceat(np.where(version < 0, unknown, version), begins) if len(uid) else version
    advantage = some.advantage[order]
    return Groups(
        some.ticket[order][begins],
        some.row[order][begins],
        some.success[order],
        np.append(begins, len(order)),
        None if np.isnan(advantage).all() else advantage,
        np.full(len(begins), kind == "trained"),
        np.where(oldest == unknown, -1, oldest) if (version >= 0).any() else None,
    )
