"""`sparft prepare`: the command line of stage A."""

from __future__ import annotations

import argparse
import ast
import inspect
import os
import sys
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_type_hints

from sparft_verl.artefact import ArtefactError
from sparft_verl.prepare.config import PrepareConfig
from sparft_verl.prepare.errors import PrepareError
from sparft_verl.prepare.pipeline import run
from sparft_verl.prepare.settings import from_dotlist
from sparft_verl.prepare.tables import summary

_USAGE = (
    "sparft prepare [--config FILE] [--dry-run] data.train_files=train.parquet out=artefact/ [name=value ...]"
)
_ABOUT = "Reads prompts of any schema, groups them into arms and keeps the most different ones of each."


def main(argv: Sequence[str] | None = None) -> int:
    """Run stage A and return its exit status: 0, or 1 when a rule was broken (the message is on stderr)."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(
        prog="sparft prepare", usage=_USAGE, description=_ABOUT, add_help=False, allow_abbrev=False
    )
    parser.add_argument("-h", "--help", action="store_true", help="this text and every setting")
    parser.add_argument(
        "--config", metavar="FILE", help="YAML file of settings, nested; the command line wins"
    )
    parser.add_argument("--dry-run", action="store_true", help="read, check and estimate; write nothing")
    parser.add_argument("settings", nargs="*", metavar="name=value", help="any of the settings below")
    # argparse takes unknown options apart; here they are settings gone wrong, and said so
    asked, unknown = parser.parse_known_intermixed_args(arguments)
    if asked.help or not arguments:
        print(parser.format_help() + "\nsettings:\n" + settings_help())
        return 0
    # FAISS and torch each bring an OpenMP pool whose idle threads spin; must be set before either is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        config = from_dotlist([*asked.settings, *unknown], asked.config)
        if asked.dry_run:
            from sparft_verl.prepare.dry_run import dry_run

            print(dry_run(config))
            return 0
        artefact = run(config)
    except (PrepareError, ArtefactError) as e:
        print(f"sparft prepare: {e}", file=sys.stderr)
        return 1
    print(summary(artefact.manifest["arms"], artefact.difficulty_known))
    print(f"artefact of {len(artefact.keys)} rows in {len(artefact.arm_names)} arms: {artefact.path}")
    return 0


def settings_help(owner: Any = PrepareConfig, prefix: str = "") -> str:
    """Return one line per setting: name, default, and the sentence that stands under it in the source.

    The settings of a list's objects stand indented below it.
    """
    sentences = _sentences(owner)
    kinds = get_type_hints(owner)
    lines = []
    for entry in fields(owner):
        default = entry.default_factory() if callable(entry.default_factory) else entry.default
        if is_dataclass(default):
            lines.append(settings_help(type(default), f"{prefix}{entry.name}."))
            continue
        shown = "required" if default == "???" else "null" if default is None else default
        lines.append(f"  {prefix + entry.name + '=' + str(shown):<66}{sentences.get(entry.name, '')}")
        for one in get_args(kinds[entry.name]):
            if is_dataclass(one):
                lines.append(settings_help(one, f"{prefix}{entry.name}[]."))
    return "\n".join(lines)


def _sentences(owner: type) -> dict[str, str]:
    body = ast.parse(inspect.getsource(owner)).body[0]
    found = {}
    previous = None
    for node in getattr(body, "body", []):
        text = getattr(getattr(node, "value", None), "value", None)
        if previous and isinstance(node, ast.Expr) and isinstance(text, str):
            found[previous] = " ".join(text.split())
        previous = getattr(getattr(node, "target", None), "id", None)
    return found
