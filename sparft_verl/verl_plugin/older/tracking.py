"""The curriculum's metrics beside verl's own, in the back ends that the user named in `trainer.logger`.

The older trainers hand their logger to nobody. Where a back end has one run per process, that run is verl's, and
we log into it; where each logger owns its files, ours stand beside verl's, under the experiment's name + "_sparft".
"""

import importlib
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from omegaconf import DictConfig
from verl.utils.tracking import Tracking

SUFFIX = "_sparft"
ONE_RUN = ("wandb", "mlflow", "swanlab", "trackio")
"""Back ends whose module logs into the run that verl has begun in this process."""
OWN_FILES = ("console", "tensorboard", "file")
PLACES = ("TENSORBOARD_DIR", "VERL_FILE_LOGGER_PATH")
"""Environment variables that name one place for all; a second writer there would cut verl's own short."""


class Metrics:
    """A logger of its own for each back end of a run."""

    def __init__(self, run: DictConfig) -> None:
        names = [run.logger] if isinstance(run.logger, str) else list(run.logger or [])
        names = ["wandb" if name == "tracking" else name for name in names]
        self._shared = [name for name in names if name in ONE_RUN]
        self._own: Tracking | None = None
        own = [name for name in names if name in OWN_FILES]
        if own:
            with _beside_verl():
                self._own = Tracking(run.project_name, f"{run.experiment_name}{SUFFIX}", own)
        left = sorted(set(names) - {*ONE_RUN, *OWN_FILES})
        if left:
            print(
                f"sparft-verl: under this trainer of verl the curriculum's metrics do not reach {', '.join(left)}; "
                f"add one of {', '.join(ONE_RUN + OWN_FILES)} to trainer.logger. The journal holds them anyhow.",
                file=sys.stderr,
            )

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Send `metrics` to every back end as those of optimiser step `step`."""
        for name in self._shared:
            _log_to_run(name, dict(metrics), step)
        if self._own is not None:
            self._own.log(dict(metrics), step)


def _log_to_run(name: str, metrics: dict[str, float], step: int) -> None:
    module: Any = importlib.import_module(name)
    if name == "mlflow":
        module.log_metrics(metrics, step=step)
    else:
        module.log(metrics, step=step)


@contextmanager
def _beside_verl() -> Iterator[None]:
    before = {name: os.environ[name] for name in PLACES if os.environ.get(name)}
    for name, place in before.items():
        stem, extension = os.path.splitext(place.rstrip("/"))
        os.environ[name] = f"{stem}{SUFFIX}{extension}"
    try:
        yield
    finally:
        os.environ.update(before)
