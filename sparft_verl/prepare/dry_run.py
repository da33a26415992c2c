"""`sparft prepare --dry-run`: everything is read and checked, the dear stages are estimated, nothing is written."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import numpy as np

from sparft_verl.artefact import check_replaceable
from sparft_verl.prepare import page
from sparft_verl.prepare import threads as thread_pools
from sparft_verl.prepare.cache import Cache
from sparft_verl.prepare.config import PrepareConfig
from sparft_verl.prepare.difficulty import difficulty
from sparft_verl.prepare.embed import embed, preview
from sparft_verl.prepare.engine import make_workers
from sparft_verl.prepare.progress import Progress
from sparft_verl.prepare.rollouts import rollouts_estimate
from sparft_verl.prepare.stages import Kept, check_sizes, given, read_and_clean
from sparft_verl.prepare.workers import Workers

SAMPLE = 128
"""Prompts that are really embedded, to see how long all of them take."""


def dry_run(config: PrepareConfig) -> str:
    """Return a text for a terminal: rows by source, what cleaning takes out, what is to be computed and for how long.

    Raises what `run` would for input and settings. Cleaning by text runs whole and is therefore exact; cleaning by
    vectors, k-means and selection do not run. No file is written, the cache included.
    """
    config.check()
    check_replaceable(config.out)
    if config.report:
        page.check(config.out)
    pool = config.threads or thread_pools.available()
    progress = Progress(quiet=True)
    began = time.perf_counter()
    kept = read_and_clean(config, Cache(None), pool, progress)
    seconds = time.perf_counter() - began
    look = config.open_cache(read_only=True)
    workers = make_workers(config.engine)
    values = given(kept, config)
    check_sizes(config, len(kept.prompts), values)
    lines = [*_read(kept), *_notes(progress), f"reading and cleaning by text took {_time(seconds)}"]
    lines.append(_difficulty(kept, config, look, workers, pool))
    lines.append(_embedding(kept, config, look, workers, config.engine.threads(pool)))
    later = [name for name in ("semantic", "eval_neighbour") if getattr(config.clean, name)]
    if later:
        lines.append(f"clean.{' and clean.'.join(later)}: known once there are vectors")
    k = "auto" if config.cluster.column is None and config.cluster.k == "auto" else None
    arms = k or str(len({str(value) for value in values or []}) or config.cluster.k)
    lines.append(f"arms: {arms}; kept: {config.select.budget}; nothing was written")
    return "\n".join(lines)


def _read(kept: Kept) -> list[str]:
    lines = [f"rows read: {len(kept.whole)} from {len(kept.whole.inputs)} file(s)"]
    left = Counter(kept.prompts.source)
    for source, count in Counter(kept.whole.source).most_common():
        lines.append(f"  {count:>9}  {source}" + (f", {left[source]} left" if left[source] < count else ""))
    for reason, count in Counter(kept.removed.reason).items():
        lines.append(f"  {-count:>9}  removed: {reason}")
    lines.append(f"rows left: {len(kept.prompts)}")
    return lines


def _notes(progress: Progress) -> list[str]:
    return [f"note: {note}" for note in progress.notes]


def _difficulty(kept: Kept, config: PrepareConfig, look: Cache, workers: Workers, threads: int) -> str:
    own = config.difficulty
    if own.kind != "rollouts":
        level = difficulty(kept.prompts, own, cache=look, workers=workers, seed=config.seed, threads=threads)
        if not level.known:
            return "difficulty: none"
        found = f"from {level.kind}, missing in {int(level.missing.sum())} rows"
        return f"difficulty: {found}" + (f", {len(level.drop)} left out for it" if len(level.drop) else "")
    cost = rollouts_estimate(kept.prompts, own.rollouts, cache=look, seed=config.seed)
    return (
        f"difficulty: {own.rollouts.k} responses of {own.rollouts.model} to each of {cost['prompts']} different "
        f"prompts; {cost['cached']} are in the cache, {cost['rollouts']} responses of at most "
        f"{own.rollouts.max_tokens} tokens are to be made ({cost['most_tokens']} tokens at most)"
    )


def _embedding(kept: Kept, config: PrepareConfig, look: Cache, workers: Workers, threads: int) -> str:
    texts = kept.prompts.text
    different, cached = preview(config.embed, texts, cache=look, workers=workers, seed=config.seed)
    share = f"{cached / different:.0%}" if different else "none"
    head = f"embedding with {config.embed.engine}: {different} different texts, {share} in the cache"
    if config.embed.engine not in ("sentence_transformers", "vllm") or cached == different:
        return head
    # evenly spaced by length, so that the sample's mean cost is that of the whole
    order = np.argsort([len(text) for text in texts], kind="stable")
    picked = np.unique(np.linspace(0, len(order) - 1, min(SAMPLE, len(order))).astype(np.int64))
    sample = list(dict.fromkeys(texts[int(i)] for i in order[picked]))
    how: dict[str, Any] = {"cache": Cache(None), "workers": workers, "seed": config.seed, "threads": threads}
    embed(config.embed, sample[:1], **how)  # imports the engine and fills the disk's cache
    start = time.perf_counter()
    embed(config.embed, sample[:1], **how)
    loading = time.perf_counter() - start
    start = time.perf_counter()
    done = embed(config.embed, sample, **how)
    whole = time.perf_counter() - start
    # every call loads the model anew; that is taken off, as far as a noisy clock allows
    each = max(whole - loading, 0.1 * whole) / len(sample)
    left = different - cached
    tokens = (
        f"about {done.cost.tokens / len(sample) * different:,.0f} tokens in all, " if done.cost.tokens else ""
    )
    return f"{head}; {tokens}about {_time(each * left)} for the rest ({len(sample)} texts were timed)"


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
