"""Held-out accuracy before and after, from the dumps that verl writes to `trainer.validation_data_dir`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sparft_verl.report.errors import ReportError
from sparft_verl.report.families import Families
from sparft_verl.report.stats import Gain, paired_gain
from sparft_verl.report.validation import dump_steps, read_dump

EVERYTHING = "all"
"""Name of the row that pools every item."""


@dataclass(frozen=True)
class HeldoutRow:
    """Accuracy of one data source at two steps, on the same items."""

    source: str
    """Data source; `all` for the items of every source together."""
    before: float
    """Mean score at the first step, in [0, 1]."""
    after: float
    """Mean score at the last step."""
    gain: Gain
    """Paired over items, with its 95 % interval."""


@dataclass(frozen=True)
class Heldout:
    """What two validation dumps say."""

    first: int
    last: int
    rows: tuple[HeldoutRow, ...]
    """One per data source in alphabetical order, then `all` when there are several."""
    unpaired: int
    """Items that only one of the two dumps holds; left out."""
    unmapped: int
    """Items whose data source the held-out file does not tell; left out."""


def read_heldout(folder: Path, families: Families | None = None) -> Heldout:
    """Return the accuracy by data source at the first and the last step dumped in `folder`.

    An item is its prompt's text, and its score the mean over its rollouts of `acc` where the reward function
    gives one, else of `score`. Its source comes from `families`, else from the dump's own `data_source`, else
    every item belongs to `all`.

    Raises ReportError when there are not two dumps, or when they have no item in common.
    """
    steps = dump_steps(folder)
    if len(steps) < 2:
        found = ", ".join(f"{step}.jsonl" for step in steps) or "none"
        raise ReportError(
            f"A gain needs validation dumps of two steps; {folder} holds {found}. Train with "
            f"trainer.validation_data_dir={folder} trainer.val_before_train=true and a trainer.test_freq."
        )
    before, sources = _scores(folder, steps[0])
    after, later = _scores(folder, steps[-1])
    common = [item for item in before if item in after]
    if not common:
        raise ReportError(
            f"{folder}/{steps[0]}.jsonl ({len(before)} items) and {steps[-1]}.jsonl ({len(after)}) have no prompt in "
            "common, so nothing can be paired. Are they of the same validation files and chat template?"
        )
    source_of: Mapping[str, str] = {**sources, **later}
    unmapped = 0
    if families is not None:
        source_of = families.locate(common)
        unmapped = len(common) - len(source_of)
        common = [item for item in common if item in source_of]
    members: dict[str, list[str]] = {}
    for item in common:
        members.setdefault(source_of.get(item, EVERYTHING), []).append(item)
    rows = [_row(source, items, before, after) for source, items in sorted(members.items())]
    if len(rows) > 1:
        rows.append(_row(EVERYTHING, common, before, after))
    return Heldout(steps[0], steps[-1], tuple(rows), len(before.keys() ^ after.keys()), unmapped)


def _row(
    source: str, items: list[str], before: Mapping[str, float], after: Mapping[str, float]
) -> HeldoutRow:
    first, last = [before[item] for item in items], [after[item] for item in items]
    return HeldoutRow(source, sum(first) / len(first), sum(last) / len(last), paired_gain(first, last))


def _scores(folder: Path, step: int) -> tuple[dict[str, float], dict[str, str]]:
    """Return the mean score of every prompt and, where the dump tells it, its data source."""
    scores: dict[str, list[float]] = {}
    sources: dict[str, str] = {}
    for sample in read_dump(folder, step):
        scores.setdefault(sample.item, []).append(sample.score)
        if sample.source is not None:
            sources[sample.item] = sample.source
    return {item: sum(values) / len(values) for item, values in scores.items()}, sources
