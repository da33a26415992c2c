"""The command `sparft report`."""

import argparse
import sys
from pathlib import Path

from sparft_verl.artefact import ArtefactError, is_artefact, read_artefact
from sparft_verl.atomic import written_aside
from sparft_verl.report.cluster_page import page_path, write_page
from sparft_verl.report.errors import ReportError
from sparft_verl.report.families import read_families
from sparft_verl.report.gather import find_journal, gather
from sparft_verl.report.heldout import read_heldout
from sparft_verl.report.labels import named_by
from sparft_verl.report.page import render
from sparft_verl.report.tables import arm_rows, format_table
from sparft_verl.report.validation import dump_steps
from sparft_verl.report.verl_log import read_metrics


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sparft report",
        description="One HTML page of what a curriculum did in a run, or of what stage A put into an artefact.",
    )
    parser.add_argument(
        "run",
        type=Path,
        metavar="RUN_DIR",
        help="verl's trainer.default_local_dir, or the journal itself, or an artefact's folder",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="where to write the page (default: RUN_DIR/report.html; of an artefact: FOLDER.html beside it)",
    )
    parser.add_argument(
        "--metrics",
        type=Path,
        metavar="FILE",
        help="what verl's file logger wrote (default: RUN_DIR/metrics.jsonl if there)",
    )
    parser.add_argument(
        "--validation",
        type=Path,
        metavar="DIR",
        help="verl's trainer.validation_data_dir (default: RUN_DIR/validation if it holds two steps)",
    )
    parser.add_argument(
        "--heldout",
        type=Path,
        metavar="FILE",
        help="the parquet that was data.val_files: tells the items' data sources",
    )
    parser.add_argument(
        "--artefact",
        type=Path,
        metavar="DIR",
        help="the run's curriculum.artefact: adds to each arm its data source",
    )
    parser.add_argument("--text", action="store_true", help="print the tables, too")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Write the page and return the exit status: 0, or 2 when an input cannot be used."""
    arguments = _parser().parse_args(argv)
    try:
        print(_report(arguments))
    except (ReportError, ArtefactError, OSError) as error:
        print(f"sparft report: {error}", file=sys.stderr)
        return 2
    return 0


def _report(arguments: argparse.Namespace) -> str:
    if is_artefact(arguments.run):
        return _artefact_page(arguments)
    journal = find_journal(arguments.run)
    folder: Path = arguments.run if arguments.run.is_dir() else _run_of(journal)
    run = gather(journal)
    if arguments.artefact:
        run = named_by(run, arguments.artefact)

    metrics_file = _given(arguments.metrics) or folder / "metrics.jsonl"
    metrics = read_metrics(metrics_file) if metrics_file.is_file() else {}

    validation = _given(arguments.validation) or folder / "validation"
    wanted = (
        arguments.validation is not None or arguments.heldout is not None or len(dump_steps(validation)) > 1
    )
    families = read_families(arguments.heldout) if arguments.heldout else None
    heldout = read_heldout(validation, families) if wanted else None

    out: Path = arguments.out or folder / "report.html"
    page = render(run, folder.resolve().name, heldout, metrics)
    _write(out, page)

    said = []
    if arguments.text:
        said.append(format_table(arm_rows(run)) + "\n")
        if heldout:
            said.append(f"held-out accuracy, steps {heldout.first} and {heldout.last}")
            said.append(format_table(heldout.rows) + "\n")
    said.append(f"{out}: {len(run.steps)} steps, {int(run.series.pulls.sum())} prompts served")
    return "\n".join(said)


def _artefact_page(arguments: argparse.Namespace) -> str:
    artefact = read_artefact(arguments.run)
    out: Path = arguments.out or page_path(arguments.run)
    write_page(artefact, out)
    return f"{out}: {len(artefact.keys)} prompts selected in {len(artefact.arm_names)} arms"


def _run_of(journal: Path) -> Path:
    """Return the run directory of a journal given by itself: its own folder when that is no `sparft/`."""
    return (
        journal.resolve().parent.parent
        if journal.resolve().parent.name == "sparft"
        else journal.resolve().parent
    )


def _given(path: Path | None) -> Path | None:
    if path is not None and not path.exists():
        raise ReportError(f"There is no {path}; leave the option out, or give the path that verl wrote to.")
    return path


def _write(out: Path, page: str) -> None:
    # aside, so that a page being looked at is never half a page
    with written_aside(out, durable=False) as aside:
        aside.write_text(page, encoding="utf-8")
