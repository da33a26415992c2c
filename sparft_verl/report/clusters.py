"""What an artefact holds, gathered for its page: arms, difficulties, a map, prompts at centres and edges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sparft_verl.artefact import Artefact

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

BINS = 20
MOST_POINTS = 1200
MOST_SHOWN = 40
"""Arms whose prompts and histograms are drawn."""
EACH_END = 3
EXAMPLES = 6
_CHUNK = 65536


@dataclass(frozen=True)
class Prompt:
    """One row as the page shows it."""

    row: int
    """Its number in the input."""
    source: str
    text: str
    difficulty: float
    distance: float
    """From its arm's centre, in feature space."""


@dataclass(frozen=True)
class Clusters:
    """Everything the page draws. K arms, S points on the map."""

    manifest: dict[str, Any]
    shown: list[int]
    """Arms that are drawn one by one: all of them, or the largest."""
    histogram: Ints
    """[K, BINS]: prompts of each arm by difficulty."""
    place: Floats
    """[S, 2]: the sampled prompts on the first two principal components of the features."""
    arm: Ints
    """[S]."""
    tips: list[str]
    """S heads of prompts."""
    share: Floats
    """[2]: share of the features' variance that each axis of the map holds."""
    by_level: list[bool]
    """Whether each axis of the map is mostly difficulty, the features' last column."""
    centre: Floats
    """[K, 2]: the arms' centres on the map."""
    nearest: dict[int, list[Prompt]]
    farthest: dict[int, list[Prompt]]
    removed: dict[str, list[dict[str, Any]]]
    """First examples of each reason."""


def gather(artefact: Artefact) -> Clusters:
    """Return what the page of `artefact` shows; the same artefact gives the same."""
    items, manifest = artefact.items, artefact.manifest
    arm = items["sparft_arm"].to_numpy().astype(np.int64)
    level = items["sparft_difficulty"].to_numpy()
    k = len(manifest["arms"])
    sizes = np.bincount(arm, minlength=k)
    bins = np.minimum((level * BINS).astype(np.int64), BINS - 1)
    histogram = np.bincount(arm * BINS + bins, minlength=k * BINS).reshape(k, BINS)

    x = artefact.features
    centres = _centres(x, arm, k)
    distance = _distances(x, arm, centres)
    axes, mean, share = _axes(x)
    seed = int(manifest["parameters"].get("seed", 0))
    rows = _sample(arm, sizes, seed)
    shown = sorted(np.argsort(-sizes, kind="stable")[:MOST_SHOWN].tolist())
    near: dict[int, list[Prompt]] = {}
    far: dict[int, list[Prompt]] = {}
    order = np.lexsort((distance, arm))
    ends = np.cumsum(sizes)
    for a in shown:
        members = order[ends[a] - sizes[a] : ends[a]]
        split = min(EACH_END, (len(members) + 1) // 2)
        near[a] = _prompts(items, members[:split], distance)
        far[a] = _prompts(items, members[split:][::-1][:EACH_END], distance)
    return Clusters(
        manifest=manifest,
        shown=shown,
        histogram=histogram,
        place=(np.asarray(x[rows], np.float64) - mean) @ axes,
        arm=arm[rows],
        tips=items["sparft_text"].take(rows).to_pylist(),
        share=share,
        by_level=(axes[-1] ** 2 > 0.5).tolist(),
        centre=(centres - mean) @ axes,
        nearest=near,
        farthest=far,
        removed=_examples(artefact),
    )


def _centres(x: np.ndarray[Any, Any], arm: Ints, k: int) -> Floats:
    total = np.zeros((k, x.shape[1]))
    for start in range(0, len(x), _CHUNK):
        part = arm[start : start + _CHUNK]
        np.add.at(total, part, np.asarray(x[start : start + _CHUNK], np.float64))
    return total / np.maximum(np.bincount(arm, minlength=k), 1)[:, None]


def _distances(x: np.ndarray[Any, Any], arm: Ints, centres: Floats) -> Floats:
    parts = [
        np.linalg.norm(x[start : start + _CHUNK] - centres[arm[start : start + _CHUNK]], axis=1)
        for start in range(0, len(x), _CHUNK)
    ]
    return np.concatenate(parts)


def _axes(x: np.ndarray[Any, Any]) -> tuple[Floats, Floats, Floats]:
    """Return the first two principal axes [p, 2] of x [N, p] (largest entry positive), mean and variance shares."""
    mean = x.mean(axis=0, dtype=np.float64)
    covariance = np.zeros((x.shape[1], x.shape[1]))
    for start in range(0, len(x), _CHUNK):
        block = x[start : start + _CHUNK] - mean
        covariance += block.T @ block
    values, vectors = np.linalg.eigh(covariance)
    values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1]
    if x.shape[1] == 1:
        values, vectors = np.append(values, 0.0), np.concatenate([vectors, np.zeros((1, 1))], axis=1)
    first = vectors[:, :2]
    sign = np.sign(first[np.abs(first).argmax(axis=0), [0, 1]])
    return first * np.where(sign == 0, 1.0, sign), mean, values[:2] / max(values.sum(), 1e-300)


def _sample(arm: Ints, sizes: Ints, seed: int) -> Ints:
    """Return at most about MOST_POINTS rows, every arm in proportion to its size and at least one of each."""
    generator = np.random.Generator(np.random.Philox(key=seed))
    order = generator.permutation(len(arm))
    if len(arm) <= MOST_POINTS:
        return np.sort(order)
    quota = np.ceil(sizes * (MOST_POINTS / len(arm))).astype(np.int64)
    by_arm = order[np.argsort(arm[order], kind="stable")]
    starts = np.cumsum(sizes) - sizes
    taken = [by_arm[s : s + q] for s, q in zip(starts, quota, strict=True)]
    return np.sort(np.concatenate(taken))[: 2 * MOST_POINTS]


def _prompts(items: Any, rows: Ints, distance: Floats) -> list[Prompt]:
    part = items.take(rows).to_pylist()
    return [
        Prompt(
            row["sparft_row"], row["sparft_source"], row["sparft_text"], row["sparft_difficulty"], float(away)
        )
        for row, away in zip(part, distance[rows], strict=True)
    ]


def _examples(artefact: Artefact) -> dict[str, list[dict[str, Any]]]:
    removed = artefact.removed
    reasons = removed["sparft_reason"].to_pylist()
    first: dict[str, list[int]] = {}
    for row, reason in enumerate(reasons):
        if len(first.setdefault(reason, [])) < EXAMPLES:
            first[reason].append(row)
    return {reason: removed.take(rows).to_pylist() for reason, rows in first.items()}
