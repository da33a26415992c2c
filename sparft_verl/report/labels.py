"""Arm names a reader can place, from the artefact that the run was given."""

from dataclasses import replace
from pathlib import Path

from sparft_verl.artefact import read_artefact
from sparft_verl.report.errors import ReportError
from sparft_verl.report.run import Run
from sparft_verl.report.svg import percent


def named_by(run: Run, folder: Path) -> Run:
    """Return `run` with each arm's name followed by its commonest data source, and that one's share below 100 %.

    Raises ReportError when the artefact at `folder` has other arms than the journal, ArtefactError when it is none.
    """
    arms = read_artefact(folder, verify=False).manifest["arms"]
    names = tuple(str(arm["name"]) for arm in arms)
    if names != run.arm_names:
        raise ReportError(
            f"The artefact {folder} has {len(names)} arms ({', '.join(names[:3])}, …), the journal has "
            f"{len(run.arm_names)} ({', '.join(run.arm_names[:3])}, …). Give --artefact the folder that the run had as "
            "curriculum.artefact."
        )
    return replace(run, arm_names=tuple(_label(arm) for arm in arms))


def _label(arm: dict[str, object]) -> str:
    source, share = arm.get("source"), arm.get("source_share")
    if not isinstance(source, str) or not isinstance(share, float | int):
        return str(arm["name"])
    return f"{arm['name']} {source}" + ("" if share > 0.995 else f" {percent(share)}")
