"""What must hold of a finished run; each check raises CheckFailed, or returns what it looked at in words."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.e2e_full import journals, rewards
from benchmarks.e2e_full.cases import Case
from benchmarks.e2e_full.runs import PROMPTS
from sparft_verl.journal import Record

Slot = tuple[int, int]


class CheckFailed(AssertionError):
    """Something that was to be proven is not so."""


def require(holds: bool, what: str) -> None:
    """Raise CheckFailed saying `what` unless it `holds`."""
    if not holds:
        raise CheckFailed(what)


def groups(records: list[Record]) -> list[dict[str, Any]]:
    """Return every group of the `observe` records, each with the reason why it was discarded, if it was."""
    return [
        group | {"reason": record.data.get("reason")}
        for record in records
        if record.event == "observe"
        for group in record.groups()
    ]


def by_kind(records: list[Record]) -> dict[str, int]:
    """Return how many groups there are of each kind and reason."""
    kinds = Counter(
        group["kind"] if group["reason"] is None else f"{group['kind']}: {group['reason']}"
        for group in groups(records)
    )
    kinds.update(f"cancelled: {record['reason']}" for record in records if record.event == "cancel")
    return dict(sorted(kinds.items()))


def steps_closed(records: list[Record], steps: int) -> str:
    """Every step was closed once, in order."""
    ticks = [record["step"] for record in journals.live(records) if record.event == "tick"]
    require(
        ticks == list(range(1, steps + 1)), f"steps 1 to {steps} were to be closed, the journal has {ticks}"
    )
    return f"steps 1 to {steps} closed once and in order"


def trained_each_step(records: list[Record]) -> str:
    """Between two steps the curriculum was told of a whole batch that was trained on."""
    trained, sizes = 0, []
    for record in journals.live(records):
        if record.event == "observe":
            trained += record.column("kind").count("trained")
        elif record.event == "tick":
            sizes.append(trained)
            trained = 0
    require(set(sizes) == {PROMPTS}, f"{PROMPTS} groups are trained on in a step, the journal has {sizes}")
    return f"{PROMPTS} groups observed as trained at each step"


def counted_once(records: list[Record], mode: str) -> str:
    """Every prompt served came back or was cancelled at most once; in sync mode exactly once."""
    kept = journals.live(records)
    proposed = {(r["ticket"], row) for r in kept if r.event == "propose" for row in r["rows"]}
    closed: Counter[Slot] = Counter((group["ticket"], group["row"]) for group in groups(kept))
    closed.update((r["ticket"], r["row"]) for r in kept if r.event == "cancel")
    twice = [slot for slot, times in closed.items() if times > 1]
    require(not twice, f"told of more than once: (ticket, row) {twice[:5]}")
    foreign = set(closed) - proposed
    require(not foreign, f"told of, but never served: (ticket, row) {sorted(foreign)[:5]}")
    still_open = len(proposed) - len(closed)
    require(mode != "sync" or still_open == 0, f"{still_open} prompts never came back, in sync mode")
    return (
        f"{len(closed)} of {len(proposed)} prompts served came back or were cancelled, none twice; "
        f"{still_open} in flight"
    )


def checkpoints(run: Path, task: Path, *, after: int = 0) -> list[int]:
    """Return the steps of the checkpoints above `after` whose saved state is the journal's, replayed once.

    Only checkpoints up to the one that verl would resume from: a kill may leave a later one unfinished.
    """
    tracker = run / "latest_checkpointed_iteration.txt"
    last = int(tracker.read_text()) if tracker.exists() else 0
    found = (int(path.parent.name.removeprefix("global_step_")) for path in run.glob("global_step_*/data.pt"))
    records = journals.live(journals.events(run))
    looked_at = sorted(step for step in found if after < step <= last)
    for step in looked_at:
        until = [record for record in records if record.seq <= journals.last_seq(run, step)]
        require(
            until[-1].event == "tick" and until[-1]["step"] == step,
            f"the checkpoint of step {step} ends the journal with {until[-1].data}",
        )
        told = journals.replay(until, task)
        try:
            np.testing.assert_equal(journals.saved_curriculum(run, step), told.state_dict())
        except AssertionError as error:
            raise CheckFailed(f"global_step_{step} is not what the journal says: {error}") from error
        counted = sum(arm["observed"] for arm in told.arm_table())
        new = sum(group["new"] for group in groups(until))
        require(counted == new, f"step {step}: {counted} groups counted, the journal has {new} new ones")
    return looked_at


def logged(run: Path) -> list[dict[str, Any]]:
    """Return the metrics of each training step of the last launch."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [line["data"] for line in lines if "sparft/overhead_ms" in line["data"]]


def metrics_logged(case: Case, metrics: list[dict[str, Any]], launched_at: int) -> str:
    """Every step since the last launch logged the curriculum's metrics, and those that the case is about."""
    wanted = case.steps - launched_at
    require(
        len(metrics) == wanted, f"{wanted} steps were to log the curriculum's metrics, {len(metrics)} did"
    )
    missing = set(case.logs) - metrics[-1].keys()
    require(not missing, f"not logged: {sorted(missing)}; there is {sorted(metrics[-1])}")
    values = ", ".join(f"{name} {metrics[-1][name]:.4g}" for name in case.logs)
    return f"the curriculum's metrics at each of {wanted} steps" + (
        f"; at the last {values}" if values else ""
    )


def filtered(records: list[Record], on: bool) -> str:
    """With the filter no degenerate group was trained on and some were discarded; without it none were filtered."""
    found = groups(journals.live(records))
    dropped = [group for group in found if group["reason"] == "filter"]
    if not on:
        require(not dropped, f"{len(dropped)} groups filtered with the filter off")
        return "no group filtered"
    require(bool(dropped), "the filter is on and discarded nothing")
    flat = [group for group in found if group["kind"] == "trained" and len(set(group["successes"])) == 1]
    require(not flat, f"{len(flat)} degenerate groups were trained on with the filter on")
    mixed = [group for group in dropped if len(set(group["successes"])) > 1]
    require(not mixed, f"{len(mixed)} groups were filtered that were not degenerate")
    return f"{len(dropped)} degenerate groups filtered and observed as discarded, none trained on"


def known_reward(records: list[Record], task: Path, metrics: list[dict[str, Any]]) -> str:
    """Every success that the curriculum saw is the reward function's own value, though verl trained on others."""
    rows = journals.frame_of(task)
    found = groups(journals.live(records))
    for group in found:
        row = rows[int(group["row"])]
        value = rewards.graded_by_prompt(row["data_source"], "", row["reward_model"]["ground_truth"])
        require(
            set(group["successes"]) == {value},
            f"row {group['row']} is worth {value}, the curriculum saw {group['successes']}",
        )
    apart = max(abs(step["critic/rewards/mean"] - step["critic/score/mean"]) for step in metrics)
    require(apart > 1e-6, "reward and score never differed, so that KL in the reward was not tried")
    return (
        f"{len(found)} groups with exactly the reward that their prompt is worth, while reward and score "
        f"differed by up to {apart:.3g} for KL"
    )


def same_as_uninterrupted(run: Path, reference: Path, steps: int) -> str:
    """Every try at every step served what the uninterrupted run served there, and the last states are equal."""
    expected, got = journals.events(reference), journals.events(run)
    tries = 0
    for step in range(steps):
        once = journals.served(expected, step=step)
        require(len(once) == 1, f"the uninterrupted run proposed {len(once)} times at step {step + 1}")
        for rows in journals.served(got, step=step):
            require(rows == once[0], f"step {step + 1} served {rows}, the uninterrupted run {once[0]}")
            tries += 1
    np.testing.assert_equal(
        journals.saved_curriculum(run, steps), journals.saved_curriculum(reference, steps)
    )
    return f"{tries} batches for {steps} steps served as in the uninterrupted run, and the same final state"
