"""The page beside an artefact, drawn by `report` from the finished folder."""

from __future__ import annotations

from sparft_verl.artefact import Artefact
from sparft_verl.prepare.errors import PrepareError


def check(out: str) -> None:
    """Raise PrepareError if the page of the artefact at `out` would take the place of something else."""
    from sparft_verl.report.cluster_page import check_page, page_path
    from sparft_verl.report.errors import ReportError

    try:
        check_page(page_path(out))
    except ReportError as e:
        raise PrepareError(str(e)) from e


def write(artefact: Artefact, out: str) -> None:
    """Write the page of the artefact at `out` beside it; PrepareError when the disk refuses."""
    from sparft_verl.report.cluster_page import page_path, write_page

    path = page_path(out)
    try:
        write_page(artefact, path)
    except OSError as e:
        raise PrepareError(
            f"the page must be written to {path}, but the disk refused ({e}); the artefact itself is complete: "
            f"free space and run `sparft report {out}`, or set report=false"
        ) from e
