"""Real verl on CPU: one small data set and artefact for all tests, and a way to start a run."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.e2e_full.runs import Run, launch, make_task


@pytest.fixture(scope="session")
def task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with train.parquet, held_out.parquet and artefact/."""
    pytest.importorskip("verl", reason="needs verl")
    pytest.importorskip("reasoning_gym", reason="needs reasoning-gym")
    return make_task(tmp_path_factory.mktemp("task"))


@pytest.fixture
def start(task: Path, tmp_path: Path) -> Iterator[Callable[..., Run]]:
    """Start the recipe's launch script on the small task; leftovers are killed when the test ends."""
    runs: list[Run] = []

    def start(*overrides: str, **settings: str | int) -> Run:
        run = launch(task, tmp_path / "run", tmp_path / f"log{len(runs)}.txt", *overrides, **settings)
        runs.append(run)
        return run

    yield start
    for run in runs:
        if run.process.poll() is None:
            run.kill()
