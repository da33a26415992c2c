"""The command line that the data scripts share."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from recipes.rows import RecipeError, Row, write

Build = Callable[[Path | None], Mapping[str, Sequence[Row]]]
Generate = Callable[[int | None, int | None, int], Mapping[str, Sequence[Row]]]


def _parser(recipe: str, about: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m recipes.{recipe}.data", description=about)
    parser.add_argument("--out", type=Path, required=True, help="folder for the parquet files and data.json")
    parser.add_argument(
        "--limit", type=int, help="keep so many rows of each file (of each level, where there are levels)"
    )
    parser.add_argument("--any-hash", action="store_true", help="accept other rows than hashes.toml expects")
    return parser


def _positive(parser: argparse.ArgumentParser, name: str, value: int | None) -> None:
    if value is not None and value < 1:
        parser.error(f"{name} must be at least 1, but found {value}; correct it")


def _finish(write_all: Callable[[], list[str]], recipe: str, out: Path) -> int:
    try:
        lines = write_all()
    except RecipeError as e:
        print(f"recipes.{recipe}.data: {e}", file=sys.stderr)
        return 1
    print("\n".join([*lines, f"written to {out}"]))
    return 0


def download(recipe: str, about: str | None, build: Build, argv: Sequence[str] | None = None) -> int:
    """Write the data of a recipe whose rows exist already; return the exit status."""
    parser = _parser(recipe, about)
    parser.add_argument(
        "--from", dest="folder", type=Path, help="folder with local copies, instead of the hub"
    )
    asked = parser.parse_args(argv)
    _positive(parser, "--limit", asked.limit)

    def write_all() -> list[str]:
        splits = {name: rows[: asked.limit] for name, rows in build(asked.folder).items()}
        way = "hub" if asked.folder is None else "copy"
        return write(asked.out, recipe, way, splits, cut=asked.limit is not None, any_hash=asked.any_hash)

    return _finish(write_all, recipe, asked.out)


def generate(recipe: str, about: str | None, build: Generate, argv: Sequence[str] | None = None) -> int:
    """Write the data of a recipe whose rows are generated; return the exit status."""
    parser = _parser(recipe, about)
    parser.add_argument(
        "--train", type=int, help="rows of each level to train on, instead of the recipe's own or --limit"
    )
    parser.add_argument("--workers", type=int, default=1, help="processes; changes no row")
    asked = parser.parse_args(argv)
    _positive(parser, "--limit", asked.limit)
    _positive(parser, "--train", asked.train)
    _positive(parser, "--workers", asked.workers)

    def write_all() -> list[str]:
        splits = build(asked.limit, asked.train, asked.workers)
        cut = asked.limit is not None or asked.train is not None
        return write(asked.out, recipe, "made", splits, cut=cut, any_hash=asked.any_hash)

    return _finish(write_all, recipe, asked.out)
