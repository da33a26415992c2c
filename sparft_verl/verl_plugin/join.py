"""Whose data: the user's data set, as verl loaded, cut and filtered it, joined with an artefact by content."""

import hashlib
import sys
from typing import Any

import numpy as np

from sparft_verl.artefact import Artefact, join, row_hash
from sparft_verl.curricula import Arms
from sparft_verl.verl_plugin.errors import CurriculumError

_CHUNK = 1000
_SHOWN = 5


def dataset_content(dataset: Any) -> tuple[list[str], list[str]]:
    """Return the content hash and the data source of every row of a verl data set, in its order.

    `dataset` is verl's RLHFDataset or a subclass; its rows are read from `dataset.dataframe`, after verl's
    own sampling and length filter.
    """
    frame = getattr(dataset, "dataframe", None)
    if frame is None:
        raise CurriculumError(
            f"A curriculum joins the rows of verl's RLHFDataset, but data.custom_cls gave {type(dataset).__name__}, "
            "which has no `dataframe`. Derive it from verl.utils.dataset.rl_dataset.RLHFDataset."
        )
    prompt_key = dataset.prompt_key
    columns = [name for name in (prompt_key, "data_source", "reward_model") if name in frame.column_names]
    hashes: list[str] = []
    sources: list[str] = []
    for table in frame.select_columns(columns).with_format("arrow").iter(batch_size=_CHUNK):
        for row in table.to_pylist():
            hashes.append(row_hash(row, prompt_key))
            sources.append(str(row.get("data_source")))
    return hashes, sources


def join_arms(artefact: Artefact, dataset: Any, *, max_missing: float) -> Arms:
    """Return the arms of `artefact` over the row positions of `dataset`.

    Selected rows that the data set lacks leave their arm; an arm left empty is dropped. Raises CurriculumError
    when nothing joins or when more than the share `max_missing` is gone.
    """
    hashes, sources = dataset_content(dataset)
    positions = join(artefact.keys, artefact.occurrence, hashes)
    found = positions >= 0
    missing = int((~found).sum())
    total = len(positions)
    where = [str(index) for index in np.flatnonzero(~found)[:_SHOWN]]
    if not found.any():
        raise CurriculumError(
            f"None of the {total} selected rows of the artefact is in the training data ({len(hashes)} rows after "
            "verl's own filters). Rows are joined by their prompt, data_source and ground truth: point "
            "data.train_files at the files that `sparft prepare` read, or prepare an artefact from these."
        )
    if missing > max_missing * total:
        raise CurriculumError(
            f"{missing} of the {total} selected rows of the artefact are not in the training data "
            f"({missing / total:.0%}, allowed {max_missing:.0%}; first at selection rows {', '.join(where)}). "
            "They may be cut by data.train_max_samples or data.max_prompt_length, or the data changed since "
            "`sparft prepare`. Train on selection.parquet of the artefact itself, prepare anew, or raise "
            "curriculum.max_missing."
        )
    if missing:
        lost = np.bincount(artefact.arm[~found], minlength=len(artefact.arm_names))
        by_arm = ", ".join(f"{artefact.arm_names[k]} {lost[k]}" for k in np.flatnonzero(lost))
        print(
            f"sparft-verl: {missing} of {total} selected rows are not in the training data and leave their arms "
            f"({by_arm}; first at selection rows {', '.join(where)}).",
            file=sys.stderr,
        )
    kept_arms, arm = np.unique(artefact.arm[found], return_inverse=True)
    rows = positions[found]
    return Arms(
        rows=rows,
        arm=arm.astype(np.int32),
        names=tuple(artefact.arm_names[k] for k in kept_arms),
        difficulty=artefact.difficulty[found] if artefact.difficulty_known else np.full(len(rows), np.nan),
        source=tuple(sources[row] for row in rows),
        fingerprint=_fingerprint(artefact, found),
        references=None if artefact.references is None else artefact.references[found],
    )


def _fingerprint(artefact: Artefact, found: np.ndarray) -> str:
    digest = hashlib.sha256()
    for index in np.flatnonzero(found):
        line = f"{artefact.keys[index]}#{artefact.occurrence[index]}@{artefact.arm[index]}\n"
        digest.update(line.encode())
    return digest.hexdigest()
