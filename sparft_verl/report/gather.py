"""From a journal's records to a Run."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sparft_verl.journal import JOURNAL, Journal, Record, read
from sparft_verl.report.errors import ReportError
from sparft_verl.report.run import Run, Series


def find_journal(path: Path) -> Path:
    """Return the journal that `path` is, or that lies in the run directory `path`."""
    if path.is_file():
        return path
    journal = path / JOURNAL
    if journal.is_file():
        return journal
    if not path.exists():
        raise ReportError(
            f"There is no {path}. Give the run's trainer.default_local_dir, or the journal itself."
        )
    raise ReportError(
        f"{path} holds no {JOURNAL}. Give the trainer.default_local_dir of a run with +curriculum=..., after its "
        "first step; verl alone writes no journal."
    )


def gather(path: Path) -> Run:
    """Return what the journal at `path` says, without what was rolled back.

    A prompt counts at the optimiser step for which it was served, and a group at the step in which it was
    observed. Raises ReportError when the file is no journal or holds no prompt served.
    """
    try:
        journal = read(path)
    except ValueError as error:
        raise ReportError(f"{error}. An empty or foreign journal has nothing to report.") from error
    openings, proposals = journal.live("open"), journal.live("propose")
    if not openings or not proposals:
        missing = "opening record" if not openings else "prompt served"
        raise ReportError(
            f"{path} has {len(journal.records)} records but no {missing} that counts. Wait for the run's first step, "
            "or look at the run's own output for why it stopped."
        )
    try:
        return _run(journal, openings[-1], proposals)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise ReportError(
            f"{path} has a record without what its kind must have ({error!r}). Was it edited, or written by another "
            "version of this package?"
        ) from error


def optimiser_step(record: Record) -> int:
    """Return the step, counted from 1 as verl does, in which something happened.

    A curriculum stands at step s after the s-th tick, so that what it does there belongs to step s + 1.
    """
    return int(record["step"]) + (record.event != "tick")


def _run(journal: Journal, opening: Record, proposals: Sequence[Record]) -> Run:
    names = tuple(str(name) for name in opening["arms"])
    arms = len(names)
    observations = journal.live("observe")
    timed = [optimiser_step(record) for record in [*proposals, *observations, *journal.live("tick")]]
    first, count = min(timed), max(timed) - min(timed) + 1
    pulls, groups = np.zeros((2, count, arms), dtype=np.int64)
    solved = np.zeros((count, arms))
    failed, mastered, level = np.zeros((3, count), dtype=np.int64)
    discarded = np.zeros(arms, dtype=np.int64)
    outcomes: list[list[float]] = [[] for _ in names]
    for record in proposals:
        pulls[optimiser_step(record) - first] += np.bincount(record["arms"], minlength=arms)
    for record in observations:
        step = optimiser_step(record) - first
        for group in record.groups():
            if not group["new"]:
                continue
            arm, successes = group["arm"], group["successes"]
            discarded[arm] += group["kind"] == "discarded"
            if not successes:  # a group that was thrown away before it was scored
                continue
            mean, low, high = sum(successes) / len(successes), min(successes), max(successes)
            groups[step, arm] += 1
            solved[step, arm] += mean
            outcomes[arm].append(mean)
            if low == high:
                kind = failed if high <= 0 else mastered if low >= 1 else level
                kind[step] += 1
    return Run(
        method=str(opening["method"]),
        config=dict(opening["config"]),
        fingerprint=str(opening["fingerprint"]),
        arm_names=names,
        arm_sizes=tuple(int(size) for size in opening["arm_sizes"]),
        steps=np.arange(first, first + count),
        series=Series(pulls, groups, solved, failed, mastered, level),
        outcomes=tuple(np.array(values) for values in outcomes),
        discarded=discarded,
        cancelled=sum(bool(record["new"]) for record in journal.live("cancel")),
        resumed=tuple(int(record["step"]) for record in journal.records if record.event == "resume"),
        rolled_back=sum(
            len(record["rows"])
            for record in journal.records
            if record.rolled_back and record.event == "propose"
        ),
        torn=journal.torn,
    )
