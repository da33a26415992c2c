"""The command `sparft replay`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from sparft_verl.curricula import METHODS, CurriculumConfig
from sparft_verl.replay.answer import compare, reproduce, show_comparison, show_reproduction
from sparft_verl.replay.history import ReplayError, load


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sparft replay",
        description="Tell a run's journal again. Without --curriculum: does the method that wrote it choose the same "
        "prompts? With it: what would another one have chosen at each step, and what would that have been worth?",
    )
    parser.add_argument(
        "journal", type=Path, help="the run's trainer.default_local_dir, or its journal.jsonl"
    )
    parser.add_argument("--curriculum", metavar="NAME", help=f"another method: {', '.join(sorted(METHODS))}")
    parser.add_argument(
        "--set",
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help="curriculum.KEY of that method, as JSON or plain text; the seed is the run's unless set here",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything there, step by step")
    return parser


def main(argv: list[str]) -> int:
    """Print the answer; return 0, 1 where a run was not reproduced, 2 where nothing could be replayed."""
    arguments = _parser().parse_args(argv)
    try:
        if arguments.json is not None and not arguments.json.parent.is_dir():
            raise ReplayError(f"--json: the folder {arguments.json.parent} does not exist; create it first")
        settings = _settings(arguments.set)
        if settings and arguments.curriculum is None:
            raise ReplayError("--set speaks of another method; name it with --curriculum")
        history = load(arguments.journal)
        if arguments.curriculum is None:
            answer = reproduce(history)
            text = show_reproduction(answer)
        else:
            seed = {"seed": history.config.seed}
            config = CurriculumConfig.of({**seed, **settings, "method": arguments.curriculum})
            answer = compare(history, config)
            text = show_comparison(answer)
    except ValueError as error:
        print(f"sparft replay: {error}", file=sys.stderr)
        return 2
    print(text)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(answer, indent=1, allow_nan=False) + "\n")
    return 0 if answer.get("reproduced", True) else 1


def _settings(pairs: list[str]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals:
            raise ReplayError(f"--set takes KEY=VALUE, got {pair!r}")
        try:
            out[key.removeprefix("curriculum.")] = json.loads(text)
        except json.JSONDecodeError:
            out[key.removeprefix("curriculum.")] = text
    return out
