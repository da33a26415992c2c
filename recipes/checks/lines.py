"""Every command line that the recipes promise: folder x curriculum and baseline, and the hydra words each one gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from recipes.checks.record import PREFLIGHT, RECIPES, calls, record, scripts

CURRICULA = ("auto", "sparft", "space", "sparft_target", "sec", "dump", "adarft", "uniform", "stratified")
BASELINES = ("full", "selected", "random", "stratified")
METHODS = [{"CURRICULUM": name} for name in CURRICULA] + [{"BASELINE": name} for name in BASELINES]
TINY, SMOKE = RECIPES / "tiny_cpu" / "run.sh", RECIPES / "smoke_gpu" / "run.sh"
TOKENS = {"BUDGET": "tokens", "TOKENS": "1000000"}
_FOLDERS = {"DATA": "/data", "ARTEFACT": "/artefact", "OUT": "/out"}


@dataclass(frozen=True)
class Line:
    """One command line."""

    script: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    """Environment variables."""

    @property
    def recipe(self) -> str:
        """Return the folder's name."""
        return self.script.parent.name

    def __str__(self) -> str:
        said = " ".join(f"{name}={value}" for name, value in self.settings.items())
        return f"{said} recipes/{self.recipe}/{self.script.name}".strip()


def folders() -> dict[str, list[Path]]:
    """Return each folder's scripts, the main model's first."""
    found: dict[str, list[Path]] = {}
    for script in sorted(
        scripts(), key=lambda path: (path.parent.name, "qwen3_0_6b" not in path.name, path.name)
    ):
        found.setdefault(script.parent.name, []).append(script)
    return {**found, SMOKE.parent.name: [SMOKE], TINY.parent.name: [TINY]}


def lines() -> list[Line]:
    """Return every folder x every curriculum and baseline, each other script once, and two nodes of each folder."""
    found = []
    for recipe, mine in folders().items():
        methods = [{"BASELINE": "full"}, {"CURRICULUM": "auto"}] if recipe == "smoke_gpu" else METHODS
        found += [Line(mine[0], method) for method in methods]
        found += [Line(other) for other in mine[1:]]
        if recipe == "smoke_gpu":
            found += [Line(SMOKE, {**method, "NNODES": "2"}) for method in methods]
        elif recipe != "tiny_cpu":  # one process on one machine
            found.append(Line(mine[0], {"NNODES": "2"}))
    return found


def words(line: Line, extra: Sequence[str] = ()) -> tuple[list[str], list[str]]:
    """Return (ours, the script's): the hydra overrides of a line; ours are those that `sparft train --cpu` puts first.

    Raises ValueError when the script stops, or when BUDGET=tokens would train by other words than equal steps.
    """
    if line.script == TINY:
        return _tiny(line.settings, extra)
    if line.script == SMOKE:
        return [], _smoke(line.settings, extra)
    launch = record(line.script, {**_FOLDERS, **line.settings}, extra)
    if launch.overrides != record(line.script, {**_FOLDERS, **line.settings, **TOKENS}, extra).overrides:
        raise ValueError(
            f"{line}: BUDGET=tokens must change nothing but when the run ends, but the words differ"
        )
    return [], launch.overrides


def _tiny(settings: Mapping[str, str], extra: Sequence[str]) -> tuple[list[str], list[str]]:
    from sparft_verl.train import command

    launch = record(TINY, {**_FOLDERS, **settings}, extra)
    on_cpu, name, *said = (word for word in launch.command[1:] if word != "--curriculum")
    whole, _ = command(said, curriculum=None if name == "none" else name, on_cpu=on_cpu == "--cpu")
    everything = whole[whole.index("verl.trainer.main_ppo") + 1 :]
    return everything[: len(everything) - len(said)], said


def _smoke(settings: Mapping[str, str], extra: Sequence[str]) -> list[str]:
    """Return the words of one of the runs that smoke_gpu/run.sh starts by the script of gsm8k."""
    from recipes.smoke_gpu.smoke import SCRIPT, STEPS

    nodes = {"NNODES": settings.get("NNODES", "1")}
    started = calls(SMOKE, {**_FOLDERS, **nodes}, extra)
    if not started or started[0][:2] != PREFLIGHT or started[-1][:2] != ["-m", "recipes.smoke_gpu.smoke"]:
        raise ValueError(
            f"smoke_gpu/run.sh must start recipes.preflight first and recipes.smoke_gpu.smoke last; it starts "
            f"{[call[:2] for call in started]}"
        )
    handed_on = started[-1][started[-1].index("--") + 1 :]
    one = {**_FOLDERS, "NGPUS": "1", "STEPS": str(STEPS), **settings}
    return record(SCRIPT, one, handed_on).overrides
