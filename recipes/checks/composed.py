"""Every command line of the recipes in verl's own configuration, a process for each core."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from importlib import metadata

from recipes.checks import compose
from recipes.checks.lines import Line, lines, words
from recipes.checks.summary import Summary


def check_compose(only: list[str], summary: Summary) -> Iterator[str]:
    """Yield a line per command line that verl or the plug-in refuses, of all folders or of `only` some."""
    import verl.trainer.main_ppo  # noqa: F401  once, for all that is forked from here

    every = [line for line in lines() if not only or line.recipe in only]
    # fork: verl takes seconds to import
    with compose.verl_config(), multiprocessing.get_context("fork").Pool(os.cpu_count()) as pool:
        for line, refused in zip(every, pool.imap(_refused, every, chunksize=4), strict=True):
            summary.rows[line.recipe].composed += 1
            if refused is not None:
                summary.rows[line.recipe].refused += 1
                yield f"{line}: {refused}"
    print(f"compose: {len(every)} command lines in verl {metadata.version('verl')}", flush=True)


def _refused(line: Line) -> str | None:
    try:
        ours, said = words(line)
        config = compose.check(said, ours)
        if "curriculum" in config:
            compose.check_batch(config, line.script.parent)
    except ValueError as error:
        return str(error)
    return None
